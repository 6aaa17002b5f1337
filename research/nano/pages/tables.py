"""Tables of synthetic pages: short cells in a grid, and cells whose text runs over several lines."""

from research.nano.pages.blocks import Column
from research.nano.pages.exhibits import caption
from research.nano.pages.text import number
from research.nano.pages.typeset import Row, Word, draw_lines


def _cell(column: Column, head: bool, first: bool) -> list[str]:
    if head or first or column.rng.random() < 0.3:
        return column.words(column.rng.randint(1, 3), 0.1)
    return [number(column.rng)]


def _cell_row(column: Column, texts: list[str], bold: bool, x: float, width: float) -> list[Row]:
    style = column.style
    lines = column.lines([Word(t, int(bold)) for t in texts], column.face, width)[:1]
    align = "left" if bold or len(texts) > 1 else column.rng.choice(("left", "centre", "right"))
    return draw_lines(
        column.canvas, column.face, lines, x, column.y + 0.22 * style.size_px, width, style.lead,
        align,
    )  # fmt: skip


def _table_line(column: Column, cells: int, width: float, head: bool, dark: bool) -> list[str | Row]:
    """Set one table row; a head may span two columns."""
    found: list[str | Row] = []
    index = 0
    while index < cells:
        span = 2 if head and cells - index > 2 and column.rng.random() < 0.12 else 1
        found.append(f'<td colspan="{span}">' if span > 1 else "<td>")
        x = column.x + index * width + 0.4 * column.style.size_px
        room = width * span - 0.8 * column.style.size_px
        if head or column.rng.random() > 0.06:
            found += _cell_row(column, _cell(column, head, index == 0), head, x, room)
        found.append("</td>")
        index += span
    if dark:
        height = 1.7 * column.style.size_px
        column.canvas.invert(column.x, column.y, column.x + cells * width, column.y + height)
    return found


def table(column: Column) -> None:
    """Set a table of one line a row: ruled, booktabs or open; numbers mostly; a bold head."""
    rng, style = column.rng, column.style
    cells = rng.randint(2, 6 if column.width > style.size_px * 34 else 3)
    height = 1.7 * style.size_px
    count = min(rng.randint(2, 9), int((column.room - 3 * style.lead) / height))
    if count < 2:
        return
    if rng.random() < 0.3:
        caption(column, "table_caption", "Table")
    width = column.width * rng.uniform(0.75, 1) / cells
    rules, dark, top = rng.choice(("grid", "book", "open")), rng.random() < 0.12, column.y
    content: list[str | Row] = ["<table>"]
    for line in range(count):
        content += ["<tr>", *_table_line(column, cells, width, line == 0, dark and line == 0), "</tr>"]
        if rules == "grid" or (rules == "book" and line < 2):
            column.canvas.line(column.x, column.y, column.x + cells * width, column.y)
        column.y += height
    right = column.x + cells * width
    if rules != "open":
        column.canvas.line(column.x, column.y, right, column.y)
    for edge in range(cells + 1) if rules == "grid" else ():
        column.canvas.line(column.x + edge * width, top, column.x + edge * width, column.y)
    column.add("table", (column.x, top, right, column.y), *content, "</table>")
    column.y += style.gap


def _long_cells(column: Column, cells: int) -> list[list[str]]:
    """Draw the words of a row: a short label, then text, then something short."""
    rng = column.rng
    found = [column.words(rng.randint(1, 3), 0.85), column.words(rng.randint(4, 26))]
    for _ in range(cells - 2):
        short = [number(rng)] if rng.random() < 0.5 else column.words(rng.randint(1, 4), 0.85)
        found.append([] if rng.random() < 0.1 else short)
    return found


def _long_row(
    column: Column, texts: list[list[str]], edges: list[float], bold: bool
) -> tuple[list[str | Row], float]:
    """Set a row whose cells are wrapped, each centred or at the top; return its content and height."""
    rng, style = column.rng, column.style
    pad = 0.4 * style.size_px
    wrapped = []
    for index, text in enumerate(texts):
        words = [Word(t, int(bold or (index == 0 and rng.random() < 0.6))) for t in text]
        wrapped.append(column.lines(words, column.face, edges[index + 1] - edges[index] - 2 * pad))
    height = max(1, *(len(lines) for lines in wrapped)) * style.lead + 2 * pad
    content: list[str | Row] = ["<tr>"]
    if column.room < height:
        return [], 0.0
    middle = rng.random() < 0.5
    for index, lines in enumerate(wrapped):
        free = height - 2 * pad - len(lines) * style.lead
        y = column.y + pad * 0.7 + (free / 2 if middle else 0)
        width = edges[index + 1] - edges[index] - 2 * pad
        rows = draw_lines(column.canvas, column.face, lines, edges[index] + pad, y, width, style.lead)
        content += ["<td>", *rows, "</td>"]
    return [*content, "</tr>"], height


def long_table(column: Column) -> None:
    """Set a table with cells of several lines: ruled all around, between rows, or not at all."""
    rng = column.rng
    cells = 3 if rng.random() < 0.6 else 2 if rng.random() < 0.6 else 4
    shares = [
        rng.uniform(0.15, 0.3),
        rng.uniform(0.4, 0.6),
        *(rng.uniform(0.12, 0.25) for _ in range(cells - 2)),
    ]
    edges = [column.x]
    for share in shares:
        edges.append(edges[-1] + share / sum(shares) * column.width)
    rules, top = rng.choice(("grid", "grid", "rows", "rows", "open")), column.y
    content: list[str | Row] = ["<table>"]
    for line in range(rng.randint(2, 7)):
        head = line == 0 and rng.random() < 0.7
        texts = (
            [column.words(rng.randint(1, 2), 0.85) for _ in range(cells)]
            if head
            else _long_cells(column, cells)
        )
        row, height = _long_row(column, texts, edges, head)
        if not row:
            break
        content += row
        if rules != "open":
            column.canvas.line(column.x, column.y, edges[-1], column.y, 1)
        column.y += height
    if column.y == top:
        return
    if rules != "open":
        column.canvas.line(column.x, column.y, edges[-1], column.y, 1)
    for x in edges if rules == "grid" else ():
        column.canvas.line(x, top, x, column.y, 1)
    column.add("table", (column.x, top, edges[-1], column.y), *content, "</table>")
    column.y += column.style.gap + 0.3 * column.style.size_px
