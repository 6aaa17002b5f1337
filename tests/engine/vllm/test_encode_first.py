"""Pages are encoded before the runner takes them in, once."""

from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from vllm.v1.worker.gpu.mm.encoder_runner import EncoderRunner

from ocr_engine.engine.vllm import encode_first
from ocr_engine.engine.vllm.internals import DefaultModelState, EncoderCache, GPUModelRunner


def page(name):
    feature = SimpleNamespace(identifier=f"pixels of {name}", modality="image", data=object())
    return SimpleNamespace(req_id=name, mm_features=[feature])


def step(*names, old=()):
    """A step that takes in pages and encodes them, and pages that were taken in before."""
    return SimpleNamespace(
        scheduled_new_reqs=[page(name) for name in names],
        scheduled_encoder_inputs={name: [0] for name in (*old, *names)},
    )


@pytest.fixture
def runner(monkeypatch):
    """vLLM's runner as far as encoding goes; `done` has what it does, in order."""
    done = []
    state = DefaultModelState.__new__(DefaultModelState)
    state.encoder_runner = encoder = EncoderRunner.__new__(EncoderRunner)
    state.encoder_cache = encoder.encoder_cache = cache = EncoderCache()
    encoder.enable_timing = False
    encoder.execute_mm_encoder = lambda found: done.append(len(found)) or ["features"] * len(found)
    monkeypatch.setattr(GPUModelRunner, "add_requests", lambda self, _: done.append("taken in"))
    encode_first.install()
    made = GPUModelRunner.__new__(GPUModelRunner)
    made.encoder_cache, made.model_state, made.done = cache, state, done
    return made


def test_new_pages_are_encoded_before_they_are_taken_in(runner):
    both = step("a", "b")
    runner.add_requests(both)
    assert runner.done == [2, "taken in"]
    assert runner.encoder_cache.encoder_outputs == dict.fromkeys(["pixels of a", "pixels of b"], "features")
    runner.model_state.execute_mm_encoder(both.scheduled_encoder_inputs)
    assert runner.done == [2, "taken in"]


def test_a_page_that_was_taken_in_before_is_encoded_in_its_step(runner):
    runner.encoder_cache.add_request("old", page("old").mm_features)
    runner.add_requests(step("new", old=["old"]))
    assert runner.done == [2, "taken in"]


def test_a_part_without_an_encoder_does_nothing_first(runner):
    runner.encoder_cache = None
    runner.add_requests(step("a"))
    assert runner.done == ["taken in"]


def test_a_step_of_answers_alone_sends_no_settings_anew(runner):
    runner.add_requests(step())
    assert runner.done == []
