"""Formulas of synthetic pages: what textbooks and papers print, as parts that typesetting can draw.

A part is (characters, level): 0 on the line, 1 and -1 super- and subscript, 2 and -2 over and under a
fraction's bar. A part on the line that is a name of FUNCTIONS is one upright word.
"""

import random

Parts = tuple[tuple[str, int], ...]
FUNCTIONS = ("log", "sin", "cos", "exp", "max", "min", "lim")
SPACED = frozenset("+−=<>≤≥≠≈∈→←±×·")
"""Signs with space around them on the line."""
LATEX = {
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "δ": "\\delta ", "ε": "\\epsilon ",
    "λ": "\\lambda ", "μ": "\\mu ", "σ": "\\sigma ", "π": "\\pi ", "θ": "\\theta ", "ω": "\\omega ",
    "φ": "\\phi ", "ρ": "\\rho ", "τ": "\\tau ", "Γ": "\\Gamma ", "Δ": "\\Delta ", "Σ": "\\Sigma ",
    "Ω": "\\Omega ", "∑": "\\sum ", "∫": "\\int ", "≤": "\\leq ", "≥": "\\geq ", "≠": "\\neq ",
    "≈": "\\approx ", "×": "\\times ", "∞": "\\infty ", "·": "\\cdot ", "∂": "\\partial ",
    "∈": "\\in ", "→": "\\to ", "←": "\\leftarrow ", "±": "\\pm ", "−": "-", "…": "\\ldots ",
    "{": "\\{", "}": "\\}", **{name: f"\\{name} " for name in FUNCTIONS},
}  # fmt: skip
"""How LaTeX writes what is printed."""
_NAMES = "xyznmkijabcdefghpqrstuvwABCDEFGHKLMNPQRSTUVX"
_COMMON = "nnnxxxykiabfpt"
_GREEK = "αβγδελμσπθωφρτΓΔΣΩ"
_RELATIONS = "=====<>≤≥≠≈∈→"


def _name(rng: random.Random) -> str:
    kind = rng.random()
    return rng.choice(_COMMON if kind < 0.5 else _NAMES if kind < 0.88 else _GREEK)


def _script(rng: random.Random) -> Parts:
    kind = rng.random()
    if kind < 0.5:
        return ()
    level = 1 if rng.random() < 0.55 else -1
    digits = "22223" if level > 0 else "0112"
    inside = rng.choice(digits) if rng.random() < 0.6 else rng.choice(_COMMON)
    if rng.random() < 0.1:
        inside += rng.choice("+−") + rng.choice("12")
    return ((inside, level),)


def _atom(rng: random.Random) -> Parts:
    kind = rng.random()
    if kind < 0.2:
        return ((str(rng.randint(1, 12 if rng.random() < 0.8 else 999)), 0),)
    if kind < 0.62:
        count = rng.choice(("", "", "", "2", "3", "4"))
        return ((count + _name(rng), 0), *_script(rng))
    if kind < 0.76:
        return (("(", 0), *_sum(rng, 2), (")", 0), *_script(rng))
    if kind < 0.9:
        inner = _name(rng) if rng.random() < 0.7 else f"{_name(rng)}, {_name(rng)}"
        return ((_name(rng) + "(" + inner + ")", 0),)
    if kind < 0.96:
        return ((rng.choice(FUNCTIONS), 0), (_name(rng), 0))
    return (("{", 0), (f"{_name(rng)}, …, {_name(rng)}", 0), ("}", 0))


def _sum(rng: random.Random, terms: int) -> Parts:
    parts = list(_atom(rng)) if terms > 2 else [(_name(rng), 0)]
    for _ in range(terms - 1):
        parts.append((rng.choice("++++−−−·×"), 0))
        parts += _atom(rng) if terms > 2 else [(rng.choice(_COMMON + "1122"), 0)]
    return tuple(parts)


def _fraction(rng: random.Random) -> Parts:
    over = "".join((_name(rng), rng.choice("+−"), rng.choice(_COMMON + "12")))
    return ((over if rng.random() < 0.5 else _name(rng), 2), (rng.choice((_name(rng), "2", "n!", "k+1")), -2))


def inline(rng: random.Random) -> Parts:
    """Return a formula as prose has it: mostly a name, sometimes a short relation."""
    kind = rng.random()
    if kind < 0.35:
        return ((_name(rng), 0), *_script(rng))
    if kind < 0.55:
        return _atom(rng)
    if kind < 0.8:
        return ((_name(rng), 0), *_script(rng), (rng.choice(_RELATIONS), 0), *_atom(rng))
    return _sum(rng, 2)


def displayed(rng: random.Random) -> Parts:
    """Return a formula as stands on its own line: a relation of sums, with a fraction or a big sign."""
    left = _sum(rng, 2) if rng.random() < 0.4 else _atom(rng)
    right = list(_sum(rng, rng.randint(2, 4)))
    kind = rng.random()
    if kind < 0.2:
        right = (
            [*_fraction(rng), (rng.choice("+−·"), 0), *right] if rng.random() < 0.5 else list(_fraction(rng))
        )
    elif kind < 0.32:
        right = [("∑", 0), (f"{_name(rng)}=1", -1), (rng.choice("nmk"), 1), *_atom(rng)]
    return (*left, (rng.choice(_RELATIONS), 0), *right)
