"""Tables, pictures and charts of synthetic pages, with their captions."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from nano.blocks import Column, rows_box
from nano.text import number
from nano.typeset import Face, Row, Word, draw_lines


@dataclass(frozen=True)
class Chart:
    """The data behind a drawn chart: its kind ('bar' or 'line') and (label, value) rows."""

    kind: str
    rows: tuple[tuple[str, str], ...]


def caption(column: Column, kind: str, name: str) -> None:
    """Set a caption under or over an exhibit."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(0.85, 1.0))
    texts = [name, f"{rng.randint(1, 20)}{rng.choice(':.')}", *column.words(rng.randint(3, 25), 0.1)]
    lines = column.lines([Word(t) for t in texts], face, column.width * 0.95)[:3]
    if column.room < (len(lines) + 1) * style.lead:
        return
    rows = draw_lines(
        column.canvas, face, lines, column.x, column.y, column.width, style.lead,
        rng.choice(("centre", "left")),
    )  # fmt: skip
    column.add(kind, rows_box(rows), "<center>", *rows, "</center>")
    column.y += len(rows) * style.lead + style.gap


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
    """Set a table: ruled, booktabs or open; numbers mostly; a bold head."""
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


def picture(column: Column) -> None:
    """Draw an abstract picture of ellipses and bars, sometimes with a caption."""
    rng = column.rng
    width, height = (
        int(column.width * rng.uniform(0.4, 1)),
        int(column.canvas.height * rng.uniform(0.08, 0.22)),
    )
    if column.room < height + 3 * column.style.lead:
        return
    image = Image.new("L", (width, height), rng.randint(110, 245))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(2, 9)):
        x, y = rng.uniform(0, 0.8) * width, rng.uniform(0, 0.8) * height
        box = (x, y, x + rng.uniform(0.03, 0.5) * width, y + rng.uniform(0.03, 0.5) * height)
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=rng.randint(0, 255))
    if rng.random() < 0.3:
        draw.rectangle((0, 0, width - 1, height - 1), outline=0)
    x, y = int(column.x + (column.width - width) / 2), int(column.y)
    column.canvas.pixels[y : y + height, x : x + width] = np.asarray(image)
    column.add("image", (x, y, x + width, y + height))
    column.y += height + column.style.gap
    if rng.random() < 0.6:
        caption(column, "image_caption", rng.choice(("Figure", "Fig.")))


def chart(column: Column, height: float) -> Chart:
    """Draw a bar or line chart with printed labels and values; return its data."""
    rng, style, canvas = column.rng, column.style, column.canvas
    count, kind = rng.randint(3, 7), rng.choice(("bar", "line"))
    labels = [column.words(1, 0.85)[0].strip(",.")[:9] for _ in range(count)]
    top = rng.choice((10, 50, 100, 1000))
    values = [round(rng.uniform(0.1, 1) * top, 1 if top < 100 else None) for _ in range(count)]
    step, base = column.width / count, column.y + height - 2 * style.size_px
    tops = [base - value / top * (height - 4 * style.size_px) for value in values]
    centres = [column.x + (i + 0.5) * step for i in range(count)]
    if kind == "line":
        image = Image.fromarray(canvas.pixels)
        ImageDraw.Draw(image).line(list(zip(centres, tops, strict=True)), fill=60, width=3)
        canvas.pixels[:] = np.asarray(image)
    rows = []
    for label, value, x, y in zip(labels, values, centres, tops, strict=True):
        left = x - 0.5 * step
        if kind == "bar":
            canvas.fill(x - 0.3 * step, y, x + 0.3 * step, base, rng.randint(40, 200))
        for text, where in ((label, base + 0.2 * style.size_px), (str(value), y - 1.3 * style.size_px)):
            lines = [[Word(text)]]
            draw_lines(canvas, column.face, lines, left, where, step, style.lead, "centre")
        rows.append((label, str(value)))
    canvas.line(column.x, base, column.x + column.width, base)
    column.add("image", (column.x, column.y, column.x + column.width, column.y + height))
    column.y += height + style.gap
    return Chart(kind, tuple(rows))
