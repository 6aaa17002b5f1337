"""HTML of a page or block in, the rows of plain text it shows out: what a search finds."""

from html.parser import HTMLParser

Row = list[str]
"""The cells of a table's row; one cell for a paragraph or a line."""
_ROW_TAGS = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "blockquote", "pre", "caption", "table", "dt", "dd",
})  # fmt: skip
_CELL_TAGS = frozenset({"td", "th"})


def plain_rows(markup: str) -> list[Row]:
    """The text row by row, space runs as one space; rows and cells without text are left out."""
    parser = _Rows()
    parser.feed(markup)
    parser.close()
    rows = ([" ".join(cell.split()) for cell in row] for row in parser.rows)
    return [row for row in ([cell for cell in row if cell] for row in rows) if row]


class _Rows(HTMLParser):
    """Collects text; what is inside a cell stays in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[Row] = [[""]]
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._line_break()
        elif tag in _CELL_TAGS:
            self.rows[-1].append("")
            self._in_cell = True
        elif tag in _ROW_TAGS:
            self._new_row(starts_row=tag == "tr")

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELL_TAGS:
            self._in_cell = False
        elif tag in _ROW_TAGS:
            self._new_row(starts_row=tag == "tr")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data
            return
        lines = data.split("\n")
        self.rows[-1][-1] += lines[0]
        for line in lines[1:]:
            self.rows.append([line])

    def _line_break(self) -> None:
        if self._in_cell:
            self.rows[-1][-1] += " "
        else:
            self.rows.append([""])

    def _new_row(self, starts_row: bool) -> None:
        if starts_row:
            self._in_cell = False
        if self._in_cell:
            self.rows[-1][-1] += " "
        else:
            self.rows.append([""])
