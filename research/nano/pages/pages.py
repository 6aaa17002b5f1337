"""Synthetic pages: a random look, columns filled with blocks, headers and footers around them.

A page is native pixels (144 dots per inch unless said) and its blocks in reading order.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from research.nano.pages import blocks, drawings, exhibits, listings, tables
from research.nano.pages.blocks import LONGEST_WORDS, Block, Column, Style
from research.nano.pages.canvas import Canvas, Grey
from research.nano.pages.exhibits import Chart
from research.nano.pages.families import FAMILIES, HELD_FAMILIES, TRAINED, Face, Family
from research.nano.pages.margins import margins, watermark
from research.nano.pages.text import load_corpus
from research.nano.pages.theme import Theme, draw_theme
from research.nano.pages.typeset import Word, draw_lines

A4, LETTER = (1190, 1684), (1224, 1584)
"""Page sizes in px at 144 dpi."""


@dataclass(frozen=True)
class Brief:
    """What kind of page is wanted; px, words."""

    size: tuple[int, int]
    text_px: float
    columns: int
    words: int
    margin: float
    rich: bool
    held: str = ""
    """'' for training, 'text' for unseen paragraphs, 'font' for unseen families as well."""
    edges: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom margins as shares of width and height, where they differ."""
    varied: bool = False
    """Whether pages differ in more than the held-out trials' do, which stay what they are to compare with."""
    invented: bool = True
    """Whether some of the text is of dictionaries, random signs and other languages."""

    def frame(self) -> tuple[float, float, float, float]:
        """Return the text area: left, top, right, bottom in px."""
        left, top, right, bottom = self.edges or (self.margin,) * 4
        width, height = self.size
        return left * width, top * height, (1 - right) * width, (1 - bottom) * height


@dataclass(frozen=True)
class Page:
    """A drawn page: pixels (H, W), glyph centres (x, y, class), blocks, and its chart if it has one."""

    pixels: Grey
    centres: list[tuple[float, float, int]]
    blocks: tuple[Block, ...]
    columns: int = 1
    chart: Chart | None = None


def _family(rng: random.Random, held: str) -> Family:
    if held == "font":
        return rng.choice(HELD_FAMILIES)
    found = FAMILIES if held else TRAINED
    return rng.choices(found, [f.weight for f in found])[0]


def _gap_em(rng: random.Random, *, tex: bool) -> float:
    """Return the space between paragraphs: none, some, or an empty line."""
    if tex and rng.random() < 0.4:
        return 0.0
    return rng.uniform(1.1, 1.5) if rng.random() < 0.2 else rng.uniform(0.3, 1.2)


def draw_style(rng: random.Random, brief: Brief) -> Style:
    """Choose how a page looks."""
    family, size = _family(rng, brief.held), brief.text_px
    tex = family.look == "tex"
    justified = rng.random() < (0.85 if tex else 0.35)
    return Style(
        family=family,
        size_px=size,
        lead=size * rng.uniform(1.12, 1.5),
        gap=size * _gap_em(rng, tex=tex),
        indent=size * 1.5 if rng.random() < (0.6 if tex else 0.15) else 0.0,
        align="justify" if justified else "left",
        hyphenate=rng.choice((0.0, 0.6, 0.9)) if justified else 0.05,
        bullet=rng.choice("••••–-·"),
        numbered=rng.random() < 0.4,
        rich=brief.rich,
        coloured=rng.random() < 0.25,
        longest_words=rng.randint(14, 45) if brief.varied and rng.random() < 0.2 else LONGEST_WORDS,
    )


_MIX: tuple[tuple[Callable[[Column], None], float, float], ...] = (
    (blocks.paragraph, 0.52, 1.3),
    (blocks.heading, 0.12, 4.5),
    (blocks.bullets, 0.09, 4.0),
    (blocks.quote, 0.02, 4.0),
    (blocks.equation, 0.06, 4.0),
    (tables.table, 0.05, 7.0),
    (tables.long_table, 0.04, 7.0),
    (drawings.picture, 0.05, 9.0),
    (listings.code, 0.025, 6.0),
    (listings.references, 0.02, 5.0),
    (listings.fields, 0.015, 5.0),
    (listings.short_lines, 0.01, 4.0),
)
"""What a column is filled with: builder, share, lines it needs."""
TASTE = 0.7
"""How much pages differ in what they are filled with: the spread of the logarithm of a builder's share."""


def _shares(rng: random.Random, *, varied: bool) -> list[float]:
    """Return the builders' shares for one page: some varied pages are full of tables, others of pictures."""
    return [share * (math.exp(rng.gauss(0, TASTE)) if varied else 1) for _, share, _ in _MIX]


def _fill(column: Column, shares: list[float]) -> None:
    lines = column.room / column.style.lead
    fitting = [(build, share) for (build, _, need), share in zip(_MIX, shares, strict=True) if need <= lines]
    if not column.style.rich or not fitting:
        blocks.paragraph(column)
        return
    build = column.rng.choices([b for b, _ in fitting], [s for _, s in fitting])[0]
    before = column.y
    build(column)
    if column.y == before:
        blocks.paragraph(column)


NOTE_SIZE, NOTE_LEAD = 0.82, 1.2
"""Size of a footnote's type in units of the text size, its lines' distance in units of its own."""


def _footnotes(column: Column, count: int) -> None:
    """Set footnotes of one line below the column, or one of up to three; raised where marks lead to them."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * NOTE_SIZE)
    y, first = column.bottom + style.size_px * 0.6, rng.randint(1, 9)
    column.canvas.line(column.x, y, column.x + column.width * 0.3, y, 1)
    y, lead = y + 4, face.size_px * NOTE_LEAD
    for number in map(str, range(first, first + count)):
        mark = Word("", formula=((number, 1),)) if column.theme.noted else Word(number)
        if count == 1:
            most, texts = 3, column.words(rng.randint(5, 25), 0.1)
        else:
            most, texts = 1, column.words(rng.randint(1, 8), rng.choice((0.1, 0.9)))
        lines = column.lines([mark, *(Word(t) for t in texts)], face, column.width)[:most]
        rows = draw_lines(column.canvas, face, lines, column.x, y, column.width, lead, "left")
        if rows:
            column.add("footnote", blocks.rows_box(rows), *rows)
        y += len(rows) * lead


def _opening(head: Column) -> None:
    """Set what stands over all columns: a letterhead, a title, a figure, or nothing."""
    kind = head.rng.random()
    if kind < 0.06:
        listings.letterhead(head)
    elif kind < 0.12:
        drawings.picture(head)
    if head.rng.random() < 0.5:
        blocks.title(head)


def make_page(rng: random.Random, brief: Brief) -> Page:
    """Draw a page of text as briefed."""
    canvas, style = Canvas(*brief.size), draw_style(rng, brief)
    corpus = replace(load_corpus(held=bool(brief.held)), invented=brief.invented)
    left, top, right, foot = brief.frame()
    gutter = brief.size[0] * rng.uniform(0.028, 0.045)
    each = (right - left - gutter * (brief.columns - 1)) / brief.columns
    theme = draw_theme(rng) if brief.rich and brief.varied else Theme()
    shares = _shares(rng, varied=brief.varied)
    notes = 1 if brief.rich and rng.random() < 0.15 else 0
    if theme.noted:
        notes = rng.choice((1, 1, 2, 3))
    bottom = foot - (style.size_px * 4.5 if notes else 0)
    head = Column(
        canvas, rng, style, corpus, left, top, right - left, bottom, left_words=brief.words, theme=theme
    )
    if brief.rich:
        _opening(head)
    found, section, budget = list(head.blocks), rng.choice((1, rng.randint(1, 9))), brief.words
    for index in range(brief.columns):
        column = Column(
            canvas, rng, style, corpus, left + index * (each + gutter), head.y, each, bottom,
            section, budget // (brief.columns - index), theme,
        )  # fmt: skip
        given = column.left_words
        while column.left_words > 0 and column.room > 1.3 * style.size_px:
            _fill(column, shares)
        if notes and index == 0:
            _footnotes(column, notes)
        budget -= given - column.left_words
        section, found = column.section, found + column.blocks
    if brief.rich:
        margins(canvas, rng, style, (left, top, right, foot))
        if rng.random() < 0.015:
            watermark(canvas, rng, style)
    last = [b for b in found if b.kind == "footnote"]
    found = [b for b in found if b.kind != "footnote"] + last
    return Page(canvas.pixels, canvas.centres, tuple(found), brief.columns)


LEAST_CHART_PX = 22
"""The smallest type of charts, 11 pt on A4: a page that is one chart has room."""


def make_chart_page(rng: random.Random, brief: Brief) -> Page:
    """Draw a page that is one chart."""
    brief = replace(brief, text_px=max(brief.text_px, LEAST_CHART_PX))
    width, height = brief.size
    canvas, style = Canvas(width, height), draw_style(rng, brief)
    left, top = width * brief.margin, height * max(0.05, brief.margin)
    corpus = load_corpus(held=bool(brief.held))
    column = Column(canvas, rng, style, corpus, left, top, width - 2 * left, height - top)
    if rng.random() < 0.5:
        blocks.title(column)
    drawn = exhibits.chart(column, min(column.room, height * rng.uniform(0.4, 0.85)))
    return Page(canvas.pixels, canvas.centres, tuple(column.blocks), 1, drawn)


def make_blank(size: tuple[int, int]) -> Page:
    """Return an empty page."""
    return Page(Canvas(*size).pixels, [], ())
