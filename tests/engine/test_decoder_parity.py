"""Whole pages through vLLM against transformers' decoder on equal small random weights: equal greedy tokens.

The features come from our towers, which are compared with the official code's elsewhere.
`scripts/parity_tokens.py` does the same over hundreds of pages with the official encoder in front.
"""

import pytest
import torch

from ocr_engine.config import EngineConfig
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import expanded_prompt
from ocr_engine.engine.vllm_engine import VllmEngine
from ocr_engine.pages.views import make_views
from ocr_engine.records import GenerationRequest
from ocr_engine.spec import FAMILIES, OCR, OCR2, PROMPTS, resolve_mode
from tests.model import recipe
from tests.model.checkpoints import decoder, encoder, write_checkpoint

pytest.importorskip("vllm", reason="needs vllm")
PAGES = {
    OCR: (("tiny", (300, 400)), ("base", (500, 700)), ("gundam", (1920, 1080)), ("small", (900, 700))),
    OCR2: (("small", (300, 400)), ("base", (500, 700)), ("gundam", (1920, 1080))),
}
LENGTH = 6


def requests(family):
    for name, size in PAGES[family]:
        views = make_views(recipe.picture(*size), resolve_mode(name, family=family))
        yield GenerationRequest(name, views, PROMPTS["markdown"], LENGTH, 0, 0)


@torch.inference_mode()
def greedy(request, family, prompts):
    """Our tower, then transformers' decoder, one token after another without a cache."""
    tower = encoder(family)[0]
    model, head, _ = decoder()
    whole, tiles = torch.from_numpy(request.views.global_view), torch.from_numpy(request.views.tiles)
    (features,) = tower([whole], [tiles], [torch.tensor(request.views.grid)])
    prompt = torch.tensor(expanded_prompt(prompts, request, family))
    embeds = model.embed_tokens(prompt)
    embeds[prompt == prompts.image_id] = features
    ids = []
    while len(ids) < LENGTH and prompts.eos_id not in ids:
        hidden = model(inputs_embeds=embeds[None], use_cache=False).last_hidden_state[0, -1]
        ids.append(int((hidden @ head.t()).argmax()))
        embeds = torch.cat([embeds, model.embed_tokens(torch.tensor(ids[-1:]))])
    return ids


@pytest.mark.parametrize("family", FAMILIES)
async def test_greedy_tokens_of_whole_pages_are_equal(family, tmp_path):
    folder = write_checkpoint(tmp_path / "model", family)
    engine = VllmEngine(EngineConfig(model=str(folder), dtype="float32", max_num_seqs=4))
    await engine.start()
    try:
        found = [(await engine._ask(request, {})).output_ids for request in requests(family)]
    finally:
        await engine.stop()
    prompts = PromptEncoder(folder, ())
    expected = [greedy(request, family, prompts) for request in requests(family)]
    assert found == expected
    assert len({tuple(ids) for ids in expected}) > 1, "pages that all read the same prove nothing"
