"""Figures of synthetic pages: photographs of a sort, diagrams with labels, patterns of squares, solids.

A figure's letters are read by no document prompt, but the raster loss names them.
"""

import numpy as np
from PIL import Image, ImageDraw

from research.nano.pages.blocks import Column
from research.nano.pages.canvas import Grey
from research.nano.pages.exhibits import caption
from research.nano.pages.families import Face
from research.nano.pages.typeset import Word, draw_line, word_width

Rect = tuple[float, float, float, float]


def _photograph(column: Column, width: int, height: int) -> Image.Image:
    rng = column.rng
    image = Image.new("L", (width, height), rng.randint(110, 245))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(2, 9)):
        x, y = rng.uniform(0, 0.8) * width, rng.uniform(0, 0.8) * height
        box = (x, y, x + rng.uniform(0.03, 0.5) * width, y + rng.uniform(0.03, 0.5) * height)
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=rng.randint(0, 255))
    if rng.random() < 0.3:
        draw.rectangle((0, 0, width - 1, height - 1), outline=0)
    return image


def _squares(column: Column, width: int, height: int) -> Image.Image:
    """Draw a board of black and white squares or dominoes."""
    rng = column.rng
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    rows = rng.randint(2, 6)
    side = height / rows
    dark = rng.random()
    for row in range(rows):
        for index in range(int(width / side)):
            fill = rng.choice((0, 60, 140)) if rng.random() < dark else None
            box = (index * side, row * side, (index + 1) * side, (row + 1) * side)
            draw.rectangle(box, outline=0 if rng.random() < 0.9 else None, fill=fill)
    return image


def _solids(column: Column, width: int, height: int) -> Image.Image:
    """Draw boxes in perspective and curves, in thin lines."""
    rng = column.rng
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(1, 4)):
        x, y = rng.uniform(0.05, 0.7) * width, rng.uniform(0.1, 0.5) * height
        a, d = rng.uniform(0.15, 0.4) * height, rng.uniform(0.05, 0.2) * height
        front = [(x, y), (x + a, y), (x + a, y + a), (x, y + a), (x, y)]
        draw.line(front, fill=0, width=rng.randint(1, 2))
        draw.line([(u + d, v - d) for u, v in front[:3]], fill=0, width=1)
        for u, v in front[:3]:
            draw.line((u, v, u + d, v - d), fill=0, width=1)
    if rng.random() < 0.5:
        phase, steps = rng.uniform(0, 6), np.linspace(0, 1, 60)
        heights = height * (0.5 + 0.4 * np.sin(phase + steps * rng.uniform(3, 12)))
        draw.line(list(zip((steps * width).tolist(), heights.tolist(), strict=True)), fill=0, width=2)
    return image


def _boxes(column: Column, area: Rect) -> list[Rect]:
    """Place the boxes of a diagram in a loose grid."""
    rng = column.rng
    x0, y0, x1, y1 = area
    across, down = rng.randint(2, 5), rng.randint(1, 3)
    w, h = (x1 - x0) / across, (y1 - y0) / down
    found = []
    for index in range(across * down):
        if rng.random() < 0.15:
            continue
        x, y = x0 + index % across * w, y0 + index // across * h
        found.append(
            (x + 0.1 * w, y + rng.uniform(0.1, 0.25) * h, x + 0.82 * w, y + rng.uniform(0.6, 0.85) * h)
        )
    return found


def _label(column: Column, box: Rect, size_px: float) -> None:
    """Print one or two words within a box, where they fit."""
    rng = column.rng
    face = Face(column.style.family, size_px)
    line = [Word(t.strip(".,"), rng.choice((0, 0, 1))) for t in column.words(rng.randint(1, 2), 0.85)]
    width = sum(word_width(face, w) for w in line) + 0.3 * size_px * (len(line) - 1)
    if width < box[2] - box[0] - 4:
        draw_line(
            column.canvas, face, line, (box[0] + box[2] - width) / 2, (box[1] + box[3]) / 2 + 0.35 * size_px
        )


def _diagram(column: Column, area: Rect) -> None:
    """Draw labelled boxes with arrows between them, straight onto the page."""
    rng, canvas = column.rng, column.canvas
    image = Image.fromarray(canvas.pixels)
    draw = ImageDraw.Draw(image)
    boxes, grey = _boxes(column, area), rng.choice((0, 60, 120))
    for a, b in zip(boxes, boxes[1:], strict=False):
        if rng.random() < 0.7:
            draw.line((a[2], (a[1] + a[3]) / 2, b[0], (b[1] + b[3]) / 2), fill=grey, width=2)
    for box in boxes:
        shape = draw.ellipse if rng.random() < 0.15 else draw.rectangle
        shape(box, outline=rng.choice((None, 0, 90)), fill=rng.choice((255, 255, 235, 205, 180)), width=2)
    if rng.random() < 0.4:
        draw.rectangle(area, outline=150, width=1)
    canvas.pixels[:] = np.asarray(image)
    size = column.style.size_px * rng.uniform(0.6, 0.95)
    for box in boxes:
        _label(column, box, size)


def _paste(column: Column, pixels: Grey, x: int, y: int) -> None:
    height, width = pixels.shape
    area = column.canvas.pixels[y : y + height, x : x + width]
    np.minimum(area, pixels, out=area)


def picture(column: Column) -> None:
    """Draw a figure, mostly with a caption below."""
    rng = column.rng
    width = int(column.width * rng.uniform(0.4, 1))
    height = int(column.canvas.height * rng.uniform(0.08, 0.22))
    if column.room < height + 3 * column.style.lead:
        return
    x, y = int(column.x + (column.width - width) / 2), int(column.y)
    kind = rng.random()
    if kind < 0.45:
        _diagram(column, (x, y, x + width, y + height))
    else:
        draw = _photograph if kind < 0.7 else _squares if kind < 0.85 else _solids
        _paste(column, np.asarray(draw(column, width, height)), x, y)
    column.add("image", (x, y, x + width, y + height))
    column.y += height + column.style.gap + 0.3 * column.style.size_px
    if rng.random() < 0.65:
        caption(column, "image_caption", rng.choice(("Figure", "Fig.")))
