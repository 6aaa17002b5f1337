"""Bodies of servers: a checked answer, or a refusal in printable words; never more than was asked for."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from ocr_engine.engine.answer import LoopWatch
from ocr_engine.engine.server import reader, wire
from ocr_engine.engine.server.replies import MAX_ANSWER_CHARS, Cards, Completion, Detokenized, Tokenized
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.records import FinishReason

_MAX_TOKENS = 2048
_REFUSALS = (reader.ServerFailedError, EngineError, RequestError)


class _Content:
    """A body that arrives in chunks of odd sizes, as a stream of aiohttp gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Pieces of the body."""
        size = 1 + (self._data[0] if self._data else 0)
        for at in range(0, len(self._data), size):
            yield self._data[at : at + size]


def check(data: bytes) -> None:
    """Raises AssertionError where an answer is out of bounds or words are not printable."""
    body = b""
    with _refused():
        body = _now(reader.body(_Content(data)))  # type: ignore[arg-type]
    for kind in (Cards, Completion, Tokenized, Detokenized):
        with _refused():
            _check_record(reader.decoded(body, kind))
    with _refused():
        _now(_stream(data))
    for words in (reader.message_of(data), reader.said(data.decode("utf-8", "replace"))):
        _check_words(words)
    length = wire.queue_length(data.decode("utf-8", "replace"))
    assert length is None or length >= 0


async def _stream(data: bytes) -> None:
    answer = wire.Answer(_MAX_TOKENS, LoopWatch([1]))
    async for event in reader.events(_Content(data)):  # type: ignore[arg-type]
        answer.add(reader.decoded(event, Completion))
        _check_answer(answer)


def _check_record(record: object) -> None:
    if isinstance(record, Cards):
        served = wire.served(record, "")
        assert served.max_model_len > 0 and served.name.encode()
    elif isinstance(record, Completion):
        answer = wire.Answer(_MAX_TOKENS)
        answer.add(record)
        _check_answer(answer)
    elif isinstance(record, Tokenized):
        assert all(token >= 0 for token in record.tokens)
    elif isinstance(record, Detokenized):
        assert len(record.prompt) <= MAX_ANSWER_CHARS


def _check_answer(answer: wire.Answer) -> None:
    assert len(answer.text) <= MAX_ANSWER_CHARS and len(answer.ids) <= _MAX_TOKENS
    assert isinstance(answer.reason, FinishReason) and 0 <= answer.text_tokens <= _MAX_TOKENS
    answer.text.encode()


def _check_words(words: str) -> None:
    assert words.isprintable() and "\n" not in words, words


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except _REFUSALS as error:
        _check_words(str(error))


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waited for something")
