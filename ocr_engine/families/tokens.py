"""Strings and numbers with a meaning of their own in the models' prompts and answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from ocr_engine.errors import UsageError

BOX_SCALE = 999
"""Boxes are integers 0..999; `pixel = int(value / 999 * size)` on the rendered page, not the padded view."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The strings with a meaning of their own in prompts and output. Ids differ between checkpoints."""

    bos: str = "<｜begin▁of▁sentence｜>"
    eos: str = "<｜end▁of▁sentence｜>"
    image: str = "<image>"
    ref_open: str = "<|ref|>"
    ref_close: str = "<|/ref|>"
    det_open: str = "<|det|>"
    det_close: str = "<|/det|>"
    grounding: str = "<|grounding|>"
    td_open: str = "<td>"
    td_close: str = "</td>"
    page: str = "<PAGE>"
    """Stands before each page in an answer to several; plain text, no token of its own."""


TOKENS = SpecialTokens()
NGRAM_WHITELIST = (TOKENS.td_open, TOKENS.td_close)
"""Tokens the n-gram guard never bans: rows of equal table cells are legitimate (official scripts)."""
NGRAM_MAX_SIZE, NGRAM_MAX_WINDOW, NGRAM_MAX_WHITELIST = 256, 1 << 16, 64
"""What the guard takes of a request: its work for a token grows with size times window."""


def token_ids(vocabulary: Mapping[str, int], tokens: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of `tokens` in a tokenizer's vocabulary.

    Raises:
        UsageError: a token is not a single entry of the vocabulary, so this is no DeepSeek-OCR tokenizer.
    """
    missing = [token for token in tokens if token not in vocabulary]
    if missing:
        raise UsageError(
            f"tokenizer: {', '.join(missing)} missing: not a DeepSeek-OCR tokenizer; check engine.model"
        )
    return tuple(vocabulary[token] for token in tokens)
