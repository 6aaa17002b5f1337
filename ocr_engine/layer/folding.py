"""Characters that stand for the same on a page made equal, one for one, so that places stay places."""

import unicodedata
from functools import lru_cache

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad"
BULLETS = "\u2022\u2023\u25aa\u25cf\u25e6\u25cb\u25a0\u25a1\u27a2\u2756\u00b7\u2043\u2219\uf0b7\uf0a7"
_SAME = (
    dict.fromkeys(DASHES + BULLETS, "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
)


def fold(text: str) -> str:
    """`text` as it is compared, of the same length: no case, one kind of dash, bullet and quote."""
    if text.isascii():
        return text.lower().replace("`", "'")
    return "".join(map(_folded, text))


@lru_cache(maxsize=20_000)
def _folded(character: str) -> str:
    if same := _SAME.get(character):
        return same
    plain = unicodedata.normalize("NFKC", character).lower()
    return plain if len(plain) == 1 and not plain.isspace() else character
