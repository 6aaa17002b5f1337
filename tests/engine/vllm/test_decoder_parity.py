"""Whole pages through vLLM against transformers' decoder on equal small random weights: equal greedy tokens.

The features come from our towers, which are compared with the official code's elsewhere.
`parity/tokens.py` does the same over hundreds of pages with the official encoder in front.
"""

import pytest
import torch

from fixtures import recipe
from fixtures.checkpoints import decoder, encoder, write_checkpoint
from ocr_engine.config import EngineConfig
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import expanded_prompt
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import FAMILIES, OCR, OCR2, PROMPTS, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views
from ocr_engine.records import GenerationRequest

pytest.importorskip("vllm", reason="needs vllm")
PAGES = {
    OCR: (("tiny", (300, 400)), ("base", (500, 700)), ("gundam", (1920, 1080)), ("small", (900, 700))),
    OCR2: (("small", (300, 400)), ("base", (500, 700)), ("gundam", (1920, 1080))),
    UNLIMITED: (("base", (500, 700)), ("gundam", (1920, 1080))),
}
LENGTH = 6


def requests(family):
    for name, size in PAGES[family]:
        views = make_views(recipe.picture(*size), resolve_mode(name, family=family))
        yield GenerationRequest(name, views, PROMPTS["markdown"], LENGTH, 0, 0)


@torch.inference_mode()
def prompt_embeddings(request, family, prompts, model, tower):
    """The prompt as transformers' decoder sees it, with our tower's features in it."""
    pages = request.all_views
    wholes, tiles = (
        [torch.from_numpy(getattr(one, name)) for one in pages] for name in ("global_view", "tiles")
    )
    features = torch.cat(tower(wholes, tiles, [torch.tensor(one.grid) for one in pages]))
    prompt = torch.tensor(expanded_prompt(prompts, request, family))
    embeds = model.embed_tokens(prompt)
    embeds[prompt == prompts.image_id] = features
    return embeds


@torch.inference_mode()
def greedy(embeds, model, head, eos_id, bias):
    """One token after another."""
    ids, cache = [], None
    while len(ids) < LENGTH and eos_id not in ids:
        out = model(inputs_embeds=embeds[None], past_key_values=cache, use_cache=True)
        logits, cache = out.last_hidden_state[0, -1] @ head.t(), out.past_key_values
        for token, value in bias.items():
            logits[token] += value
        ids.append(int(logits.argmax()))
        embeds = model.embed_tokens(torch.tensor(ids[-1:]))
    return ids


def telling_answers(family, prompts):
    """Answers that differ between pages, and the bias that holds down what all are answered with."""
    (model, head, _), (tower, *_) = decoder(), encoder(family)
    pages = [prompt_embeddings(request, family, prompts, model, tower) for request in requests(family)]
    bias = {}
    for _ in range(8):
        answers = [greedy(embeds, model, head, prompts.eos_id, bias) for embeds in pages]
        if len({tuple(ids) for ids in answers}) > 1:
            return answers, bias
        bias |= dict.fromkeys(answers[0], -100.0)
    raise AssertionError("pages that are all read the same prove nothing")


@pytest.mark.parametrize("family", FAMILIES)
async def test_greedy_tokens_of_whole_pages_are_equal(family, tmp_path, forked):
    folder = write_checkpoint(tmp_path / "model", family)
    expected, bias = telling_answers(family, PromptEncoder(folder, ()))
    engine = VllmEngine(EngineConfig(model=str(folder), dtype="float32", max_num_seqs=4))
    await engine.start()
    try:
        found = [(await engine._ask(request, bias=bias)).output_ids for request in requests(family)]
    finally:
        await engine.stop()
    assert found == expected
