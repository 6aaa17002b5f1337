"""METEOR through NLTK. Without the WordNet data synonyms do not count; the mode says which it is."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class MeteorMode(StrEnum):
    """What counts as the same word."""

    FULL = "exact, stem, synonym"
    WITHOUT_SYNONYMS = "exact, stem (no WordNet data)"


class _NoSynonyms:
    """Stands in for the WordNet corpus where it is not installed."""

    def synsets(self, word: str) -> list[Any]:
        """No synonyms of any word."""
        del word
        return []


def meteor(reference: Sequence[str], hypothesis: Sequence[str], mode: MeteorMode) -> float:
    """Sentence METEOR of two token lists, 0 to 1."""
    from nltk.translate.meteor_score import single_meteor_score

    wordnet = _wordnet() if mode is MeteorMode.FULL else _NoSynonyms()
    return float(single_meteor_score(list(reference), list(hypothesis), wordnet=wordnet))


def available_mode() -> MeteorMode:
    """FULL where NLTK finds the WordNet corpus."""
    import nltk

    for name in ("corpora/wordnet.zip", "corpora/wordnet"):
        try:
            nltk.data.find(name)
        except LookupError:
            continue
        return MeteorMode.FULL
    return MeteorMode.WITHOUT_SYNONYMS


def _wordnet() -> Any:
    from nltk.corpus import wordnet

    return wordnet
