"""HTML of strangers in, the same HTML whose tables a browser lays out at once.

A browser makes a slot for each row in each column. Ten thousand cells that span a thousand rows and columns
each are more slots than memory has.
"""

import html
import re
from collections import defaultdict

PAGE_SLOTS = 1_000_000
"""Rows times columns of all tables of a page; Chromium lays out a million in about 0.2 s."""
_TAG = re.compile(r"<(/?)(table|tr|td|th)((?: [a-z]+=\"[^\"]*\")*+)>")
_SPAN = re.compile(r"(col|row)span=\"([0-9]{1,5})\"")
_SPANNED_CELL = re.compile(r"<(td|th)(?: (?:col|row)span=\"[0-9]*\")+>")
_TO_THE_END = 1 << 16


class Room:
    """The slots that are left for the tables of one page, and their HTML within them."""

    def __init__(self, slots: int = PAGE_SLOTS) -> None:
        self._left = slots

    def bounded(self, markup: str) -> str:
        """Sanitised HTML; a table that does not fit loses its spans, or else is shown as its source."""
        out: list[str] = []
        unclosed: list[_Table] = []
        position = 0
        for tag in _TAG.finditer(markup):
            closing, name, attributes = tag.groups()
            if name == "table" and not closing:
                out.append(markup[position : tag.start()])
                position = tag.start()
                unclosed.append(_Table(len(out), tag.start()))
            elif unclosed and name == "table":
                table = unclosed.pop()
                out.append(markup[position : tag.end()])
                position = tag.end()
                source = markup[table.start : tag.end()]
                out[table.at :] = [self._fitted(table, "".join(out[table.at :]), source)]
            elif unclosed and not closing:
                unclosed[-1].add(name, attributes)
        return "".join([*out, markup[position:]])

    def _fitted(self, table: "_Table", written: str, source: str) -> str:
        slots, without_spans = table.rows * table.columns, table.rows * table.cells
        if slots <= self._left:
            self._left -= slots
            return written
        if without_spans <= self._left:
            self._left -= without_spans
            return _SPANNED_CELL.sub(r"<\1>", written)
        return f"<pre>{html.escape(source)}</pre>"


class _Table:
    """How many rows and columns the tags of a table make.

    `at` is where it starts in what is written, `start` where in the source.
    """

    def __init__(self, at: int, start: int) -> None:
        self.at = at
        self.start = start
        self.rows = self.columns = self.cells = 0
        self._columns_now = self._cells_now = 0
        self._ending: defaultdict[int, int] = defaultdict(int)

    def add(self, name: str, attributes: str) -> None:
        """Take up the start of a row or of a cell."""
        if name == "tr":
            self.rows += 1
            self._columns_now -= self._ending.pop(self.rows, 0)
            self._cells_now = 0
            return
        spans = {way: int(number) for way, number in _SPAN.findall(attributes)}
        columns, rows = max(1, spans.get("col", 1)), spans.get("row", 1) or _TO_THE_END
        self._columns_now += columns
        self._cells_now += 1
        self._ending[self.rows + rows] += columns
        self.columns, self.cells = max(self.columns, self._columns_now), max(self.cells, self._cells_now)
