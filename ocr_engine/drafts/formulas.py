"""Formulas of a text layer as the model writes them: commands for symbols, inline formulas in their marks.

How it spells each is measured on real answers. A layer has no fractions, roots or indices: what is between
symbols stays as it is.
"""

import re
import unicodedata
from itertools import groupby

COMMANDS = {
    "·": r"\cdot", "∙": r"\cdot", "√": r"\sqrt", "∫": r"\int", "∑": r"\sum", "∂": r"\partial", "∇": r"\nabla",
    "→": r"\to", "↦": r"\mapsto", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "∞": r"\infty",
    "≤": r"\le", "≥": r"\ge", "≠": r"\neq", "≈": r"\approx", "±": r"\pm", "×": r"\times", "∘": r"\circ",
    "∈": r"\in", "∪": r"\cup", "∩": r"\cap", "⊂": r"\subset",
    "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℂ": r"\mathbb{C}",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "θ": r"\theta",
    "λ": r"\lambda", "μ": r"\mu", "µ": r"\mu", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau",
    "φ": r"\varphi", "ϕ": r"\phi", "ω": r"\omega", "Δ": r"\Delta", "∆": r"\Delta", "△": r"\Delta",
    "Φ": r"\Phi", "Ω": r"\Omega",
}  # fmt: skip
_SIGNS = {"−": "-", "′": "'", "´": "'"}
_LEAST = 4
"""Symbols of a page with formulas: fewer are a unit or a bullet."""
_LETTERS = re.compile("[\U0001d400-\U0001d7ff]+")
"""Letters of formulas: italic, bold, double-struck ..."""
_SYMBOL = re.compile(f"[{''.join(map(re.escape, [*COMMANDS, *_SIGNS]))}]")
_PART = re.compile(rf"[=>^_+|]|{_SYMBOL.pattern}|{_LETTERS.pattern}|^[a-zA-Z]\(.{{0,12}}$|^[b-zB-Z]['0-9]*$")
"""What a word of a formula has, or is: a symbol, a function of something, a letter by itself."""
_NUMBER = re.compile(r"[\d.,/()]+")
_MINUS = re.compile(r"(?:(?<=[)\]\d])|(?<=\b\w)) −(?=[\w(√])")
"""A minus between two terms, which layers set off on its left alone."""
_ENDS, _OPERATORS = ".,;:", "=>+·∙−≤≥"


def as_written(answer: str) -> str:
    """A predicted answer with its formulas so; unchanged where there are next to none. Tags stay."""
    if len(_SYMBOL.findall(answer)) + len(_LETTERS.findall(answer)) < _LEAST:
        return answer
    lines = _MINUS.sub(" − ", answer).split("\n")
    return "\n".join(_in_commands(line if "<" in line else _marked(line)) for line in lines)


def _marked(line: str) -> str:
    r"""A line whose formulas stand between \( and \)."""
    words = line.split(" ")
    parts = [_is_part(word) for word in words]
    for at in range(1, len(words)):
        # A number goes with the formula before it, and with an operator behind it.
        parts[at] = parts[at] or (parts[at - 1] and _NUMBER.fullmatch(words[at]) is not None)
        if parts[at] and words[at][0] in _OPERATORS and _NUMBER.fullmatch(words[at - 1]):
            parts[at - 1] = True
    found = []
    for is_formula, run in groupby(zip(parts, words, strict=True), key=lambda pair: pair[0]):
        text = " ".join(word for _, word in run)
        formula = text.rstrip(_ENDS)
        found.append(rf"\({formula}\){text[len(formula) :]}" if is_formula else text)
    return " ".join(found)


def _is_part(word: str) -> bool:
    core = word.strip(_ENDS)
    return bool(core) and _PART.search(core) is not None


def _in_commands(line: str) -> str:
    plain = _LETTERS.sub(lambda found: _letters(found[0]), line)
    return _SYMBOL.sub(_written, plain)


def _letters(text: str) -> str:
    """Letters of formulas as plain ones; each once where a word processor has put it twice."""
    plain = unicodedata.normalize("NFKC", text)
    return plain[::2] if plain[::2] == plain[1::2] else plain


def _written(found: re.Match[str]) -> str:
    """A symbol's command, apart from a letter or digit behind it."""
    command = COMMANDS.get(found[0]) or _SIGNS[found[0]]
    behind = found.string[found.end() : found.end() + 1]
    return f"{command} " if command[-1].isalpha() and behind.isalnum() else command
