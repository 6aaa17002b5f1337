"""The markdown of a block in, Docling's items out: headings, texts, list items, code, formulas, tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from ocr_engine.outputs.exports.block_words import parts_of
from ocr_engine.outputs.exports.page_html import MAX_PAGE_CHARS, with_formulas_apart
from ocr_engine.outputs.exports.table_cells import PlacedCell, grid, tables_in

_FORMULAS = frozenset({"equation", "formula", "isolate_formula"})
_DELIMITERS = (("\\[", "\\]"), ("$$", "$$"), ("\\(", "\\)"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_STARTS = frozenset({*_HEADINGS, "p", "li", "pre", "blockquote", "ul", "ol", "caption", "dt", "dd", "br"})
_PutBack = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `kind` is its label in Docling, `text` for what the block's own label names."""

    kind: str
    text: str
    level: int = 0
    is_numbered: bool = False
    marker: str = ""
    depth: int = 0
    """Of a list item: how many lists it is in."""
    cells: Sequence[PlacedCell] | None = None
    table: int = 0
    """Counts the block's tables, from 0."""


def items_of(markdown: str, label: str, level: int) -> Iterator[Item]:
    """The items of a block in order. `level` is that of its first heading in the document's outline, or 0."""
    if formula := _formula(markdown.strip(), label):
        yield Item("formula", formula)
        return
    html, put_back = with_formulas_apart(markdown[:MAX_PAGE_CHARS])
    tables = 0
    for part, is_table in parts_of(html):
        if not is_table:
            for item in _texts(part):
                found = replace(item, text=put_back(item.text))
                yield _leveled(found, level) if found.level else found
                level = 0 if found.level else level
            continue
        for rows in tables_in(part):
            cells = tuple(replace(cell, text=put_back(cell.text)) for cell in grid(rows))
            yield Item("table", "", cells=cells, table=tables)
            tables += 1


def _formula(text: str, label: str) -> str:
    """LaTeX of a block that is one formula; empty for any other."""
    for start, end in _DELIMITERS:
        inner = text.removeprefix(start).removesuffix(end)
        is_whole = len(inner) == len(text) - len(start) - len(end)
        if is_whole and start not in inner and end not in inner and (start != "\\(" or label in _FORMULAS):
            return inner.strip()
    return ""


def _leveled(item: Item, level: int) -> Item:
    """A heading as Docling has it: the first level is a title, others count from there."""
    level = level or item.level
    return replace(item, kind="title", level=0) if level == 1 else replace(item, level=level - 1)


def _texts(html: str) -> Iterator[Item]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end()
    yield from reader.items


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.items: list[Item] = []
        self._now = Item("text", "")
        self._words: list[str] = []
        self._lists: list[int] = []
        """Of each list that is open, the number of its next item; 0 for bullets."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("ul", "ol"):
            start = dict(attrs).get("start") or "1"
            self._lists.append(int(start) if tag == "ol" and start.isdigit() else int(tag == "ol"))
        if tag == "br":
            self._words.append("\n")
        elif tag in _STARTS and not (tag == "p" and self._now.kind == "list_item"):
            self.end()
            self._now = self._started(tag)

    def _started(self, tag: str) -> Item:
        if tag in _HEADINGS:
            return Item("section_header", "", _HEADINGS[tag])
        if tag == "pre":
            return Item("code", "")
        if tag == "li" and self._lists:
            number = self._lists[-1]
            self._lists[-1] += number > 0
            marker, depth = f"{number}." if number else "-", len(self._lists)
            return Item("list_item", "", is_numbered=number > 0, marker=marker, depth=depth)
        return Item("text", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _STARTS and not (tag == "p" and self._now.kind == "list_item"):
            self.end()

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def end(self) -> None:
        """What began ends here; what follows is text."""
        text = "".join(self._words)
        lines = text.strip("\n") if self._now.kind == "code" else _tidy(text)
        if lines.strip():
            self.items.append(replace(self._now, text=lines))
        self._words, self._now = [], Item("text", "")


def _tidy(text: str) -> str:
    return "\n".join(line for line in (" ".join(line.split()) for line in text.split("\n")) if line)
