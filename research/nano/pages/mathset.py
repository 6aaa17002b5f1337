"""Sets formulas: scripts, fractions, spaces around signs; writes their LaTeX character by character."""

from dataclasses import dataclass, field

from research.nano.pages import families
from research.nano.pages.canvas import Canvas, width_px
from research.nano.pages.families import Face
from research.nano.pages.formulas import FUNCTIONS, LATEX, SPACED, Parts

SCRIPT = 0.68
"""Size of sub- and superscripts in units of the text size."""


def math_file(face: Face, character: str) -> str:
    """Return the file that a formula's character is set from: letters slanted, signs upright."""
    slanted = character.isalpha() and character.isascii()
    serif = face.family.look in ("tex", "serif")
    return face.file(2 if slanted else 0) if serif else families.MATH[slanted]


def _space_em(text: str, level: int) -> float:
    """Return the space on both sides of a part in units of the text size."""
    if level:
        return 0.0
    return 0.26 if text in SPACED else 0.14 if text in FUNCTIONS else 0.0


def _files(face: Face, text: str, level: int) -> list[str]:
    if level == 0 and text in FUNCTIONS:
        return [face.file(0)] * len(text)
    return [math_file(face, character) for character in text]


def _size(face: Face, level: int) -> float:
    return face.size_px * (SCRIPT if abs(level) == 1 else 0.85 if level else 1)


def _part_width(face: Face, text: str, level: int) -> float:
    files = zip(_files(face, text, level), text, strict=True)
    space = 2 * _space_em(text, level) * face.size_px
    return space + sum(width_px(name, _size(face, level), c) for name, c in files)


def formula_width(face: Face, parts: Parts) -> float:
    """Return how wide a formula is set, in px."""
    widths = [_part_width(face, *part) for part in parts]
    total, index = 0.0, 0
    while index < len(parts):
        pair = parts[index][1] == 2
        total += max(widths[index], widths[index + 1]) if pair else widths[index]
        index += 2 if pair else 1
    return total


@dataclass
class _Formula:
    """LaTeX being written: every character with the x it is read from."""

    characters: list[tuple[str, float]] = field(default_factory=list)

    def mark(self, text: str, x: float) -> None:
        self.characters += [(character, x) for character in text]

    def part(self, text: str, xs: list[float], level: int) -> None:
        """Write a part; spaced signs get spaces, names of functions and Greek their LaTeX."""
        around = " " if level == 0 and text in SPACED else ""
        self.mark(around, xs[0])
        if level == 0 and text in FUNCTIONS:
            self.mark(LATEX[text], xs[0])
        else:
            for character, x in zip(text, xs, strict=True):
                self.mark(LATEX.get(character, character), x)
        if around and self.characters[-1][0] != " ":
            self.mark(" ", xs[-1])


def _draw_part(
    canvas: Canvas, face: Face, part: tuple[str, int], x: float, baseline: float, ink: int
) -> list[float]:
    """Draw a part's characters from x and return their centres."""
    text, level = part
    size, found = _size(face, level), []
    for name, character in zip(_files(face, text, level), text, strict=True):
        found += canvas.text(name, size, character, x, baseline, ink)
        x += width_px(name, size, character)
    return found


def _draw_fraction(
    canvas: Canvas, face: Face, over: tuple[str, int], under: tuple[str, int], x: float, baseline: float,
    ink: int, latex: _Formula,
) -> float:  # fmt: skip
    """Draw two parts on both sides of a bar and return the bar's end."""
    widths = [_part_width(face, *part) for part in (over, under)]
    width, axis = max(widths), baseline - 0.28 * face.size_px
    canvas.fill(x, axis, x + width, axis + max(1, face.size_px / 16), ink)
    for part, own, y, opening in (
        (over, widths[0], axis - 0.22 * face.size_px, "\\frac{"),
        (under, widths[1], axis + 0.85 * face.size_px, "}{"),
    ):
        xs = _draw_part(canvas, face, part, x + (width - own) / 2, y, ink)
        latex.mark(opening, xs[0])
        latex.part(part[0], xs, part[1])
    latex.mark("}", x + width)
    return x + width


_RAISED_EM = {1: 0.38, -1: -0.16, 0: 0.0}


def draw_formula(
    canvas: Canvas, face: Face, parts: Parts, x: float, baseline: float, ink: int
) -> tuple[str, list[float], float]:
    """Set a formula with its left edge at x; return its LaTeX, each character's x, and its right edge."""
    latex, index = _Formula(), 0
    while index < len(parts):
        text, level = parts[index]
        if level == 2:
            x = _draw_fraction(canvas, face, parts[index], parts[index + 1], x, baseline, ink, latex)
            index += 2
            continue
        y = baseline - _RAISED_EM[level] * face.size_px
        space = _space_em(text, level) * face.size_px
        xs = _draw_part(canvas, face, parts[index], x + space, y, ink)
        latex.mark({1: "^{", -1: "_{", 0: ""}[level], xs[0])
        latex.part(text, xs, level)
        latex.mark("}" if level else "", xs[-1])
        x += _part_width(face, text, level)
        index += 1
    shown = latex.characters
    while shown and shown[-1][0] == " ":
        shown.pop()
    return "".join(character for character, _ in shown), [place for _, place in shown], x
