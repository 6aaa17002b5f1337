"""How an answer ends, and what is kept of it; the same for every engine."""

from collections.abc import Callable, Collection, Iterable, Sequence

from ocr_engine.engine.base import OnText
from ocr_engine.engine.loops import LoopDetector, before_loop
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.token_ends import kept_scores
from ocr_engine.errors import RequestError
from ocr_engine.log import logger
from ocr_engine.records import FinishReason, Loop, TokenScores

_ENDINGS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    # vLLM's own search for repeating tokens: as at the token limit, the text stands but has no end.
    "repetition": FinishReason.LENGTH,
    "error": FinishReason.ERROR,
}


def ending(reason: str) -> FinishReason:
    """What vLLM's finish reason means for a page; one that it does not give counts as aborted."""
    return _ENDINGS.get(reason, FinishReason.ABORT)


class LoopWatch:
    """Looks for the loop that a growing answer ends in."""

    def __init__(self, table_ids: Collection[int] | None) -> None:
        """`table_ids` as for `LoopDetector`; None looks for nothing."""
        self._detector = None if table_ids is None else LoopDetector(table_ids)
        self.loop: Loop | None = None
        """The loop found; the answer may be ended."""

    def add(self, ids: Iterable[int], ended: FinishReason | None = None) -> bool:
        """Take new ids and, with the last of them, how the answer ended; whether it ends in a loop.

        An answer with an end of its own has no loop. One that the token limit cut off has one sooner.
        """
        if self._detector is None or ended is FinishReason.STOP:
            return False
        self.loop = self._detector.add(ids)
        if self.loop is None and ended is FinishReason.LENGTH:
            self.loop = self._detector.end()
        return self.loop is not None


def copy_ends(loop: Loop) -> tuple[int, int]:
    """Tokens up to the end of a loop's first copy, and up to that of its second."""
    one = loop.start_tok + loop.period_tok
    return one, one + loop.period_tok


def kept_of_loop(loop: Loop, text_of: Callable[[int], str]) -> str:
    """The text to keep of an answer that ends in a loop; `text_of` decodes its first so many tokens."""
    one, two = map(text_of, copy_ends(loop))
    return before_loop(one, two)


def answer_room(max_tokens: int, prompt_tokens: int, max_model_len: int, limit: str) -> int:
    """Tokens that an answer may have: `max_tokens` (0 for no limit), or the room that the prompt leaves.

    Raises:
        RequestError: it leaves none; `limit` names the setting of `max_model_len`.
    """
    room = max_model_len - prompt_tokens
    if room < 1:
        raise RequestError(
            f"the page takes {prompt_tokens} tokens, which leaves no room"
            f" for an answer in {limit} {max_model_len};"
            " choose a mode with fewer tokens"
        )
    return min(max_tokens, room) if max_tokens > 0 else room


class TokenAnswer:
    """An answer that arrives as token ids, while it grows."""

    def __init__(self, prompts: PromptEncoder, on_text: OnText | None, *, abort_loops: bool) -> None:
        self._prompts = prompts
        self._on_text = on_text
        self._stream = prompts.stream()
        self._watch = LoopWatch(prompts.table_ids if abort_loops else None)
        self._ids: list[int] = []
        self._logs: list[float] = []
        self.finish_reason = FinishReason.ABORT

    @property
    def loop(self) -> Loop | None:
        """The loop that the answer ends in, if one is sought."""
        return self._watch.loop

    def add(self, ids: Sequence[int], reason: str | None, logs: Sequence[float] = ()) -> None:
        """Take the newest ids, or all of them at once, and with the last of them vLLM's finish reason.

        `logs` are the logarithms of their probabilities, where they were asked for.
        """
        self._ids += ids
        self._logs += logs
        ended = None if reason is None else ending(reason)
        if ended is not None:
            self.finish_reason = ended
        elif self._on_text is not None and (text := self._stream.add(list(ids))):
            self._on_text(text)
        self._watch.add(ids, ended)

    def failed(self, error: RequestError) -> None:
        """The engine failed on the way: the text so far is the answer. Raises `error` where there is none."""
        if not self._prompts.decode(self._ids)[0].strip():
            raise error
        logger.debug("the engine failed after %d tokens", len(self._ids), exc_info=error)
        self.finish_reason = FinishReason.ERROR

    def end(self) -> tuple[str, int]:
        """The text and the count of tokens generated; gives out what was not given out yet.

        Raises:
            RequestError: vLLM failed on this request, and there is no text.
        """
        text, output_tokens = self._prompts.decode(self._ids)
        if self.finish_reason is FinishReason.ERROR and not text.strip():
            raise RequestError("vLLM failed on this request before any text; run the same command again")
        if self.loop is not None:
            text = kept_of_loop(self.loop, lambda count: self._prompts.decode(self._ids[:count])[0])
        if self._on_text is not None and (rest := text[self._stream.sent :]):
            self._on_text(rest)
        return text, output_tokens

    def scores(self, text: str) -> TokenScores | None:
        """How sure the model was of each token of the text that `end` gave; None where it did not say."""
        if len(self._logs) != len(self._ids):
            return None
        lengths = self._prompts.byte_lengths(self._ids)
        return kept_scores(lengths, self._logs, text, is_cut=self.loop is not None)
