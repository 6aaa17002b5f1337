"""Makes exactly the text that the official scripts make of an answer, quirks included.

Sources: `run_dpsk_ocr_pdf.py`, `run_dpsk_ocr_image.py`, `run_dpsk_ocr_eval_batch.py` of DeepSeek-OCR (V1) and
DeepSeek-OCR-2 (V2). These quirks are kept:
- Text is cleaned inside the loop over tags. A page without tags is not cleaned, and the newlines left depend
  on the number of tags.
- Links count tags, while the figure files count boxes.
- A `<|ref|>` without boxes swallows the text up to the next `<|/det|>`. For this reason the tags are searched
  for here, not in `grounding`.

One is mended: the PDF script drops a page without end of sequence, page split included. Here it is kept, so
that page indexes count all pages.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ocr_engine.config.presets import OFFICIAL_PAGE_SPLIT
from ocr_engine.families import TOKENS

_IMAGE_TAG = f"{TOKENS.ref_open}image{TOKENS.ref_close}"
_BETWEEN = TOKENS.ref_close + TOKENS.det_open
_MAX_WORK = 50_000_000
"""The most characters times tags. The scripts go through all text for each tag; real pages need a million.

Beyond it all tags are removed in one pass, which differs only if the removal of one tag creates another.
"""
_MAX_SETTLING = 32
_QUAD_CONDITION = re.compile(r"\\quad\s*\(")


def page_det(raw: str) -> str:
    """Make the page's part of `NAME_det.mmd`: raw text without end of sequence, then the page split."""
    return raw.replace(TOKENS.eos, "") + OFFICIAL_PAGE_SPLIT


def page_mmd(raw: str, page_index: int) -> str:
    """Make the page's part of `NAME.mmd`: figures as `images/<page_index>_<k>.jpg`, then the page split."""
    raw = raw.replace(TOKENS.eos, "")
    content = _link_images(raw, f"{page_index}_")
    return _without(content, _other_tags(raw), _tidy_page) + OFFICIAL_PAGE_SPLIT


def image_mmd(raw: str) -> str:
    """Make `result.mmd` of the image script: a PDF's page without page index, collapsing and page split."""
    return _without(_link_images(raw, ""), _other_tags(raw), _plain_symbols)


def eval_md(raw: str, remove_center: bool = True) -> str:
    """Make the benchmark script's `NAME.md`: that of V1 with `remove_center`, else that of V2.

    Conditions such as `\\quad (x>0)` are deleted from one-line display formulas, even real ones.
    """
    content = _clean_formulas(raw)
    return _without(content, list(_tags(content)), _tidy_v1 if remove_center else _collapse_newlines)


def _tags(text: str) -> Iterator[str]:
    r"""What `re.findall(r"<\|ref\|>(.*?)<\|/ref\|><\|det\|>(.*?)<\|/det\|>", text, re.DOTALL)` matches.

    In linear time: the expression takes minutes on a page of unclosed tags.
    """
    position = 0
    while True:
        start = text.find(TOKENS.ref_open, position)
        between = text.find(_BETWEEN, start + len(TOKENS.ref_open)) if start >= 0 else -1
        close = text.find(TOKENS.det_close, between + len(_BETWEEN)) if between >= 0 else -1
        if close < 0:
            return
        position = close + len(TOKENS.det_close)
        yield text[start:position]


def _other_tags(text: str) -> list[str]:
    return [tag for tag in _tags(text) if _IMAGE_TAG not in tag]


def _link_images(text: str, prefix: str) -> str:
    images = [tag for tag in _tags(text) if _IMAGE_TAG in tag]
    links = [f"![](images/{prefix}{index}.jpg)\n" for index in range(len(images))]
    if len(images) * len(text) > _MAX_WORK:
        # Equal tags all become the first one's link.
        return _replaced_at_once(text, dict(zip(reversed(images), reversed(links), strict=True)))
    for tag, link in zip(images, links, strict=True):
        text = text.replace(tag, link)
    return text


def _without(text: str, tags: Sequence[str], tidy: Callable[[str], str]) -> str:
    """Remove the tags one by one and tidy the text after each, as the scripts do."""
    if len(tags) * len(text) > _MAX_WORK:
        text = _replaced_at_once(text, dict.fromkeys(tags, ""))
        tags = [""] * _MAX_SETTLING
    for tag in tags:
        text = tidy(text.replace(tag, "") if tag else text)
    return text


def _replaced_at_once(text: str, replacements: Mapping[str, str]) -> str:
    out: list[str] = []
    position = 0
    for tag in _tags(text):
        start = text.index(tag, position)
        out += [text[position:start], replacements.get(tag, tag)]
        position = start + len(tag)
    return "".join([*out, text[position:]])


def _tidy_page(text: str) -> str:
    return _collapse_newlines(_plain_symbols(text))


def _tidy_v1(text: str) -> str:
    return _collapse_newlines(text).replace("<center>", "").replace("</center>", "")


def _plain_symbols(text: str) -> str:
    return text.replace("\\coloneqq", ":=").replace("\\eqqcolon", "=:")


def _collapse_newlines(text: str) -> str:
    return text.replace("\n\n\n\n", "\n\n").replace("\n\n\n", "\n\n")


def _clean_formulas(text: str) -> str:
    return "\n".join(map(_clean_formulas_of_line, text.split("\n")))


def _clean_formulas_of_line(line: str) -> str:
    out: list[str] = []
    position = 0
    while (start := line.find("\\[", position)) >= 0 and (end := line.find("\\]", start + 2)) >= 0:
        formula = _without_conditions(line[start + 2 : end]).strip()
        out += [line[position:start], f"\\[{formula}\\]"]
        position = end + 2
    return "".join([*out, line[position:]])


def _without_conditions(formula: str) -> str:
    """`re.sub(r"\\\\quad\\s*\\([^)]*\\)", "", formula)` in linear time."""
    out: list[str] = []
    position = 0
    while found := _QUAD_CONDITION.search(formula, position):
        end = formula.find(")", found.end())
        if end < 0:
            break
        out.append(formula[position : found.start()])
        position = end + 1
    return "".join([*out, formula[position:]])
