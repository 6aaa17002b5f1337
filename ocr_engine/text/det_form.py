r"""The second form of grounded answers, Unlimited-OCR's: `<|det|>title [28, 381, 215, 399]<|/det|>Words`.

The label stands in the tag of its boxes, the text follows on the same line without marks of markdown, and
blocks are a line apart. Here such an answer is put into the first form, which `grounding` reads. A text says
itself which form it has, so that stored text can be read without knowing its model.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace

from ocr_engine.families import TOKENS
from ocr_engine.records import Block

LABEL_IN_DET = re.compile(r"[ \t]*([A-Za-z][A-Za-z_]{1,31})[ \t]*(?=\[)")
"""A label before boxes, where `<|det|>` was just read."""
PERHAPS_LABEL = re.compile(r"[ \t]*(?:[A-Za-z][A-Za-z_]{0,31}[ \t]*)?\Z")
"""What may become one once more text is there."""

_OPEN = re.compile(re.escape(TOKENS.det_open) + LABEL_IN_DET.pattern)
_BOX = r"\[[0-9]{1,3}(?:, ?[0-9]{1,3}){3}\]"
_WHOLE = re.compile(rf"{_OPEN.pattern}({_BOX}(?:, ?{_BOX})*){re.escape(TOKENS.det_close)}")
_CLOSED = re.compile(re.escape(TOKENS.det_close))
_HEADINGS = {"title": "# ", "sub_title": "## ", "subtitle": "## ", "section_header": "## "}


def is_det_form(raw: str) -> bool:
    """Whether an answer's labels stand in its box tags. Text with one tag of the first form has that form."""
    return TOKENS.ref_open not in raw and _OPEN.search(raw) is not None


def in_first_form(raw: str) -> str:
    """The answer with its tags as `grounding` knows them. Linear; all text stays."""
    label = rf"{TOKENS.ref_open}\1{TOKENS.ref_close}"
    raw = _WHOLE.sub(rf"{label}{TOKENS.det_open}[\2]{TOKENS.det_close}", raw)
    return _OPEN.sub(rf"{label}{TOKENS.det_open}", raw)


def as_markdown(block: Block) -> Block:
    """A block of such an answer with what the first form's text has: marks of headings, lines around it."""
    text = block.content.strip("\n")
    mark = _HEADINGS.get(block.label, "") if text and not text.startswith("#") else ""
    return replace(block, content=f"\n{mark}{text}\n\n" if block.label else block.content)


def spans_before(spans: Iterable[tuple[int, int]], raw: str, first_form: str) -> list[tuple[int, int]]:
    """Places in the first form as places in the answer it was made of: what follows a tag is the same."""
    ours, theirs = ([0, *(tag.end() for tag in _CLOSED.finditer(text))] for text in (first_form, raw))

    def before(place: int) -> int:
        at = bisect_right(ours, place) - 1
        return min(place - ours[at] + theirs[at], len(raw))

    return [(before(start), before(end)) for start, end in spans]
