"""What the text of one page keeps coming back to: names of its own, and phrases that stood there before.

Documents repeat themselves: a product's name, a clause of a form, how a speaker is introduced. Text drawn at
random does not, and a reader that finds its place by the words just read then jumps where they come again.
"""

import random
from dataclasses import dataclass, field

from research.nano.pages.families import CODE, FAMILIES, Family

SYLLABLES = (
    "ba", "co", "dra", "el", "fi", "gor", "ha", "in", "ja", "ka", "lo", "mer", "ni", "ox", "pra", "qui", "ro",
    "sta", "ti", "ul", "ve", "wy", "xe", "yo", "zan", "cc", "tron", "ix", "ly", "ph",
)  # fmt: skip
LONGEST_PHRASE, LEAST_WORDS, REMEMBERED = 14, 6, 600
"""Words of a phrase at most; of a text that a phrase is woven into at least; that are remembered."""
LEAST_LETTERS = 4
"""Shorter words are not replaced by names, so that sentences keep their joints."""
_MARKS = ",.;:"


@dataclass
class Theme:
    """One page's names and memory."""

    names: tuple[str, ...] = ()
    name_share: float = 0.0
    """The share of words that are a name."""
    echo_share: float = 0.0
    """The chance that a stretch of text holds a phrase from before."""
    style: int = 0
    """How names are set: 0 as all else, 1 bold, 2 italic."""
    family: Family | None = None
    """Another family that names are set in."""
    noted: bool = False
    """Whether words carry the raised number of a footnote here and there."""
    notes: int = 0
    _said: list[str] = field(default_factory=list)

    def is_name(self, word: str) -> bool:
        """Say whether a word is one of the page's names, with whatever follows it."""
        return bool(self.names) and word.startswith(self.names)

    def weave(self, rng: random.Random, words: list[str]) -> list[str]:
        """Put names and phrases from before in the place of some words; the number of words stays."""
        if not self.names and not self.echo_share:
            return words
        found: list[str] = []
        while len(found) < len(words):
            size = rng.randint(15, 40)
            stretch = [self._named(rng, word) for word in words[len(found) : len(found) + size]]
            found += self._echoed(rng, stretch)
        return found

    def note(self, rng: random.Random) -> str:
        """Return the next footnote's number for a word that carries one, else nothing."""
        if not self.noted or rng.random() > 0.02:
            return ""
        self.notes += 1
        return str(self.notes)

    def _named(self, rng: random.Random, word: str) -> str:
        if len(word) < LEAST_LETTERS or not self.names or rng.random() > self.name_share:
            return word
        mark = word[-1] if word[-1] in _MARKS else ""
        return rng.choice(self.names) + ("’s" if not mark and rng.random() < 0.1 else mark)

    def _echoed(self, rng: random.Random, words: list[str]) -> list[str]:
        size = min(rng.randint(3, LONGEST_PHRASE), len(words) - 1, len(self._said))
        if len(words) >= LEAST_WORDS and size > 0 and rng.random() < self.echo_share:
            start = rng.randrange(len(self._said) - size + 1)
            at = 0 if rng.random() < 0.4 else rng.randrange(len(words) - size + 1)
            words = [*words[:at], *self._said[start : start + size], *words[at + size :]]
        self._said = [*self._said, *words][-REMEMBERED:]
        return words


def made_up_name(rng: random.Random) -> str:
    """Return a name that no dictionary holds."""
    kind, syllables = rng.random(), rng.choices(SYLLABLES, k=rng.randint(2, 3))
    word = "".join(syllables).capitalize()
    if kind < 0.55:
        return word
    if kind < 0.75:
        return "".join(rng.choices("ABCDEFGHILMNOPRSTVWX", k=rng.randint(2, 5)))
    if kind < 0.9:
        return word + rng.choice(("", "-")) + rng.choice(("2", "3D", "X", "(1)", "II", "4"))
    return word.lower()


def draw_theme(rng: random.Random) -> Theme:
    """Draw what a page comes back to; most pages come back to nothing."""
    theme = Theme(echo_share=rng.uniform(0.15, 0.8) if rng.random() < 0.4 else 0.0, noted=rng.random() < 0.12)
    if rng.random() < 0.35:
        theme.names = tuple(made_up_name(rng) for _ in range(rng.randint(1, 3)))
        theme.name_share = rng.uniform(0.01, 0.07)
        theme.style = rng.choice((0, 0, 0, 1, 2))
        theme.family = rng.choice((*CODE, rng.choice(FAMILIES))) if rng.random() < 0.3 else None
    return theme
