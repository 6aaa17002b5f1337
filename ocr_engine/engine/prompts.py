"""Prompt text to token ids and output ids to text, with the checkpoint's own tokenizer file.

Layout as in the official `process/image_process.py`: BOS, image placeholders, text; no chat template.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ocr_engine.drafts.phrases import book
from ocr_engine.engine.draft_args import draft_ids
from ocr_engine.engine.loops import TABLE_MARKS
from ocr_engine.engine.text_stream import TextStream
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import TOKENS, token_ids

TOKENIZER = "tokenizer.json"


class PromptEncoder:
    """One tokenizer, its special ids, and the ids the n-gram guard never bans."""

    def __init__(self, folder: Path, whitelist: Sequence[str]) -> None:
        """Read `tokenizer.json` of a checkpoint folder.

        Raises:
            EngineError: the file is damaged.
            UsageError: a special token or a whitelist entry is no token of this vocabulary.
        """
        from tokenizers import Tokenizer

        path = folder / TOKENIZER
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception for a damaged file
            raise EngineError(f"{path}: not a tokenizer ({error}); download the checkpoint again") from None
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        special = (TOKENS.bos, TOKENS.eos, TOKENS.image)
        self._bos_id, self.eos_id, self.image_id = token_ids(vocabulary, special)
        token_ids(vocabulary, (TOKENS.ref_open, TOKENS.ref_close, TOKENS.det_open, TOKENS.det_close))
        self.table_ids = frozenset(
            token for text, token in vocabulary.items() if any(mark in text for mark in TABLE_MARKS)
        )
        """Tokens that open or close cells and rows of a table."""
        self.whitelist_ids = token_ids(vocabulary, tuple(whitelist))

    def encode(self, prompt: str, pages: int = 1) -> list[int]:
        """BOS, then the text with `<image>` as one id a page, which vLLM expands to the page's placeholders.

        Raises:
            RequestError: `<image>` does not stand exactly once in the prompt.
        """
        parts = prompt.split(TOKENS.image)
        if len(parts) != 2:
            raise RequestError(
                f"prompt: it must contain {TOKENS.image} once, and does {len(parts) - 1} times"
            )
        before, after = (self._tokenizer.encode(part, add_special_tokens=False).ids for part in parts)
        return [self._bos_id, *before, *[self.image_id] * pages, *after]

    def draft(self, text: str) -> bytes:
        """A text that an answer may be, as the token ids of `GenerationRequest.draft`."""
        return draft_ids(self._tokenizer, text)

    def phrases(self) -> list[int]:
        """The book of phrases for drafts."""
        return book(lambda text: self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> tuple[str, int]:
        """Text and token count of an answer, special tokens written out, the end of sequence dropped."""
        kept = list(ids)
        if kept and kept[-1] == self.eos_id:
            kept.pop()
        return self._text(kept), len(kept)

    def byte_lengths(self, ids: Sequence[int]) -> list[int]:
        """How many bytes of text each id stands for."""
        return [self._bytes.get(token, 0) for token in ids]

    @cached_property
    def _bytes(self) -> dict[int, int]:
        """The same of every id of the vocabulary. A byte-level tokenizer writes a byte as one character."""
        added = self._tokenizer.get_added_tokens_decoder()
        plain = self._tokenizer.get_vocab(with_added_tokens=False)
        lengths = {token: len(word) for word, token in plain.items()}
        return lengths | {token: len(one.content.encode()) for token, one in added.items()}

    def stream(self) -> TextStream:
        """For the text of one answer while it grows; the end of sequence must not be given to it."""
        return TextStream(self._text)

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text
