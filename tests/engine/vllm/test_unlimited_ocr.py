"""Unlimited-OCR's window over its answer: who sees whom, and greedy tokens past the window."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

from fixtures import recipe
from fixtures.checkpoints import decoder, encoder, write_checkpoint
from ocr_engine.config import EngineConfig
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.engine.vllm.internals import MODELS_CONFIG_MAP, AttentionBackendEnum
from ocr_engine.engine.vllm.serve_plugin import ServedDefaults, register
from ocr_engine.engine.vllm.window_cpu import rounds
from ocr_engine.families import FAMILIES, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views
from ocr_engine.records import FurtherPage, GenerationRequest
from tests.engine.vllm.test_decoder_parity import prompt_embeddings

WINDOW, LENGTH = 4, 16


@given(
    st.integers(1, 9),
    st.lists(
        st.tuples(st.integers(1, 30), st.lists(st.integers(1, 12), min_size=1, max_size=6)),
        min_size=1,
        max_size=3,
    ),
)
def test_every_token_sees_the_prompt_and_the_window(
    window: int, requests: list[tuple[int, list[int]]]
) -> None:
    """A cache in a dict, steps of any size: also those that take a preempted page up again."""
    cache: list[dict[int, int]] = [{} for _ in requests]
    lengths = [0] * len(requests)
    for step in range(max(len(steps) for _, steps in requests)):
        counts = [steps[step] if step < len(steps) else 0 for _, steps in requests]
        starts = [sum(counts[:row]) for row in range(len(counts) + 1)]
        before, lengths = lengths, [old + count for old, count in zip(lengths, counts, strict=True)]
        seen_tokens = []
        for parts in rounds(starts, lengths, [prompt for prompt, _ in requests], window):
            for part in parts:
                for at in range(part.count):
                    position = before[part.row] + part.start + at - starts[part.row]
                    cache[part.row][part.first + at] = position
            for part in parts:
                for at in range(part.count):
                    position, prompt = (
                        before[part.row] + part.start + at - starts[part.row],
                        requests[part.row][0],
                    )
                    seen = part.seen - part.count + 1 + at
                    found = {cache[part.row][place] for place in range(seen)}
                    assert found == {k for k in range(position + 1) if k < prompt or position - k < window}
                    seen_tokens.append(part.start + at)
        assert sorted(seen_tokens) == list(range(starts[-1]))


def test_vllms_own_hook_for_its_attention_stays() -> None:
    register()
    register()
    hook = MODELS_CONFIG_MAP[FAMILIES[UNLIMITED].architecture]
    assert issubclass(hook, ServedDefaults)
    assert hook.before.__name__ == "UnlimitedOCRForCausalLMConfig"


@pytest.mark.parametrize(
    ("asked", "taken"), [(None, AttentionBackendEnum.TRITON_ATTN), (AttentionBackendEnum.FLEX_ATTENTION,) * 2]
)
def test_the_attention_is_one_that_was_compared_unless_another_is_asked_for(
    monkeypatch, asked, taken
) -> None:
    register()
    hook = MODELS_CONFIG_MAP[FAMILIES[UNLIMITED].architecture]
    seen = []
    monkeypatch.setattr(
        hook.before, "verify_and_update_config", lambda config: seen.append(config.attention_config.backend)
    )
    model = SimpleNamespace(get_vocab_size=lambda: 9, multimodal_config=None, logits_processors=["one"])
    attention = SimpleNamespace(backend=asked)
    hook.verify_and_update_config(
        SimpleNamespace(
            model_config=model, attention_config=attention, additional_config={}, speculative_config=None
        )
    )
    assert seen == [taken] == [attention.backend]


@torch.inference_mode()
def greedy(embeds, model, head, bias, window):
    """One token after another, each under the reference's mask."""
    prompt, ids = len(embeds), []
    out = model(inputs_embeds=embeds[None], use_cache=True)
    while True:
        logits = out.last_hidden_state[0, -1] @ head.t()
        for token, value in bias.items():
            logits[token] += value
        ids.append(int(logits.argmax()))
        if len(ids) == LENGTH:
            return ids
        position = prompt + len(ids) - 1
        keys = torch.arange(position + 1)
        hidden = (keys >= prompt) & (position - keys >= window)
        mask = torch.zeros(1, 1, 1, position + 1).masked_fill(hidden, torch.finfo(torch.float32).min)
        embed = model.embed_tokens(torch.tensor([ids[-1:]]))
        places = torch.tensor([[position]])
        out = model(
            inputs_embeds=embed,
            attention_mask=mask,
            position_ids=places,
            past_key_values=out.past_key_values,
            use_cache=True,
        )


def telling_answer(embeds, model, head, eos_id):
    """An answer that the window changes, and the bias that holds down what is said over and over."""
    bias = {eos_id: -100.0}
    for _ in range(40):
        windowed, whole = (greedy(embeds, model, head, bias, window) for window in (WINDOW, 10_000))
        if windowed != whole:
            return windowed, bias
        bias |= dict.fromkeys(windowed, -100.0)
    raise AssertionError("an answer that the window does not change proves nothing")


async def test_greedy_tokens_past_the_window_are_those_of_the_reference_mask(tmp_path, forked):
    folder = write_checkpoint(tmp_path / "model", UNLIMITED)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rswa_window": WINDOW}))
    prompts = PromptEncoder(folder, ())
    views = make_views(recipe.picture(500, 700), resolve_mode("base", family=UNLIMITED))
    prompt = FAMILIES[UNLIMITED].prompts["markdown"]
    request = GenerationRequest("page", views, prompt, LENGTH, 0, 0)
    (model, head, _), (tower, *_) = decoder(), encoder(UNLIMITED)
    page = prompt_embeddings(request, UNLIMITED, prompts, model, tower)
    expected, bias = telling_answer(page, model, head, prompts.eos_id)
    other = make_views(recipe.picture(900, 640), resolve_mode("base", family=UNLIMITED))
    together = replace(
        request, prompt=FAMILIES[UNLIMITED].prompts["pages"], further=(FurtherPage("other", other),)
    )
    embeds = prompt_embeddings(together, UNLIMITED, prompts, model, tower)
    assert len(embeds) == 2 * 273 + len(prompts.encode(together.prompt)) - 1
    expected_together = greedy(embeds, model, head, bias, WINDOW)
    engine = VllmEngine(EngineConfig(model=str(folder), dtype="float32", max_num_seqs=4, max_model_len=2048))
    await engine.start()
    try:
        assert (await engine._ask(request, bias=bias)).output_ids == expected
        reply = await engine._ask(together, bias=bias)
        assert (len(reply.prompt_ids), reply.output_ids) == (len(embeds), expected_together)
        pieces: list[str] = []
        answer = await engine.generate(replace(together, max_tokens=3, stream_interval=1), pieces.append)
        assert (answer.vision_tokens, answer.output_tokens) == (2 * 273, 3)
        assert "".join(pieces) == answer.text and len(pieces) > 1
    finally:
        await engine.stop()
