"""The checkpoint folders for speed and precision runs: official layout, checked as a user's is."""

import json

import pytest

from bench import full_size
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.weights import expected_tensors
from ocr_engine.families import FAMILIES, NGRAM_WHITELIST, OCR2

SMALL = {
    "hidden_size": 64, "intermediate_size": 32, "moe_intermediate_size": 16, "n_routed_experts": 4,
    "num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 2,
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_is_a_whole_checkpoint(family, tmp_path, monkeypatch):
    monkeypatch.setattr(full_size, "LANGUAGE", full_size.LANGUAGE | SMALL)
    monkeypatch.setattr(full_size, "SAM", full_size.SAM | {"layers": 1, "width": 48})
    monkeypatch.setattr(full_size, "CLIP", full_size.CLIP | {"layers": 1})
    full_size.write_full_size(tmp_path / "model", family)
    found = resolve(str(tmp_path / "model"))
    assert found.family == family and found.max_model_len == FAMILIES[family].max_model_len
    prompts = PromptEncoder(tmp_path / "model", NGRAM_WHITELIST)
    assert all(prompts.decode([token])[0] for token in (9250, 100_000, 129_279)), "every id has a text"


@pytest.mark.parametrize(("family", "millions"), [("deepseek-ocr", 3336), (OCR2, 3389)])
def test_full_sizes_are_the_official_ones(family, millions):
    """3.3 billion parameters, as the official weights have."""
    shapes = expected_tensors(full_size.full_config(family), family)
    total = 0
    for shape in shapes.values():
        count = 1
        for side in shape:
            count *= side
        total += count
    assert round(total / 1e6) == millions
    json.dumps(full_size.full_config(family))
