"""The blocks of a synthetic page and the style they share: headings, paragraphs, lists, formulas."""

import random
from dataclasses import dataclass, field

from research.nano.pages.canvas import Canvas, width_px
from research.nano.pages.families import CODE, Face, Family
from research.nano.pages.formulas import displayed, inline
from research.nano.pages.text import Corpus, code_word, words
from research.nano.pages.theme import Theme
from research.nano.pages.typeset import Row, Word, break_lines, draw_line, draw_lines, word_width

Box = tuple[float, float, float, float]
LONGEST_WORDS = 110


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
    coloured: bool = False
    """Whether links, code and headings are in colour, which is a grey here."""
    longest_words: int = LONGEST_WORDS
    """The words of the longest paragraph."""


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
    theme: Theme = field(default_factory=Theme)
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
        return self.theme.weave(self.rng, words(self.rng, count, self.corpus, kind))

    def lines(self, text: list[Word], face: Face, width: float, indent: float = 0.0) -> list[list[Word]]:
        """Break words into lines in this column's manner."""
        return break_lines(text, face, width, indent, self.style.hyphenate, self.rng)

    def ink(self) -> int:
        """Draw the grey of something that stands out: coloured on most papers, else black."""
        return self.rng.choice((40, 70, 76, 105, 130)) if self.style.coloured else 0

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


_EMPHASIS = (0, 1, 2, 2)


def _code_word(column: Column) -> Word:
    """Return an identifier or a scrap of code in a family of listings, perhaps in colour."""
    rng = column.rng
    family = rng.choice(CODE) if rng.random() < 0.85 else None
    return Word(code_word(rng, column.corpus), rng.choice((0, 0, 0, 1)), family=family, ink=column.ink())


def styled(column: Column, texts: list[str]) -> list[Word]:
    """Turn words into set words: runs of bold or italic, links in colour, code and inline formulas."""
    rng, style, found, run, ink = column.rng, 0, [], 0, 0
    emphasis = rng.random() < 0.35
    serif = column.style.family.look in ("tex", "serif")
    mathematics = rng.random() < (0.2 if serif else 0.06)
    code = rng.random() < 0.12
    lead = rng.randint(1, 6) if rng.random() < 0.08 else 0
    for index, text in enumerate(texts):
        if run == 0:
            style = rng.choice(_EMPHASIS) if emphasis and rng.random() < 0.15 else 0
            ink = column.ink() if rng.random() < 0.03 else 0
            run = rng.randint(1, 5)
        run -= 1
        kind = rng.random()
        if mathematics and kind < 0.08:
            found.append(Word("", formula=inline(rng), ink=ink))
        elif code and kind > 0.92:
            found.append(_code_word(column))
        elif column.theme.is_name(text):
            found.append(Word(text, column.theme.style, family=column.theme.family, ink=ink))
        else:
            found.append(Word(text, 1 if index < lead else style, ink=ink, note=column.theme.note(rng)))
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
    count = rng.randint(8, style.longest_words) if style.rich else rng.randint(1, max(2, column.left_words))
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


def _marker(index: int, kind: str) -> str:
    return kind.replace("1", str(index + 1)).replace("a", "abcdefgh"[index])


def bullets(column: Column) -> None:
    """Set a bulleted or numbered list."""
    rng, style, face = column.rng, column.style, column.face
    ordered, inset = rng.random() < 0.4, style.size_px * rng.uniform(1.5, 2.2)
    kind, longest = rng.choice(("1.", "1.", "(1)", "1)", "a)")), rng.choice((8, 22, 22, 60))
    content: list[str | Row] = []
    everything: list[Row] = []
    for index in range(rng.randint(2, 6)):
        text = styled(column, column.words(rng.randint(2, longest)))
        lines = column.lines(text, face, column.width - inset)
        if not lines or column.room < style.lead * len(lines):
            break
        marker = _marker(index, kind) if ordered else style.bullet
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


def quote(column: Column) -> None:
    """Set a paragraph that is inset on both sides."""
    rng, style = column.rng, column.style
    inset = column.width * rng.uniform(0.05, 0.12)
    text = [Word(t, rng.choice((0, 0, 2))) for t in column.words(rng.randint(10, 50))]
    width = column.width - 2 * inset
    lines = column.lines(text, column.face, width)[: max(1, int(column.room / style.lead) - 1)]
    y = column.y + 0.3 * style.size_px
    rows = draw_lines(column.canvas, column.face, lines, column.x + inset, y, width, style.lead, style.align)
    if rows:
        column.add("text", rows_box(rows), *rows)
        column.y = y + len(rows) * style.lead + 0.3 * style.size_px + style.gap


def _equation_row(column: Column, y: float, number: str) -> bool:
    """Set one displayed formula below y, its number at the right edge; say whether it fitted."""
    style, face = column.style, column.face
    word = Word("", formula=displayed(column.rng))
    free = column.width - word_width(face, word)
    if free < (5 if number else 0) * style.size_px:
        return False
    align = "left" if column.rng.random() < 0.15 else "centre"
    rows = draw_lines(column.canvas, face, [[word]], column.x, y, column.width, style.lead, align)
    marks = [rows[0].words[0]]
    if number:
        x = column.x + column.width - word_width(face, Word(number))
        marks.append(draw_line(column.canvas, face, [Word(number)], x, y + style.size_px).words[0])
    x0, y0, x1, y1 = rows[0].box
    over = 0.7 if any(level == 2 for _, level in word.formula) else 0.2
    box = (x0, y0 - over * style.size_px, marks[-1].x1, y1 + (over - 0.2) * style.size_px)
    column.add("equation", box, Row(tuple(marks), rows[0].y, rows[0].size_px))
    return True


def equation(column: Column) -> None:
    """Set one to four displayed formulas, each on its own line, perhaps numbered."""
    rng, style = column.rng, column.style
    y = column.y + 0.8 * style.size_px
    for index in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        numbered = style.numbered and rng.random() < 0.6
        if y + 2.2 * style.size_px > column.bottom:
            break
        if _equation_row(column, y, f"({column.section}.{index + 1})" if numbered else ""):
            y += style.lead + 1.1 * style.size_px
    column.y = y + style.gap


def space_px(face: Face) -> float:
    """Return the width of a space."""
    return width_px(face.file(0), face.size_px, " ")
