"""Tables of a page as grids of cells with neighbours and headings: markdown and HTML in, no judgement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag

MAX_SPAN = 1000
"""Browsers stop at this colspan; no table of a page has more rows."""
MAX_GRID = 1_000_000
"""Places of a grid; a table that claims more is cut off there."""

DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell and the places it covers, from (`row`, `column`)."""

    row: int
    column: int
    rows: int
    columns: int
    text: str
    is_heading: bool


class Grid:
    """Cells by the places they cover."""

    def __init__(self, cells: Sequence[GridCell]) -> None:
        self.cells = tuple(cells)
        self._at: dict[tuple[int, int], GridCell] = {}
        for cell in cells:
            for column in range(cell.column, cell.column + cell.columns):
                self._cover(cell, column)
        self._height = 1 + max((row for row, _ in self._at), default=-1)
        self._width = 1 + max((column for _, column in self._at), default=-1)

    def _cover(self, cell: GridCell, column: int) -> None:
        """A later cell ends the reach of one from above that it runs into."""
        displaced, row = self._at.get((cell.row, column)), cell.row
        while displaced is not None and self._at.get((row, column)) is displaced:
            del self._at[row, column]
            row += 1
        self._at |= {(row, column): cell for row in range(cell.row, cell.row + cell.rows)}

    def neighbours(self, cell: GridCell, direction: str) -> set[GridCell]:
        """The nearest other cell on each line that leaves `cell` in a direction; gaps are jumped."""
        step_row, step_column = DIRECTIONS[direction]
        found = (self._nearest(cell, *start, step_row, step_column) for start in _edge(cell, direction))
        return {near for near in found if near is not None}

    def headings(self, cell: GridCell, direction: str) -> set[GridCell]:
        """Heading cells on the way `direction`; without any, the last cells on that way."""
        marked: set[GridCell] = set()
        last: set[GridCell] = set()
        seen: set[GridCell] = set()
        waiting = {cell}
        while waiting:
            current = waiting.pop()
            seen.add(current)
            further = self.neighbours(current, direction)
            if current.is_heading:
                marked.add(current)
            if not further:
                last.add(current)
            waiting |= further - seen
        return (marked - {cell}) or (last - {cell})

    def _nearest(
        self, cell: GridCell, row: int, column: int, step_row: int, step_column: int
    ) -> GridCell | None:
        while 0 <= row < self._height and 0 <= column < self._width:
            other = self._at.get((row, column))
            if other is not None and other != cell:
                return other
            row, column = row + step_row, column + step_column
        return None


def _edge(cell: GridCell, direction: str) -> Iterator[tuple[int, int]]:
    """Places just outside the cell on one side."""
    rows = range(cell.row, cell.row + cell.rows)
    columns = range(cell.column, cell.column + cell.columns)
    if direction in ("left", "right"):
        column = cell.column - 1 if direction == "left" else columns.stop
        return ((row, column) for row in rows)
    row = cell.row - 1 if direction == "up" else rows.stop
    return ((row, column) for column in columns)


@dataclass(frozen=True, slots=True)
class _Spec:
    text: str
    rows: int = 1
    columns: int = 1
    is_heading: bool = False


def _lay_out(rows: Sequence[Sequence[_Spec]]) -> Grid | None:
    """Each cell at the first column that no cell from above reaches into; None without cells."""
    cells: list[GridCell] = []
    taken_until: dict[int, int] = {}
    places = 0
    for row, specs in enumerate(rows):
        column = 0
        for spec in specs:
            while taken_until.get(column, 0) > row:
                column += 1
            places += spec.rows * spec.columns
            if places > MAX_GRID:
                return Grid(cells) if cells else None
            cells.append(GridCell(row, column, spec.rows, spec.columns, spec.text, spec.is_heading))
            taken_until |= dict.fromkeys(range(column, column + spec.columns), row + spec.rows)
            column += spec.columns
    return Grid(cells) if cells else None


def markdown_tables(content: str) -> list[Grid]:
    """Runs of two or more lines with a "|"; the first row and column are headings."""
    grids = []
    for lines in _runs_of_pipes(content.strip().split("\n")):
        rows = [cells for line in _without_separators(lines) if (cells := _split_cells(line))]
        specs = [
            [_Spec(text, is_heading=row == 0 or column == 0) for column, text in enumerate(cells)]
            for row, cells in enumerate(rows)
        ]
        grids.append(_lay_out(specs) if len(lines) >= 2 else None)
    return [grid for grid in grids if grid is not None]


def _runs_of_pipes(lines: Sequence[str]) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for line in lines:
        if "|" in line:
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _without_separators(lines: Sequence[str]) -> list[str]:
    """Lines that hold more than dashes, colons and pipes."""
    return [line for line in lines if not line.strip() or set(line) - set("- :|")]


def _split_cells(line: str) -> list[str]:
    cells = [cell.strip() for cell in line.split("|")]
    if cells and not cells[0]:
        cells = cells[1:]
    if cells and not cells[-1]:
        cells = cells[:-1]
    return cells


def html_tables(content: str) -> list[Grid]:
    """Every `<table>`, nested ones as well; `th` and all of `thead` are headings."""
    if "<table" not in content.lower():
        return []
    tables = BeautifulSoup(content, "html.parser").find_all("table")
    grids = (_html_grid(table.find_all("tr")) for table in tables)
    return [grid for grid in grids if grid is not None]


def _html_grid(rows: Sequence[Tag]) -> Grid | None:
    return _lay_out([_html_row(row, len(rows) - index) for index, row in enumerate(rows)])


def _html_row(row: Tag, rows_left: int) -> list[_Spec]:
    in_head = row.find_parent("thead") is not None
    specs = []
    for cell in row.find_all(["th", "td"], recursive=False):
        for line_break in cell.find_all("br"):
            line_break.replace_with("\n")
        # HTML: rowspan 0 reaches to the end of the table.
        to_the_end = str(cell.get("rowspan", "")).strip() == "0"
        rows = rows_left if to_the_end else _span(cell.get("rowspan"))
        heading = cell.name == "th" or in_head
        specs.append(_Spec(cell.get_text().strip(), rows, _span(cell.get("colspan")), heading))
    return specs


def _span(value: object) -> int:
    try:
        span = int(str(value))
    except ValueError:
        return 1
    return min(span, MAX_SPAN) if span > 0 else 1
