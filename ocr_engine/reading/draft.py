"""A page's draft: what an earlier run read on it, or its text layer foretells; made in the render worker."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ocr_engine.config import Config
from ocr_engine.drafts.prediction import MAX_CHARS, predicted_answer
from ocr_engine.engine.base import Engine
from ocr_engine.engine.draft_args import draft_ids
from ocr_engine.errors import InputError
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.outcome import outcome
from ocr_engine.records import TextLayer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TAGGED = {"markdown": True, "free": False}
"""The prompts whose answers can be foretold, and whether these hold tags."""

BY_ENGINE = ""
"""In place of the tokenizer's file: a page's draft is text, of which the engine makes tokens."""
NOTHING_FORETOLD = "\n"
"""The draft of a scan: what its own answer and others said is drafted from (`drafts/memory.py`)."""


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
    """A page's draft: int32 token ids in bytes, or text that the engine makes tokens of."""
    text = form.said_before[:MAX_CHARS] or predicted_answer(layer, tagged=form.is_tagged)
    text = text or NOTHING_FORETOLD
    return ids_of(form.tokenizer, text) if form.tokenizer else text


def ids_of(tokenizer: str, text: str) -> bytes:
    """A text as a draft's token ids."""
    return draft_ids(_tokenizer(tokenizer), text)


class DraftIds:
    """Has a worker make token ids of drafts that are text: in this process that takes 0.6 ms a page, or more.

    Such are an earlier attempt's, and on a cluster's nodes all.
    """

    def __init__(self, form: DraftForm | None, pool: RenderPool, engine: Engine) -> None:
        self._form, self._pool, self._engine = form, pool, engine
        self._path: asyncio.Task[str | None] | None = None

    async def of(self, draft: bytes | str) -> bytes | str:
        """The draft as ids; as it is where the engine, which has been started, is to make them itself."""
        if isinstance(draft, bytes) or not draft or self._form is None:
            return draft
        path = self._form.tokenizer or await self._of_engine()
        if not path:
            return draft
        try:
            return await outcome(self._pool.work(partial(ids_of, path, draft)))
        except InputError:  # the page is read without: a draft saves time alone
            return b""

    async def _of_engine(self) -> str | None:
        if self._path is None:
            self._path = asyncio.create_task(asyncio.to_thread(lambda: self._engine.identify().tokenizer))
        return await asyncio.shield(self._path)


@lru_cache(1)
def _tokenizer(path: str) -> "Tokenizer":
    """A worker's own: reading the file takes half a second."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)
