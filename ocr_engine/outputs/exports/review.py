"""`review/`: a page of the document beside what was read of it, box by box, to look through from disk.

One file a page, so that a thousand pages open as fast as one. Works without scripts (a box links to its text
and back); a script of ours, allowed by its hash alone, adds the keyboard and stepping by status.
"""

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ocr_engine.log import printable
from ocr_engine.outputs.drawing import MAX_DRAWN_BOXES, color_of
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.page_files import remove_folder, remove_pages, write_files
from ocr_engine.outputs.exports.page_html import rendered, to_html
from ocr_engine.outputs.exports.plain_rows import plain_rows
from ocr_engine.outputs.exports.review_changes import (
    ShownChange,
    agreements_of,
    changes_of,
    confidences_of,
    text_as_read,
)
from ocr_engine.outputs.exports.table_bounds import Room
from ocr_engine.outputs.files import write_atomic
from ocr_engine.outputs.templates import environment, policy, read, styles
from ocr_engine.outputs.text_marks import TextPiece, marked
from ocr_engine.records import Box, PageStatus, page_stem

INDEX = "index.html"
MAX_BLOCKS = 3_000
"""Blocks shown of one page; more is a loop."""
_DOUBTS, _A_DOUBT = 4, 0.05
"""Shades of boxes, and how much less sure each stands for."""
_WORDS_CHARS = 90
_WORDS_BLOCKS = 4
_ALL = "all"
BothTexts = Sequence[Sequence[TextPiece]]
Near = dict[str, dict[str, str]]
"""Status or `all` -> `previous` and `next` -> file."""
_STATUSES = tuple(status.value for status in PageStatus)


@dataclass(frozen=True, slots=True)
class _ListedPage:
    """A page in the list of pages."""

    number: int
    status: str
    tokens: int
    words: str

    @property
    def file(self) -> str:
        return _file(self.number)


@dataclass(frozen=True, slots=True)
class _ShownBlock:
    """A block as the page shows it."""

    at: int
    label: str
    html: str
    boxes: Sequence[Box]
    color: str
    agreement: str = ""
    """How it agrees with the page's text layer."""
    changes: Sequence[ShownChange] = ()
    texts: BothTexts = ()
    """What was read and what the page has, in pieces, where they differ."""
    sure: float | None = None
    """How sure the model was of its words, where that is known."""

    @property
    def doubt(self) -> int:
        """From 0, sure, to `_DOUBTS`: how much its box is shaded."""
        return 0 if self.sure is None else min(int((1 - self.sure) / _A_DOUBT), _DOUBTS)


def write(document: SourceDocument, folder: Path) -> None:
    """Write a file a page and `index.html`, take away files of pages that are gone. Raises OutputError."""
    entries = [_entry(document, page) for page in document.pages()]
    near = _neighbours(entries)
    files = (
        (folder / entries[at].file, _page(document, page, at, near[at], entries))
        for at, page in enumerate(document.pages())
    )
    write_files(files)
    write_atomic(folder / INDEX, _index(document, entries))
    remove_pages(folder, ".html", document.last_page, kept={entry.number for entry in entries})


def remove(folder: Path, last_page: int) -> None:
    """Take away what `write` has written of pages 1 to `last_page`; the folder too, if nothing else is in it.

    Raises OSError.
    """
    remove_pages(folder, ".html", last_page)
    (folder / INDEX).unlink(missing_ok=True)
    remove_folder(folder)


def _file(page: int) -> str:
    return f"{page_stem(page)}.html"


def _entry(document: SourceDocument, page: SourcePage) -> _ListedPage:
    record = page.record
    return _ListedPage(record.page, record.status.value, record.text_tokens, _words(document, page))


def _words(document: SourceDocument, page: SourcePage) -> str:
    """The first words of a page, or why it has none."""
    head = page.text[: 8 * _WORDS_CHARS].split("\n\n")[:_WORDS_BLOCKS]
    rows = plain_rows(rendered("\n\n".join(head)))
    return printable(" ".join(cell for row in rows for cell in row) or page.record.reason, _WORDS_CHARS)


def _page(
    document: SourceDocument, page: SourcePage, at: int, near: Near, entries: Sequence[_ListedPage]
) -> str:
    record = page.record
    blocks = list(_blocks(document, page))
    ratio = record.compression_ratio
    geometry = record.geometry
    return _render(
        "review_page.html.j2",
        dict(
            name=printable(document.name),
            page=record.page,
            place=f"{record.page:,}{'' if at + 1 == record.page else f', {at + 1:,}'} of {len(entries):,}",
            status=record.status.value,
            reason=printable(" ".join(record.reason.split())),
            facts=f"{record.text_tokens:,} from {record.vision_tokens:,} tokens" if ratio else "",
            near=near,
            statuses=_counts(entries),
            image=f"../pages/{page.image.name}" if page.image else "",
            width=geometry.width_px if geometry else 0,
            height=geometry.height_px if geometry else 0,
            drawn=[block for block in blocks if block.boxes],
            blocks=blocks,
        ),
    )


def _blocks(document: SourceDocument, page: SourcePage) -> Iterator[_ShownBlock]:
    left = MAX_DRAWN_BOXES
    texts, room = document.block_texts(page.record), Room()
    changes, agreements = changes_of(page.record), agreements_of(page.record)
    others = {one.block: one.text for one in page.record.differences}
    sure = confidences_of(page.record)
    for at, (block, text) in enumerate(zip(page.record.blocks, texts, strict=True)):
        if at >= MAX_BLOCKS:
            yield _ShownBlock(
                at, "", html.escape(f"{len(texts) - at:,} more blocks are in pages.jsonl"), (), ""
            )
            return
        boxes = block.boxes[:left]
        left -= len(boxes)
        if text.strip() or boxes:
            color = "rgb({}, {}, {})".format(*color_of(block.label))
            shown = _ShownBlock(at, printable(block.label, 60), to_html(text, room), boxes, color)
            both = marked(text_as_read(text), others[at]) if at in others else ()
            shown = replace(shown, changes=changes.get(at, ()), agreement=agreements.get(at, ""), texts=both)
            yield replace(shown, sure=sure[at].mean) if at in sure else shown


def _neighbours(entries: Sequence[_ListedPage]) -> list[Near]:
    """For each page, among all pages and among those of each status: the files before and after it."""
    found: list[Near] = [{} for _ in entries]
    for way, order in (("previous", range(len(entries))), ("next", range(len(entries) - 1, -1, -1))):
        last: dict[str, str] = {}
        for at in order:
            for status in (_ALL, *_STATUSES):
                if status in last:
                    found[at].setdefault(status, {})[way] = last[status]
            last[_ALL] = last[entries[at].status] = entries[at].file
    return found


def _counts(entries: Sequence[_ListedPage]) -> list[tuple[str, int]]:
    counts = Counter(entry.status for entry in entries)
    return [(status, counts[status]) for status in _STATUSES if counts[status]]


def _index(document: SourceDocument, entries: Sequence[_ListedPage]) -> str:
    return _render(
        "review_index.html.j2",
        {
            "name": printable(document.name),
            "given": printable(document.given),
            "pages": entries,
            "statuses": _counts(entries),
        },
    )


def _render(template: str, values: Mapping[str, Any]) -> str:
    style, script = _style(), read("review.js")
    values = {**values, "style": style, "script": script, "policy": policy(style, script)}
    return str(environment().get_template(template).render(**values))


@lru_cache(maxsize=1)
def _style() -> str:
    hidden = (f".index:has(#only-{status}:checked) .list li:not(.{status})" for status in _STATUSES)
    return styles("page.css", "review.css") + ", ".join(hidden) + " { display: none; }\n"
