"""Breaks words into lines and sets them on a canvas, remembering where every character landed."""

import random
from dataclasses import dataclass, replace

from nano.canvas import Canvas, width_px
from nano.charset import CLASS_OF
from nano.families import Family

LIGATURES = {"fi": "ﬁ", "fl": "ﬂ"}
SCRIPT = 0.68
"""Size of sub- and superscripts in units of the text size."""


@dataclass(frozen=True)
class Face:
    """A family at a size in px."""

    family: Family
    size_px: float

    def file(self, style: int) -> str:
        """Return the font file of style 0 regular, 1 bold, 2 italic, 3 both."""
        return self.family.files[style]


@dataclass(frozen=True)
class Word:
    """A word to be set; formula holds (characters, -1 sub, 0 base or 1 super) parts instead."""

    text: str
    style: int = 0
    glued: bool = False
    """The rest of a hyphenated word: no space belongs before it."""
    hyphen: bool = False
    """A hyphen is drawn after it that is no part of the text."""
    formula: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Placed:
    """A word on the page: the answer's characters, each with its centre x; px."""

    text: str
    xs: tuple[float, ...]
    x0: float
    x1: float
    glued: bool = False


@dataclass(frozen=True)
class Row:
    """One printed line: its words and the middle and size of its letters; px."""

    words: tuple[Placed, ...]
    y: float
    size_px: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return x0, y0, x1, y1 around the letters."""
        y0, y1 = self.y - 0.55 * self.size_px, self.y + 0.6 * self.size_px
        return self.words[0].x0, y0, self.words[-1].x1, y1


def _shown(face: Face, text: str) -> str:
    if face.family.look == "tex":
        for pair, ligature in LIGATURES.items():
            text = text.replace(pair, ligature)
    return text


def _part_width(face: Face, text: str, level: int) -> float:
    scale = 1 if level == 0 else SCRIPT
    return sum(width_px(face.file(_math_style(c)), face.size_px * scale, c) for c in text)


def _math_style(character: str) -> int:
    return 2 if character.isalpha() and character.isascii() else 0


def word_width(face: Face, word: Word) -> float:
    """Return the width of a word in px, its drawn hyphen included."""
    if word.formula:
        return sum(_part_width(face, text, level) for text, level in word.formula)
    shown = _shown(face, word.text) + ("-" if word.hyphen else "")
    return width_px(face.file(word.style), face.size_px, shown)


def _split(face: Face, word: Word, room: float, rng: random.Random) -> tuple[Word, Word] | None:
    if len(word.text) < 6 or not word.text.isalpha():
        return None
    for cut in range(len(word.text) - 2, 2, -1):
        head = replace(word, text=word.text[:cut], hyphen=True)
        if word_width(face, head) <= room:
            cut = rng.randint(3, cut)
            head = replace(word, text=word.text[:cut], hyphen=True)
            return head, replace(word, text=word.text[cut:], glued=True)
    return None


def break_lines(
    words: list[Word], face: Face, width: float, indent: float, hyphenate: float, rng: random.Random
) -> list[list[Word]]:
    """Fill lines of width px greedily; hyphenate is the chance to break a word that does not fit."""
    space = width_px(face.file(0), face.size_px, " ")
    lines: list[list[Word]] = []
    line: list[Word] = []
    x, queue = indent, words[::-1]
    while queue:
        word = queue.pop()
        need = word_width(face, word)
        if x + need <= width:
            line.append(word)
            x += need + space
            continue
        parts = _split(face, word, width - x, rng) if rng.random() < hyphenate else None
        if parts:
            line.append(parts[0])
            queue.append(parts[1])
        elif line:
            queue.append(word)
        if line:
            lines.append(line)
        line, x = [], 0.0
    return [*lines, line] if line else lines


def _draw_plain(canvas: Canvas, face: Face, word: Word, x: float, baseline: float) -> Placed:
    name, start, xs = face.file(word.style), x, []
    middle = baseline - 0.33 * face.size_px
    for character in _shown(face, word.text):
        step = width_px(name, face.size_px, character)
        canvas.glyph(name, face.size_px, character, x, baseline)
        letters = {"ﬁ": "fi", "ﬂ": "fl"}.get(character, character)
        for index, letter in enumerate(letters):
            centre = x + step * (index + 0.5) / len(letters)
            xs.append(centre)
            canvas.centres.append((centre, middle, CLASS_OF.get(letter, 0)))
        x += step
    if word.hyphen:
        x = canvas.text(name, face.size_px, "-", x, baseline)[0] + 0.15 * face.size_px
    return Placed(word.text, tuple(xs), start, x, word.glued)


def _draw_formula(canvas: Canvas, face: Face, word: Word, x: float, baseline: float) -> Placed:
    start, latex, xs = x, "", []
    for text, level in word.formula:
        size = face.size_px * (SCRIPT if level else 1)
        y = baseline - (0.38 if level > 0 else -0.16 if level < 0 else 0) * face.size_px
        opening, closing = ("^{", "}") if level > 0 else ("_{", "}") if level < 0 else ("", "")
        centres = []
        for character in text:
            centres += canvas.text(face.file(_math_style(character)), size, character, x, y)
            x += width_px(face.file(_math_style(character)), size, character)
        latex += opening + text + closing
        xs += [centres[0]] * len(opening) + centres + [centres[-1]] * len(closing)
    pairs = [(_LATEX.get(c, c), v) for c, v in zip(latex, xs, strict=True)]
    text = "".join(name for name, _ in pairs)
    places = tuple(v for name, v in pairs for _ in name)
    inline = f"\\({text}\\)"
    return Placed(inline, (places[0],) * 2 + places + (places[-1],) * 2, start, x, word.glued)


_LATEX = {
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "δ": "\\delta ", "λ": "\\lambda ",
    "μ": "\\mu ", "σ": "\\sigma ", "π": "\\pi ", "θ": "\\theta ", "ω": "\\omega ",
    "∑": "\\sum ", "∫": "\\int ", "≤": "\\leq ", "≥": "\\geq ", "×": "\\times ", "∞": "\\infty ",
    "·": "\\cdot ", "∂": "\\partial ", "∈": "\\in ", "→": "\\to ", "±": "\\pm ", "−": "-",
}  # fmt: skip


def draw_word(canvas: Canvas, face: Face, word: Word, x: float, baseline: float) -> Placed:
    """Set one word with its left edge at x."""
    draw = _draw_formula if word.formula else _draw_plain
    return draw(canvas, face, word, x, baseline)


def draw_line(
    canvas: Canvas, face: Face, line: list[Word], x: float, baseline: float, gap: float | None = None
) -> Row:
    """Set words from x with gap px between them (the font's space when None)."""
    gap = width_px(face.file(0), face.size_px, " ") if gap is None else gap
    placed = []
    for word in line:
        placed.append(draw_word(canvas, face, word, x, baseline))
        x = placed[-1].x1 + gap
    return Row(tuple(placed), baseline - 0.33 * face.size_px, face.size_px)


def draw_lines(
    canvas: Canvas, face: Face, lines: list[list[Word]], x: float, y: float, width: float,
    lead: float, align: str = "left", indent: float = 0.0,
) -> list[Row]:  # fmt: skip
    """Set lines below y, lead px apart; align is left, right, centre or justify."""
    space = width_px(face.file(0), face.size_px, " ")
    rows = []
    for index, line in enumerate(lines):
        first = indent if index == 0 else 0.0
        natural = sum(word_width(face, word) for word in line)
        free = width - first - natural - space * (len(line) - 1)
        offset, gap = first, space
        if align == "justify" and index < len(lines) - 1 and len(line) > 1:
            gap += min(free / (len(line) - 1), 2.5 * space)
        elif align in ("centre", "right"):
            offset += free / (2 if align == "centre" else 1)
        rows.append(draw_line(canvas, face, line, x + offset, y + face.size_px, gap))
        y += lead
    return rows
