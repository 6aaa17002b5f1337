"""Breaks words into lines and sets them on a canvas, remembering where every character landed."""

import random
from dataclasses import dataclass, replace

from research.nano.pages.canvas import Canvas, source, width_px
from research.nano.pages.charset import CLASS_OF
from research.nano.pages.families import Face, Family
from research.nano.pages.formulas import Parts
from research.nano.pages.mathset import draw_formula, formula_width

LIGATURES = {"fi": "ﬁ", "fl": "ﬂ"}
_LETTERS = {ligature: pair for pair, ligature in LIGATURES.items()}


@dataclass(frozen=True)
class Word:
    """A word to be set; formula holds the parts of one instead."""

    text: str
    style: int = 0
    glued: bool = False
    """The rest of a hyphenated word: no space belongs before it."""
    hyphen: bool = False
    """A hyphen is drawn after it that is no part of the text."""
    formula: Parts = ()
    family: Family | None = None
    """Another family than the line's: code within prose."""
    ink: int = 0
    """The grey of the letters, 0 black: links and emphasis in colour."""
    note: str = ""
    """The number of a footnote, raised behind the text."""

    def face(self, line: Face) -> Face:
        """Return the face that the word is set in on a line."""
        return Face(self.family, line.size_px) if self.family else line


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
        name = face.file(0)
        for pair, ligature in LIGATURES.items():
            if pair in text and source(name, ligature) == name:
                text = text.replace(pair, ligature)
    return text


def word_width(face: Face, word: Word) -> float:
    """Return the width of a word in px, its drawn hyphen included."""
    if word.formula:
        return formula_width(face, word.formula)
    face = word.face(face)
    shown = _shown(face, word.text) + ("-" if word.hyphen else "")
    return width_px(face.file(word.style), face.size_px, shown) + formula_width(face, _raised(word.note))


def _raised(note: str) -> Parts:
    return ((note, 1),) if note else ()


def _split(face: Face, word: Word, room: float, rng: random.Random) -> tuple[Word, Word] | None:
    if len(word.text) < 6 or not word.text.isalpha():
        return None
    for cut in range(len(word.text) - 2, 2, -1):
        head = replace(word, text=word.text[:cut], hyphen=True, note="")
        if word_width(face, head) <= room:
            cut = rng.randint(3, cut)
            head = replace(head, text=word.text[:cut])
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
    face = word.face(face)
    name, shown, xs = face.file(word.style), _shown(face, word.text), []
    pens = canvas.word(name, face.size_px, shown, x, baseline, word.ink)
    middle, note = baseline - 0.33 * face.size_px, canvas.centres.append
    for index, character in enumerate(shown):
        start, step = pens[index], pens[index + 1] - pens[index]
        letters = _LETTERS.get(character, character)
        for part, letter in enumerate(letters):
            centre = start + step * (part + 0.5) / len(letters)
            xs.append(centre)
            note((centre, middle, CLASS_OF.get(letter, 0)))
    end = pens[-1]
    if word.hyphen:
        end = canvas.text(name, face.size_px, "-", end, baseline, word.ink)[0] + 0.15 * face.size_px
    if not word.note:
        return Placed(word.text, tuple(xs), x, end, word.glued)
    latex, places, end = draw_formula(canvas, face, _raised(word.note), end, baseline, word.ink)
    xs += _marked(places)
    return Placed(f"{word.text}\\({latex}\\)", tuple(xs), x, end, word.glued)


def _marked(xs: list[float]) -> list[float]:
    """Return the places of a formula's characters with those of the marks around it."""
    return [*xs[:1] * 2, *xs, *xs[-1:] * 2]


def _draw_formula(canvas: Canvas, face: Face, word: Word, x: float, baseline: float) -> Placed:
    latex, xs, end = draw_formula(canvas, face, word.formula, x, baseline, word.ink)
    return Placed(f"\\({latex}\\)", tuple(_marked(xs)), x, end, word.glued)


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
