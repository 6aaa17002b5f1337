"""A page's draft: what an earlier run read on it, or its text layer foretells; made in the render worker."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ocr_engine.config import Config
from ocr_engine.drafts.prediction import MAX_CHARS, predicted_answer
from ocr_engine.engine.draft_args import draft_ids
from ocr_engine.records import TextLayer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TAGGED = {"markdown": True, "free": False}
"""The prompts whose answers can be foretold, and whether these hold tags."""

BY_ENGINE = ""
"""In place of the tokenizer's file: a page's draft is text, of which the engine makes tokens."""


@dataclass(frozen=True, slots=True)
class DraftForm:
    """How drafts are made: with tags or without, and the tokenizer's file, or `BY_ENGINE`.

    `said_before` is the raw text of an earlier run of another mode or model, where there is one.
    """

    tokenizer: str
    is_tagged: bool
    said_before: str = ""


def form_of(config: Config, tokenizer: str | None, said_before: str = "") -> DraftForm | None:
    """What drafts a run's pages get; None where its engine takes none, or its prompt wants something else.

    `tokenizer` and `said_before` as in `DraftForm`; None where the engine takes no drafts.
    """
    if tokenizer is None or config.engine.drafts == "off" or config.prompt not in _TAGGED:
        return None
    return DraftForm(tokenizer, _TAGGED[config.prompt], said_before)


def draft_of(layer: TextLayer, form: DraftForm) -> bytes | str:
    """A page's draft: int32 token ids in bytes, or text that the engine makes tokens of; empty for none."""
    text = form.said_before[:MAX_CHARS] or predicted_answer(layer, tagged=form.is_tagged)
    if not text or not form.tokenizer:
        return text
    return draft_ids(_tokenizer(form.tokenizer), text)


@lru_cache(1)
def _tokenizer(path: str) -> "Tokenizer":
    """A worker's own: reading the file takes half a second."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)
