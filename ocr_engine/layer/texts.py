"""All text of a page at once: what was read of it, and what stands on it."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoldedTexts:
    """All that was read of a page, and all that stands on it, folded and without blanks."""

    read: str
    written: str
    read_words: Counter[str]
    written_words: Counter[str]

    def stands_elsewhere(self, word: str) -> bool:
        """Whether a word that was read is on the page as often as it was read."""
        return self.written_words[word] >= max(self.read_words[word], 1)

    def is_surplus(self, letters: str) -> bool:
        """Whether it was read more often than it stands on the page."""
        return self.read.count(letters) > self.written.count(letters)

    def was_read(self, letters: str) -> bool:
        """Whether it was read as often as it stands on the page."""
        return self.read.count(letters) >= max(self.written.count(letters), 1)
