"""Charts of synthetic pages, and the captions of everything that has one."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from research.nano.pages.blocks import Column, rows_box
from research.nano.pages.families import Face
from research.nano.pages.typeset import Word, draw_lines


@dataclass(frozen=True)
class Chart:
    """The data behind a drawn chart: its kind ('bar' or 'line') and (label, value) rows."""

    kind: str
    rows: tuple[tuple[str, str], ...]


def caption(column: Column, kind: str, name: str) -> None:
    """Set a caption under or over an exhibit."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(0.85, 1.0))
    label = [name, f"{rng.randint(1, 20)}{rng.choice(('.', ':', ':', '.', ' |', ''))}"]
    bold, slanted = rng.choice((0, 0, 1)), rng.choice((0, 0, 0, 2))
    text = [Word(t, bold) for t in " ".join(label).split()]
    text += [Word(t, slanted) for t in column.words(rng.randint(3, 25), 0.1)]
    lines = column.lines(text, face, column.width * 0.95)[:3]
    if column.room < (len(lines) + 1) * style.lead:
        return
    rows = draw_lines(
        column.canvas, face, lines, column.x, column.y, column.width, style.lead,
        rng.choice(("centre", "left")),
    )  # fmt: skip
    column.add(kind, rows_box(rows), "<center>", *rows, "</center>")
    column.y += len(rows) * style.lead + style.gap


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
