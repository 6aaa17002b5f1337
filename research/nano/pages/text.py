"""Words for synthetic pages: prose, dictionary words, other languages, numbers and odd strings."""

import lzma
import random
import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from research.nano.pages.assets import FOLDER

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
    invented: bool = True
    """Whether text is also made of foreign prose, dictionaries and odd words, and not of prose alone."""


def _lines(name: str, folder: Path) -> list[str]:
    return lzma.decompress((folder / f"{name}.txt.xz").read_bytes()).decode().split("\n")


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


def _identifier(rng: random.Random, corpus: Corpus) -> str:
    parts = [rng.choice(corpus.words).lower() for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    kind = rng.random()
    if kind < 0.45:
        return "_".join(parts)
    joined = "".join(part.capitalize() for part in parts)
    return joined if kind < 0.65 else joined[:1].lower() + joined[1:] if kind < 0.9 else parts[0].upper()


def code_word(rng: random.Random, corpus: Corpus) -> str:
    """Return a scrap of code as prose quotes it: a name, a call, a path, an option."""
    name, kind = _identifier(rng, corpus), rng.random()
    if kind < 0.5:
        return name
    other = _identifier(rng, corpus)
    return rng.choice(
        (f"{name}()", f"{name}.{other}", f"{name}({other})", f"--{other.replace('_', '-')}", f"{name}.py",
         f"/{name}/{other}", f"<{name}>", f"{name}[{rng.randint(0, 9)}]", f"{name}={rng.randint(0, 99)}",
         f"{name}::{other}", f"${name.upper()}", f"{name}.{rng.choice(('java', 'c', 'txt', 'json'))}")
    )  # fmt: skip


def _expression(rng: random.Random, corpus: Corpus) -> str:
    kind = rng.random()
    if kind < 0.35:
        return _identifier(rng, corpus)
    if kind < 0.55:
        word = rng.choice(corpus.words)
        return rng.choice((str(rng.randint(0, 999)), f'"{word}"', f"'{word}'"))
    if kind < 0.8:
        inside = ", ".join(_identifier(rng, corpus) for _ in range(rng.randint(0, 2)))
        return f"{_identifier(rng, corpus)}({inside})"
    sign = rng.choice(("+", "-", "*", "==", "<", ">=", "and", "!=", "||"))
    return f"{_identifier(rng, corpus)} {sign} {rng.randint(0, 99)}"


def code_lines(rng: random.Random, count: int, corpus: Corpus) -> list[tuple[int, str]]:
    """Return lines of made-up code as (indentation in steps, text)."""
    end, depth, found = rng.choice(("", "", ";")), 0, []
    for _ in range(count):
        name, value = _identifier(rng, corpus), _expression(rng, corpus)
        kind = rng.random()
        opens = kind < 0.25 and depth < 3
        if opens:
            letter = rng.choice("abijkxn")
            line = rng.choice(
                (f"def {name}(self, {letter}):", f"if ({value}) {{", f"for {letter} in {value}:")
            )
        elif kind < 0.65:
            line = f"{name} = {value}{end}"
        elif kind < 0.8:
            line = f"{rng.choice(('return', 'print', 'assert', 'import'))} {value}{end}"
        else:
            line = f"{rng.choice(('#', '//'))} {' '.join(words(rng, rng.randint(2, 6), corpus, 0.1))}"
        found.append((depth, line))
        depth = depth + 1 if opens else max(0, depth - (rng.random() < 0.3))
    return found


def reference(rng: random.Random, corpus: Corpus) -> list[str]:
    """Return the words of an entry of a list of references."""
    names = [f"{rng.choice(FIRST)[0]}. {rng.choice(LAST)}" for _ in range(rng.randint(1, 4))]
    title = " ".join(words(rng, rng.randint(4, 10), corpus, rng.choice((0.1, 0.85)))).strip(".,;")
    where = " ".join(w.capitalize() for w in rng.choices(corpus.words, k=rng.randint(1, 3)))
    first = rng.randint(1, 900)
    pages = f"{rng.randint(1, 60)}({rng.randint(1, 12)}):{first}–{first + rng.randint(2, 40)}, "
    return f"{', '.join(names)}. {title}. {where}, {pages}{rng.randint(1960, 2025)}.".split()


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
    if kind < 0.78 or not corpus.invented:
        found = _prose(rng, count, corpus.prose)
        if rng.random() < 0.25:
            found.insert(rng.randrange(len(found) + 1), odd_word(rng, corpus))
    elif kind < 0.84:
        found = _prose(rng, count, corpus.foreign)
    elif kind < 0.96:
        found = _dictionary(rng, count, corpus)
    else:
        found = [odd_word(rng, corpus) for _ in range(count)]
    return " ".join(found).split()[:count]
