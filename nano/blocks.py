"""The blocks of a synthetic page and the style they share: headings, paragraphs, lists, formulas."""

import random
from dataclasses import dataclass, field

from nano.canvas import Canvas, width_px
from nano.families import Family
from nano.text import Corpus, words
from nano.typeset import Face, Row, Word, break_lines, draw_line, draw_lines

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Block:
    """One region: its kind, box (x0, y0, x1, y1 in px) and content, markup strings between rows."""

    kind: str
    box: Box
    content: tuple[str | Row, ...] = ()


@dataclass(frozen=True)
class Style:
    """What every block of a page shares; lengths in px."""

    family: Family
    size_px: float
    lead: float
    gap: float
    indent: float
    align: str
    hyphenate: float
    bullet: str
    numbered: bool
    rich: bool
    """Whether there is anything beside plain paragraphs."""


@dataclass
class Column:
    """A column being filled from y downward; px."""

    canvas: Canvas
    rng: random.Random
    style: Style
    corpus: Corpus
    x: float
    y: float
    width: float
    bottom: float
    section: int = 1
    left_words: int = 400
    blocks: list[Block] = field(default_factory=list)

    @property
    def room(self) -> float:
        """Return the px that are left below y."""
        return self.bottom - self.y

    @property
    def face(self) -> Face:
        """Return the body face."""
        return Face(self.style.family, self.style.size_px)

    def words(self, count: int, kind: float | None = None) -> list[str]:
        """Draw words and count them against the page's budget."""
        self.left_words -= count
        return words(self.rng, count, self.corpus, kind)

    def lines(self, text: list[Word], face: Face, width: float, indent: float = 0.0) -> list[list[Word]]:
        """Break words into lines in this column's manner."""
        return break_lines(text, face, width, indent, self.style.hyphenate, self.rng)

    def add(self, kind: str, box: Box, *content: str | Row) -> None:
        """Record a finished block."""
        self.blocks.append(Block(kind, box, content))


def rows_box(rows: list[Row]) -> Box:
    """Return the box around rows."""
    boxes = [row.box for row in rows]
    return (
        min(b[0] for b in boxes), min(b[1] for b in boxes),
        max(b[2] for b in boxes), max(b[3] for b in boxes),
    )  # fmt: skip


def formula(rng: random.Random, length: int) -> tuple[tuple[str, int], ...]:
    """Return the parts of a simple formula with length terms."""
    names = "abcdefghknpqrstuvxyzABCEFGLMNPQRSTXαβγδλμσπθω"
    parts: list[tuple[str, int]] = []
    if length > 1 and rng.random() < 0.8:
        parts += [(rng.choice(names), 0), (rng.choice("=≤≥"), 0)]
    for index in range(length):
        if index:
            parts.append((rng.choice("+−=·"), 0))
        parts.append((rng.choice(("", "", "2", "3")) + rng.choice(names), 0))
        if rng.random() < 0.5:
            parts.append((rng.choice(names[:20] + "0123456789"), rng.choice((1, 1, -1))))
    return tuple(parts)


def styled(column: Column, texts: list[str]) -> list[Word]:
    """Turn words into set words with runs of bold or italic and a rare inline formula."""
    rng, style, found, run = column.rng, 0, [], 0
    emphasis = rng.random() < 0.3
    mathematics = column.style.family.look in ("tex", "serif") and rng.random() < 0.12
    for text in texts:
        if run == 0:
            style = rng.choice((0, 1, 2, 2)) if emphasis and rng.random() < 0.15 else 0
            run = rng.randint(1, 5)
        run -= 1
        if mathematics and rng.random() < 0.06:
            found.append(Word("", formula=formula(rng, rng.randint(1, 2))))
        else:
            found.append(Word(text, style))
    return found


def title(column: Column) -> None:
    """Set a title over one or two lines."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(1.4, 2.2))
    bold = 1 if rng.random() < 0.75 else 0
    text = [Word(w, bold) for w in column.words(rng.randint(1, 9))]
    lines = break_lines(text, face, column.width, 0, 0, rng)[:2]
    align = rng.choice(("left", "centre"))
    if not lines:
        return
    rows = draw_lines(column.canvas, face, lines, column.x, column.y, column.width, face.size_px * 1.2, align)
    column.add("title", rows_box(rows), *rows)
    column.y += len(lines) * face.size_px * 1.2 + style.size_px * rng.uniform(0.6, 2)


def heading(column: Column) -> None:
    """Set a section heading, perhaps numbered."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(1.0, 1.4))
    texts = column.words(rng.randint(1, 6))
    if style.numbered:
        texts = [f"{column.section}{rng.choice(('', '.'))}", *texts]
    column.section += 1
    lines = break_lines([Word(t, 1) for t in texts], face, column.width, 0, 0, rng)[:2]
    if not lines:
        return
    rows = draw_lines(column.canvas, face, lines, column.x, column.y, column.width, face.size_px * 1.2)
    column.add("sub_title", rows_box(rows), *rows)
    column.y += len(lines) * face.size_px * 1.2 + style.size_px * rng.uniform(0.2, 0.7)


def paragraph(column: Column) -> None:
    """Set a paragraph, cut where the column ends."""
    rng, style = column.rng, column.style
    count = rng.randint(8, 110) if style.rich else rng.randint(1, max(2, column.left_words))
    text = styled(column, column.words(min(count, max(1, column.left_words))))
    lines = column.lines(text, column.face, column.width, style.indent)
    lines = lines[: max(1, int((column.room - 0.3 * style.size_px) / style.lead))]
    if not lines:
        return
    rows = draw_lines(
        column.canvas, column.face, lines, column.x, column.y, column.width, style.lead,
        style.align, style.indent,
    )  # fmt: skip
    column.add("text", rows_box(rows), *rows)
    column.y += len(rows) * style.lead + style.gap


def bullets(column: Column) -> None:
    """Set a bulleted or numbered list."""
    rng, style, face = column.rng, column.style, column.face
    ordered, inset = rng.random() < 0.35, style.size_px * rng.uniform(1.5, 2.2)
    content: list[str | Row] = []
    everything: list[Row] = []
    for index in range(rng.randint(2, 6)):
        text = styled(column, column.words(rng.randint(2, 22)))
        lines = column.lines(text, face, column.width - inset)
        if not lines or column.room < style.lead * len(lines):
            break
        marker = f"{index + 1}." if ordered else style.bullet
        mark = draw_line(
            column.canvas, face, [Word(marker)], column.x + style.size_px * 0.3,
            column.y + style.size_px,
        )  # fmt: skip
        rows = draw_lines(
            column.canvas, face, lines, column.x + inset, column.y, column.width - inset,
            style.lead, "justify" if style.align == "justify" else "left",
        )  # fmt: skip
        content += [("\n" if index else "") + (f"{marker} " if ordered else "- "), *rows]
        everything += [mark, *rows]
        column.y += len(rows) * style.lead + 0.15 * style.size_px
    if everything:
        column.add("list", rows_box(everything), *content)
    column.y += style.gap


def equation(column: Column) -> None:
    """Set a displayed formula on its own line."""
    rng, style, face = column.rng, column.style, column.face
    word = Word("", formula=formula(rng, rng.randint(2, 5)))
    y = column.y + 0.5 * style.size_px
    rows = draw_lines(column.canvas, face, [[word]], column.x, y, column.width, style.lead, "centre")
    placed = rows[0].words[0]
    if placed.x0 >= column.x and placed.x1 <= column.x + column.width:
        x0, y0, x1, y1 = rows[0].box
        column.add("equation", (x0, y0 - 0.2 * style.size_px, x1, y1), *rows)
    column.y = y + style.lead + 0.5 * style.size_px + style.gap


def space_px(face: Face) -> float:
    """Return the width of a space."""
    return width_px(face.file(0), face.size_px, " ")
