"""How answers end, whatever vLLM says of them: the text is kept, and an engine's failure is no end."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ocr_engine.config import EngineConfig
from ocr_engine.engine.answer import LoopWatch, TokenAnswer, answer_room, ending, kept_of_loop
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import smallest_page
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import RequestError
from ocr_engine.families import OCR, PROMPTS
from ocr_engine.records import FinishReason, GenerationRequest, Loop

NANO = Path(__file__).parents[2] / "ocr_engine/model/nano"
STOP, LENGTH, ABORT, ERROR = FinishReason.STOP, FinishReason.LENGTH, FinishReason.ABORT, FinishReason.ERROR


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", STOP), ("length", LENGTH), ("abort", ABORT), ("repetition", LENGTH), ("error", ERROR),
        ("content_filter", ABORT), ("", ABORT),
    ],
)  # fmt: skip
def test_every_reason_that_a_server_may_give_has_a_meaning(reason, expected):
    assert ending(reason) is expected


def test_each_reason_of_this_vllm_is_known():
    engine = pytest.importorskip("vllm.v1.engine", reason="needs vllm")
    unknown = {reason for reason in engine.FINISH_REASON_STRINGS if ending(reason) is ABORT}
    assert unknown == {"abort"}


@pytest.mark.parametrize(
    ("copies", "ended", "looped"),
    [
        (60, None, True), (40, None, False), (40, LENGTH, True), (40, STOP, False), (60, STOP, False),
        (40, ABORT, False), (5, LENGTH, False),
    ],
)  # fmt: skip
def test_a_loop_is_found_sooner_at_the_token_limit_and_never_at_an_end(copies, ended, looped):
    watch = LoopWatch((9,))
    assert watch.add([100, 101], None) is False
    found = watch.add(list(range(20, 32)) * copies, ended)
    assert found == (watch.loop is not None) == looped


def test_one_copy_is_kept():
    text = "ab\ncd\ncd\ncd\n"
    assert kept_of_loop(Loop(period_tok=3, start_tok=3), lambda count: text[:count]) == "ab\ncd\n"
    assert LoopWatch(None).add([1] * 5000, LENGTH) is False


def test_room_for_an_answer():
    assert answer_room(0, 300, 1000, "x") == 700 and answer_room(50, 300, 1000, "x") == 50
    assert answer_room(5000, 300, 1000, "x") == 700
    with pytest.raises(
        RequestError, match="1000 tokens leave no room for an answer in engine.max_model_len 1000"
    ):
        answer_room(5, 1000, 1000, "engine.max_model_len")


@pytest.fixture(scope="module")
def prompts():
    return PromptEncoder(NANO, ())


def written(prompts, text):
    """The text's token ids."""
    return prompts.encode("<image>" + text)[2:]


def test_text_before_a_failure_is_the_answer(prompts):
    pieces = []
    answer = TokenAnswer(prompts, pieces.append, abort_loops=True)
    answer.add(written(prompts, "Some text"), None)
    answer.failed(RequestError("gone"))
    assert answer.end()[0] == "".join(pieces) == "Some text" and answer.finish_reason is ERROR
    answer = TokenAnswer(prompts, None, abort_loops=True)
    with pytest.raises(RequestError, match="gone"):
        answer.failed(RequestError("gone"))


@pytest.mark.parametrize(("reason", "expected"), [("repetition", LENGTH), ("error", ERROR), ("abort", ABORT)])
def test_no_reason_loses_text(prompts, reason, expected):
    answer = TokenAnswer(prompts, None, abort_loops=True)
    answer.add(written(prompts, "Some text"), reason)
    assert answer.end()[0] == "Some text" and answer.finish_reason is expected


def test_a_failure_without_text_is_an_error_of_the_request(prompts):
    answer = TokenAnswer(prompts, None, abort_loops=True)
    answer.add([], "error")
    with pytest.raises(RequestError, match="failed on this request before any text"):
        answer.end()


class Llm:
    """vLLM's engine, as far as a request sees it: pieces, then an error."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def generate(self, prompt, sampling, request_id):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            ids, reason = piece
            output = SimpleNamespace(token_ids=ids, finish_reason=reason)
            yield SimpleNamespace(prompt_token_ids=[0] * self.prompt_tokens, outputs=[output])


async def asked(*pieces):
    engine = VllmEngine(EngineConfig(model="nano"))
    engine._prompts, engine._llm = PromptEncoder(NANO, ()), Llm(*pieces)
    request = GenerationRequest("a", smallest_page(OCR), PROMPTS["free"], 8, 0, 0, abort_loops=True)
    engine._llm.prompt_tokens = engine._prompt(request)[1]
    return await engine.generate(request)


def vllm_errors():
    exceptions = pytest.importorskip("vllm.exceptions", reason="needs vllm")
    from vllm.v1.engine.exceptions import EngineGenerateError

    wrapped = EngineGenerateError()
    wrapped.__cause__ = exceptions.GenerationError("KV load failed")
    return [exceptions.GenerationError("KV load failed"), exceptions.QueueOverflowError(), wrapped]


async def test_what_vllm_raises_on_a_request_is_an_error_of_that_request(prompts):
    for error in vllm_errors():
        with pytest.raises(RequestError, match="GenerationError: KV load failed|QueueOverflowError: "):
            await asked(error)
        answer = await asked((written(prompts, "Some text"), None), error)
        assert (answer.text, answer.finish_reason) == ("Some text", ERROR)


async def test_an_answer_that_vllm_ended_for_repetition_is_a_page(prompts):
    pytest.importorskip("vllm", reason="needs vllm")
    answer = await asked((written(prompts, "Some text"), "repetition"))
    assert (answer.text, answer.finish_reason, answer.loop) == ("Some text", LENGTH, None)
