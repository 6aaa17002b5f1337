"""How answers end, whatever vLLM says of them: the text is kept, and an engine's failure is no end."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocr_engine.config import EngineConfig
from ocr_engine.engine.answer import LoopWatch, TokenAnswer, answer_room, ending, kept_of_loop
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import smallest_page
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import EngineError, RequestError
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
        RequestError,
        match="takes 1000 tokens, which leaves no room for an answer in engine.max_model_len 1000",
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


def scored(prompts, ids, logs, reason="stop"):
    """The text, and the scores of its pieces: (piece, log) each."""
    answer = TokenAnswer(prompts, None, abort_loops=True)
    for token, log in zip(ids, logs, strict=True):
        answer.add([token], None, [log])
    answer.add([], reason)
    text, _ = answer.end()
    found = answer.scores(text)
    if found is None:
        return text, None
    ends = [0, *found.ends]
    return text, [(text[a:b], round(log, 3)) for (a, b), log in zip(pairwise(ends), found.logs, strict=True)]


def test_each_token_has_its_piece_of_the_text_and_its_number(prompts):
    ids = [*written(prompts, "<|ref|>text<|/ref|>\nÄ 漢字 für 10 €"), prompts.eos_id]
    logs = [-number / 8 for number in range(len(ids))]
    text, pieces = scored(prompts, ids, logs)
    assert text == "<|ref|>text<|/ref|>\nÄ 漢字 für 10 €" == "".join(piece for piece, _ in pieces)
    assert [log for _, log in pieces] == [round(log, 3) for log in logs[:-1]]
    assert pieces[0][0] == "<|ref|>" and sum(not piece for piece, _ in pieces) > 0


def test_an_answer_with_a_number_too_few_or_bytes_of_no_character_has_none(prompts):
    ids = written(prompts, "漢字")
    answer = TokenAnswer(prompts, None, abort_loops=True)
    answer.add(ids, "stop", [-1.0] * (len(ids) - 1))
    assert answer.scores(answer.end()[0]) is None
    assert scored(prompts, ids[:1], [-1.0]) == ("\ufffd", None)
    assert scored(prompts, [], [])[1] is None


def test_of_a_loop_only_the_tokens_of_the_copy_that_is_kept_have_numbers(prompts):
    ids = written(prompts, "one two three four five six seven eight nine ten\n" * 80)
    text, pieces = scored(prompts, ids, [-0.5] * len(ids), "length")
    assert (
        text.count("three") == 1
        and "".join(piece for piece, _ in pieces) == text[: sum(len(p) for p, _ in pieces)]
    )
    assert sum(len(piece) for piece, _ in pieces) > len(text) - 8


class Llm:
    """vLLM's engine, as far as a request sees it: pieces, then an error."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def generate(self, prompt, sampling, request_id):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            ids, reason = piece
            output = SimpleNamespace(
                token_ids=ids, finish_reason=reason, logprobs=None, spec_decode_metrics=None
            )
            yield SimpleNamespace(prompt_token_ids=[0] * self.prompt_tokens, outputs=[output])


def engine_and_request(*pieces):
    engine = VllmEngine(EngineConfig(model="nano"))
    engine._prompts, engine._llm = PromptEncoder(NANO, ()), Llm(*pieces)
    request = GenerationRequest("a", smallest_page(OCR), PROMPTS["free"], 8, 0, 0, abort_loops=True)
    engine._llm.prompt_tokens = engine._prompt(request)[1]
    return engine, request


async def asked(*pieces):
    engine, request = engine_and_request(*pieces)
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


async def test_a_request_that_failed_is_no_reason_to_keep_the_log_and_a_death_is(tmp_path):
    died = pytest.importorskip("vllm.v1.engine.exceptions", reason="needs vllm").EngineDeadError()
    for error, is_kept in ((vllm_errors()[0], False), (ValueError("no room"), False), (died, True)):
        engine, request = engine_and_request(error)
        engine._log = tmp_path / "engine.log"
        engine._log.touch()
        with pytest.raises(EngineError):
            await engine.generate(request)
        assert engine._failed is is_kept, error


async def test_an_answer_that_vllm_ended_for_repetition_is_a_page(prompts):
    pytest.importorskip("vllm", reason="needs vllm")
    answer = await asked((written(prompts, "Some text"), "repetition"))
    assert (answer.text, answer.finish_reason, answer.loop) == ("Some text", LENGTH, None)
