"""What is printed around a page's text: running heads, page numbers, rules, a watermark across it."""

import random

import numpy as np
from PIL import Image, ImageDraw

from research.nano.pages.blocks import Style, space_px
from research.nano.pages.canvas import Canvas, font_at
from research.nano.pages.families import Face
from research.nano.pages.text import load_corpus, words
from research.nano.pages.typeset import Word, draw_line, word_width


def _words(rng: random.Random, face: Face) -> list[Word]:
    """Draw a running title: plain, italic, bold or in capitals."""
    texts = words(rng, rng.randint(2, 7), load_corpus(), rng.choice((0.1, 0.85)))
    kind, style = rng.random(), rng.choice((0, 0, 2, 2, 1))
    if kind < 0.35:
        texts = [text.upper() for text in texts]
    if rng.random() < 0.25:
        texts = [f"{rng.randint(1, 9)}.{rng.randint(1, 9)}.", *texts]
    return [Word(text, style) for text in texts]


def _width(face: Face, line: list[Word]) -> float:
    return sum(word_width(face, word) for word in line) + space_px(face) * (len(line) - 1)


def _number(rng: random.Random) -> list[Word]:
    number = str(rng.randint(1, 900))
    total = str(rng.randint(2, 900))
    return [Word(t) for t in rng.choice(((number,),) * 6 + (("Page", number), (number, "/", total),
                                                             ("Page", number, "of", total)))]  # fmt: skip


def running_line(
    canvas: Canvas, rng: random.Random, style: Style, edges: tuple[float, float], baseline: float
) -> None:
    """Print a running head or foot between two px: number and title at the edges, or one of them."""
    face = Face(style.family, style.size_px * rng.uniform(0.7, 1.0))
    title, number = _words(rng, face), _number(rng)
    kind = rng.random()
    if kind < 0.45:
        shown = [(0.0, title), (1.0, number)] if rng.random() < 0.5 else [(0.0, number), (1.0, title)]
    elif kind < 0.7:
        shown = [(rng.choice((0, 0.5, 0.5, 1)), number)]
    elif kind < 0.9:
        shown = [(rng.choice((0, 0.5, 1)), title)]
    else:
        shown = [(0.0, _words(rng, face)), (0.5, number), (1.0, _words(rng, face))]
    free = edges[1] - edges[0] - sum(_width(face, line) for _, line in shown)
    if free < 2 * style.size_px * (len(shown) - 1):
        return
    for where, line in shown:
        x = edges[0] + where * (edges[1] - edges[0] - _width(face, line))
        draw_line(canvas, face, line, x, baseline)


def margins(
    canvas: Canvas, rng: random.Random, style: Style, frame: tuple[float, float, float, float]
) -> None:
    """Print what stands above and below a text area (left, top, right, bottom) in px."""
    left, top, right, bottom = frame
    size = style.size_px
    if rng.random() < 0.55:
        gap = min(rng.uniform(1.4, 3.5) * size, canvas.height - bottom - 0.6 * size)
        baseline = bottom + gap if rng.random() < 0.6 else (canvas.height + bottom) / 2
        running_line(canvas, rng, style, (left, right), baseline)
        if rng.random() < 0.15:
            canvas.line(left, baseline - 1.1 * size, right, 0, 1)
    if rng.random() < 0.45:
        baseline = top - rng.uniform(1.0, 2.2) * size
        baseline = top / 2 if baseline < 1.5 * size or rng.random() < 0.3 else baseline
        running_line(canvas, rng, style, (left, right), baseline)
        if rng.random() < 0.35:
            y = baseline + 0.5 * size
            canvas.line(left, y, right, y, 1)


def watermark(canvas: Canvas, rng: random.Random, style: Style) -> None:
    """Print words across the page in light grey, behind the text."""
    text = " ".join(words(rng, rng.randint(1, 4), load_corpus(), 0.85)).upper()
    image = Image.new("L", (canvas.width, canvas.height), 255)
    font = font_at(style.family.files[rng.choice((0, 1))], round(canvas.width / max(8, len(text)) * 1.2))
    ImageDraw.Draw(image).text(
        (canvas.width / 2, canvas.height / 2), text, fill=rng.randint(175, 235), font=font, anchor="mm"
    )
    turned = image.rotate(rng.choice((45, 45, 30, 55)), Image.Resampling.BILINEAR, fillcolor=255)
    np.minimum(canvas.pixels, np.asarray(turned), out=canvas.pixels)
