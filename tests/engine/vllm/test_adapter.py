"""An adapter changes greedy tokens as weights that it was merged into do."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip("vllm", reason="needs vllm")

from fixtures.checkpoints import decoder, encoder, write_adapter, write_checkpoint
from ocr_engine.config import EngineConfig
from ocr_engine.engine.lora import WEIGHTS
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.vllm.adapter import merged
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import OCR
from tests.engine.vllm.test_decoder_parity import greedy, prompt_embeddings, requests


async def test_greedy_tokens_are_those_of_merged_weights(tmp_path, forked):
    folder, adapter = write_checkpoint(tmp_path / "model", OCR), write_adapter(tmp_path / "adapter")
    prompts, (tower, *_) = PromptEncoder(folder, ()), encoder(OCR)
    model, head, named = decoder()
    page = next(iter(requests(OCR)))
    before = greedy(prompt_embeddings(page, OCR, prompts, model, tower), model, head, prompts.eos_id, {})
    with torch.no_grad():
        for name, tensor in by_hand(named, adapter).items():
            model.get_parameter(name.removeprefix("model.")).copy_(tensor)
    expected = greedy(prompt_embeddings(page, OCR, prompts, model, tower), model, head, prompts.eos_id, {})
    assert expected != before, "an adapter that changes no token proves nothing"
    engine = VllmEngine(EngineConfig(model=str(folder), lora=str(adapter), dtype="float32", max_num_seqs=4))
    await engine.start()
    try:
        assert (await engine._ask(page)).output_ids == expected
    finally:
        await engine.stop()


def by_hand(named, adapter):
    factors = load_file(adapter / WEIGHTS)
    changed = {}
    for name, tensor in named.items():
        at = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{at}.lora_A.weight" in factors:
            changed[name] = tensor + 2.0 * factors[f"{at}.lora_B.weight"] @ factors[f"{at}.lora_A.weight"]
    return changed


def test_sums_are_rounded_once_and_others_pass(tmp_path):
    layer = "model.layers.0.self_attn.q_proj"
    weights = {
        f"{layer}.weight": torch.randn(8, 6).bfloat16(),
        "model.norm.weight": torch.randn(6).bfloat16(),
    }
    save_file(weights, tmp_path / "model.safetensors")
    a, b = torch.randn(2, 6), torch.randn(8, 2)
    factors = {f"base_model.model.{layer}.lora_A.weight": a, f"base_model.model.{layer}.lora_B.weight": b}
    (tmp_path / "adapter").mkdir()
    save_file(factors, tmp_path / "adapter" / WEIGHTS)
    (tmp_path / "adapter/adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 3}))
    found = dict(merged(weights.items(), tmp_path, tmp_path / "adapter"))
    expected = (weights[f"{layer}.weight"].float() + 1.5 * b @ a).bfloat16()
    torch.testing.assert_close(found[f"{layer}.weight"], expected, rtol=1e-2, atol=1e-2)
    assert found[f"{layer}.weight"].dtype == torch.bfloat16
    assert torch.equal(found["model.norm.weight"], weights["model.norm.weight"])
