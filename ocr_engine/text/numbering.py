"""Reads what a heading is numbered with: `2.1`, `Annex A`, `Chapter IV`, `Article 3`, `第三章`."""

import re
from dataclasses import dataclass
from enum import Enum


class Counter(Enum):
    """What counts a heading. Those of words stand in the order in which they hold each other."""

    PART = "part"
    CHAPTER = "chapter"
    SECTION = "section"
    ARTICLE = "article"
    ANNEX = "annex"
    ROMAN = "roman"
    LETTER = "letter"
    DECIMAL = "decimal"


WORDS = (Counter.PART, Counter.CHAPTER, Counter.SECTION, Counter.ARTICLE)


@dataclass(frozen=True, slots=True)
class Number:
    """The number of a heading: `4.2.1` is a decimal of depth 3, `B.2` a letter of depth 2."""

    counter: Counter
    depth: int
    text: str
    """Upper case, without what ends it."""


_ROMAN = r"[IVXLC]{1,7}"
_ANY = rf"(?:\d{{1,4}}|{_ROMAN}|[A-Z])(?:[.-]\d{{1,3}}){{0,3}}"
_CJK = r"[0-9〇一二三四五六七八九十百]{1,6}"
_END = r"(?=[.:)、]?[*_]{0,2}(?:\s|$)|[\u2013\u2014])"


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})(?:\s{{1,3}}|(?<=[§.])\s{{0,3}})({_ANY}){_END}", re.IGNORECASE)


_RULES = (
    (Counter.PART, _words("part", "teil", "partie", "parte", "book", "buch", "título", "title")),
    (Counter.CHAPTER, _words("chapter", "kapitel", "chapitre", "cap[ií]tulo", "capitolo", "hoofdstuk")),
    (Counter.SECTION, _words("section", "abschnitt", "secci[oó]n", "sezione", "sectie")),
    (Counter.ARTICLE, _words("article", "artikel", r"art\.", "art[ií]culo", "articolo", "§")),
    (Counter.ANNEX, _words("annexe?", "appendix", "anhang", "anlage", "ap[eé]ndice", "allegato", "anexo")),
    (Counter.PART, re.compile(rf"第({_CJK})[编編部]")),
    (Counter.CHAPTER, re.compile(rf"第({_CJK})章")),
    (Counter.SECTION, re.compile(rf"第({_CJK})[节節]")),
    (Counter.ARTICLE, re.compile(rf"第({_CJK})条")),
    (Counter.ANNEX, re.compile(rf"(?:附录|附錄|付録)\s?({_CJK}|[A-Z])?")),
    (Counter.DECIMAL, re.compile(rf"(\d{{1,3}}(?:\.\d{{1,3}}){{0,6}}){_END}")),
    (Counter.LETTER, re.compile(rf"([A-Z](?:\.\d{{1,3}}){{1,6}}){_END}")),
    (Counter.ROMAN, re.compile(rf"({_ROMAN})[.)](?=\s)")),
    (Counter.LETTER, re.compile(r"([A-Z])[.)](?=\s)")),
)


def number_of(title: str) -> Number | None:
    """The number that a title starts with; None where it has none. Single `C.` and `I.` are Roman numbers."""
    title = title.lstrip("*_ ")
    for counter, pattern in _RULES:
        if found := pattern.match(title):
            text = (found[1] or "").upper()
            depth = text.count(".") + 1 if counter in (Counter.DECIMAL, Counter.LETTER) else 1
            return Number(counter, depth, text)
    return None


def without_number(title: str) -> str:
    """The title after its number."""
    title = title.lstrip("*_ ")
    for _, pattern in _RULES:
        if found := pattern.match(title):
            return title[found.end() :].lstrip(".:)、*_–— \t")
    return title
