"""Weights whose answers no rounding changes: a successor's logit stands far above all others."""

import json
import random

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from bench import full_size
from bench.drafts import planted
from bench.parts.made import Made
from bench.stable_answers import beginnings, begins_of_page, ring
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.families import OCR


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("stable") / "model"
    full_size.write_full_size(made, OCR, stable=True, nano=True)
    return made


def tensor(folder, name):
    where = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    with safe_open(folder / where[name], "pt") as file:
        return file.get_tensor(name).float()


def test_each_word_is_followed_by_the_next_of_the_ring_by_far(folder):
    words = ring(Tokenizer.from_file(str(folder / "tokenizer.json")))
    embeddings, head = tensor(folder, "model.embed_tokens.weight"), tensor(folder, "lm_head.weight")
    # What twelve layers may add, and twice that.
    stream = embeddings + 0.5 * torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(1))
    logits = stream[words] / stream[words].square().mean(-1, keepdim=True).sqrt() @ head.T
    best = logits.topk(2)
    assert best.indices[:, 0].tolist() == [*words[1:], words[0]]
    assert (best.values[:, 0] - best.values[:, 1]).min() > 1
    assert 2000 < len(words) == len(set(words)) and 1 not in words


def test_layers_add_little(folder):
    quiet, usual = ("model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight")
    assert tensor(folder, quiet).std() < 0.2 * tensor(folder, usual).std()
    assert tensor(folder, "model.layers.2.mlp.experts.3.down_proj.weight").std() < 0.003


def test_pages_begin_at_different_places_and_text_makes_the_same_tokens_again(folder):
    begins, prompts = beginnings(folder), PromptEncoder(folder, ())
    assert len({begins_of_page(begins, number) for number in range(1000)}) == 1000
    ids = ring(Tokenizer.from_file(str(folder / "tokenizer.json")))[:500]
    text, _ = prompts.decode(ids)
    assert prompts.encode(f"<image>a.{text}")[-500:] == ids


def test_what_a_reading_finds_stored_is_the_plain_one_s_with_errors(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.parts.made.tempfile.mkdtemp", lambda prefix: made_folder(tmp_path))
    made, text = Made(0.2), " ".join(f"w{number}" for number in range(200))
    plain = made.root_for("plain", ())
    (plain / "journal.jsonl").write_text("")
    page = "000000/pages/0001.raw.md"
    (plain / page).parent.mkdir(parents=True)
    (plain / page).write_text(f" {text}")
    made.keep(plain, "plain")
    stored = made.root_for("stored", {"000000"})
    found = (stored / page).read_text().split()
    assert found != text.split() and 0.6 < len(set(found) & set(text.split())) / 200 <= 1
    assert made.compared(plain, {"000000"}) == {"answers_equal": 1.0}
    assert made.compared(stored, {"000000"}) == {"answers_equal": 0.0}
    made.keep(stored, "stored")
    made.clear()
    assert not plain.exists() and not stored.exists()
    assert planted([1, 2, 3], 0.0, random.Random(0)) == [1, 2, 3]


def made_folder(under):
    path = under / f"root-{len(list(under.iterdir()))}"
    path.mkdir()
    return str(path)
