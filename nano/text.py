"""Words for synthetic pages: prose, dictionary words, other languages, numbers and odd strings."""

import gzip
import random
import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nano.assets import FOLDER

FIRST = (
    "James", "Mary", "Robert", "Anna", "Peter", "Linda", "Olga", "Hugo", "Ines", "Rosa", "Carl",
    "Nora", "Yusuf", "Mei", "Ivan", "Lena",
)  # fmt: skip
LAST = (
    "Smith", "Garcia", "Chen", "Novak", "Rossi", "Dubois", "Tanaka", "Okafor", "Larsen", "Meyer",
    "Silva", "Khan", "Ward", "Stone",
)  # fmt: skip
ALPHABETS = (
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.ascii_letters + string.digits,
    string.ascii_uppercase + string.digits,
    string.ascii_letters + string.digits + "-_/.:#+=&%!?*@[]()\"'<>;,",
)


@dataclass(frozen=True)
class Corpus:
    """Paragraphs and single words; `prose` is the training or the held-out part."""

    prose: list[str]
    foreign: list[str]
    words: list[str]


def _lines(name: str, folder: Path) -> list[str]:
    return gzip.decompress((folder / f"{name}.txt.gz").read_bytes()).decode().split("\n")


@cache
def load_corpus(*, held: bool = False, folder: Path = FOLDER) -> Corpus:
    """Read the collected text; held selects the paragraphs that training never sees."""
    prose = _lines("held" if held else "train", folder)
    return Corpus(prose, _lines("foreign", folder), _lines("words", folder))


def number(rng: random.Random) -> str:
    """Return a number as tables and prose print it."""
    kind = rng.random()
    if kind < 0.35:
        return str(rng.randrange(10 ** rng.randint(1, 6)))
    if kind < 0.65:
        return f"{rng.uniform(0, 10 ** rng.randint(0, 5)):,.{rng.randint(1, 3)}f}"
    if kind < 0.8:
        return f"{rng.choice('$€£')}{rng.randint(1, 99999):,}"
    return f"{rng.randint(0, 100)}%" if kind < 0.9 else f"{rng.choice('-−±+')}{rng.randint(1, 99)}"


def odd_word(rng: random.Random, corpus: Corpus) -> str:
    """Return something no dictionary holds: a date, an address, a code, a random string."""
    kind, word = rng.random(), rng.choice(corpus.words).lower()
    if kind < 0.35:
        return number(rng)
    if kind < 0.42:
        return f"{rng.randint(1900, 2030)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if kind < 0.52:
        return f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    if kind < 0.58:
        return f"{rng.choice(FIRST).lower()}.{rng.choice(LAST).lower()}@{word}.{rng.choice(('com', 'org'))}"
    if kind < 0.62:
        return f"https://{word}.org/{rng.randint(1, 999)}"
    if kind < 0.7:
        return rng.choice((f"({word})", f"“{word}”", f"[{rng.randint(1, 99)}]", f"‘{word}’"))
    if kind < 0.75:
        return f"{rng.choice('§±×©°≤≥≈→αβγδλμσπΔΩΣ')}{rng.randint(1, 99)}"
    if kind < 0.8:
        return rng.choice(corpus.words).upper()
    alphabet = rng.choice(ALPHABETS)
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(2, 9)))


def _prose(rng: random.Random, count: int, paragraphs: list[str]) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        words = rng.choice(paragraphs).split()
        found += words[rng.randrange(len(words)) :] if rng.random() < 0.2 else words
    return found[:count]


def _dictionary(rng: random.Random, count: int, corpus: Corpus) -> list[str]:
    found: list[str] = []
    capital = True
    for _ in range(count):
        word = odd_word(rng, corpus) if rng.random() < 0.1 else rng.choice(corpus.words)
        word, capital = (word[:1].upper() + word[1:] if capital else word), False
        mark = rng.random()
        capital = 0.06 <= mark < 0.12
        found.append(word + ("," if mark < 0.06 else "." if capital else ""))
    return found


def words(rng: random.Random, count: int, corpus: Corpus, kind: float | None = None) -> list[str]:
    """Return count words; kind (0..1, drawn when None) goes from prose to dictionary to odd."""
    kind = rng.random() if kind is None else kind
    if kind < 0.72:
        found = _prose(rng, count, corpus.prose)
        if rng.random() < 0.25:
            found.insert(rng.randrange(len(found) + 1), odd_word(rng, corpus))
    elif kind < 0.8:
        found = _prose(rng, count, corpus.foreign)
    elif kind < 0.95:
        found = _dictionary(rng, count, corpus)
    else:
        found = [odd_word(rng, corpus) for _ in range(count)]
    return " ".join(found).split()[:count]
