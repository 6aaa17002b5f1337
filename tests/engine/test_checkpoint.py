"""A checkpoint is found and checked before anything starts; whatever is wrong with it is one line."""

import json
import math
import os
import shutil
import struct
import subprocess
import sys

import pytest

from fixtures.checkpoints import official_config
from ocr_engine.engine import checkpoint
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.hub import PINNED
from ocr_engine.engine.weights import expected_tensors
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import FAMILIES, OCR, OCR2
from tests.engine.fake_hub import COMMIT, fake_hub

SIZES = (
    "max_position_embeddings",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_size",
    "num_hidden_layers",
)


def write_shard(path, shapes, cut=0):
    """Zeros of those shapes as bfloat16; `cut` bytes short."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * int(math.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with path.open("r+b") as file:
        file.truncate(8 + len(text) + end - cut)


def write_folder(place, family=OCR):
    place.mkdir()
    config = official_config(family)
    config["language_config"]["max_position_embeddings"] = 32768
    (place / "config.json").write_text(json.dumps(config))
    (place / "tokenizer.json").write_text("{}")
    write_shard(place / "model.safetensors", expected_tensors(config, family))
    return place


def change_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "model")


@pytest.fixture
def tensors(folder):
    return expected_tensors(json.loads((folder / "config.json").read_text()), OCR)


def test_nano_is_whole_and_chosen_without_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = resolve("auto")
    assert found.name == "nano" and "no CUDA GPU" in found.reason and "\n" not in found.reason
    assert found == resolve("auto")
    assert (found.folder / "model.safetensors").is_file() and found.max_model_len == 4096
    assert resolve("nano").model_id == found.model_id


def test_auto_takes_the_hub_model_with_a_gpu(monkeypatch, folder):
    monkeypatch.setattr(checkpoint, "cuda_gpu_visible", lambda: True)
    monkeypatch.setattr(checkpoint.hub, "cached", lambda hub_id, revision: folder)
    found = resolve("auto")
    assert found.name == "deepseek-ai/DeepSeek-OCR" and "GPU" in found.reason
    assert found.max_model_len == 8192, "capped"
    assert found.kv_values_per_token == 3 * 2 * 128 and found.dtype == "bfloat16"


def test_damaged_nano_is_refused(monkeypatch, tmp_path):
    copy = tmp_path / "nano"
    shutil.copytree(checkpoint._NANO_FOLDER, copy)
    monkeypatch.setattr(checkpoint, "_NANO_FOLDER", copy)
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(30_000_000)
        file.write(b"x")
    with pytest.raises(EngineError, match="checksum"):
        resolve("nano")
    (copy / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="incomplete"):
        resolve("nano")


def test_model_id_follows_the_weights(folder):
    before = resolve(str(folder)).model_id
    assert before == resolve(str(folder)).model_id
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert resolve(str(folder)).model_id != before


def test_large_files_are_sampled(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "_WHOLE_HASH_BYTES", 16)
    monkeypatch.setattr(checkpoint, "_SAMPLE_BYTES", 16)
    test_model_id_follows_the_weights(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(EngineError, match="safetensors" if "model" in name else name):
        resolve(str(folder))


def test_partial_downloads_are_named(folder, tensors):
    write_shard(folder / "model.safetensors", tensors, cut=3)
    with pytest.raises(EngineError, match="incomplete.*bytes"):
        resolve(str(folder))
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(EngineError, match="incomplete"):
        resolve(str(folder))
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(EngineError, match="incomplete"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"a": 3}',
        b'{"a": {"dtype": "BF16", "shape": [9223372036854775807, 9], "data_offsets": [0, 12]}}',
        b'{"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]}}',
    ],
)
def test_a_header_that_lies_is_one_line(folder, header):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(12))
    with pytest.raises(EngineError, match="not a whole safetensors file") as caught:
        resolve(str(folder))
    assert "\n" not in str(caught.value)


def test_sharded_checkpoints(folder, tensors):
    (folder / "model.safetensors").unlink()
    first, second = dict(list(tensors.items())[::2]), dict(list(tensors.items())[1::2])
    weight_map = dict.fromkeys(first, "model-1.safetensors") | dict.fromkeys(second, "model-2.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    write_shard(folder / "model-1.safetensors", first)
    with pytest.raises(EngineError, match="model-2.safetensors is missing"):
        resolve(str(folder))
    lost = sorted(second)[0]
    write_shard(folder / "model-2.safetensors", {name: second[name] for name in second if name != lost})
    with pytest.raises(EngineError, match=f"1 tensors are missing, first {lost}"):
        resolve(str(folder))
    write_shard(folder / "model-2.safetensors", second)
    assert resolve(str(folder)).name == str(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_families_are_known(tmp_path, family):
    assert resolve(str(write_folder(tmp_path / "model", family))).family == family


def test_missing_unexpected_and_misshapen_tensors_are_named(folder, tensors):
    wrong = dict(tensors)
    del wrong["model.layers.1.mlp.experts.7.up_proj.weight"], wrong["model.image_newline"]
    wrong["model.layers.9.new"] = (3,)
    wrong["model.projector.layers.weight"] = (128, 896)
    write_shard(folder / "model.safetensors", wrong)
    with pytest.raises(EngineError) as caught:
        resolve(str(folder))
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message
    assert "2 missing: model.image_newline, model.layers.1.mlp.experts.7.up_proj.weight" in message
    assert "1 unexpected: model.layers.9.new" in message
    assert "1 of another shape: model.projector.layers.weight 128x896, expected 128x2048" in message


def test_many_differences_are_counted_and_the_first_named(folder):
    write_shard(folder / "model.safetensors", {"a": (1,)})
    with pytest.raises(EngineError, match=r"139 missing: lm_head.weight, [^,]*, [^,]*, \.\.\."):
        resolve(str(folder))


def test_tensors_that_official_checkpoints_hold_unread_are_no_mistake(folder, tensors):
    vision = "model.vision_model.embeddings."
    extra = {f"{vision}patch_embedding.weight": (1024, 3, 14, 14), f"{vision}position_ids": (1, 257)}
    write_shard(folder / "model.safetensors", tensors | extra)
    resolve(str(folder))


def test_a_checkpoint_of_the_other_family_under_a_wrong_name_is_refused(folder):
    change_config(folder, lambda config: config.update(architectures=["DeepseekOCR2ForCausalLM"]))
    with pytest.raises(
        EngineError, match="lacks or misstates a size: vision_config.width lacks 'qwen2-0-5b'"
    ):
        resolve(str(folder))


def test_a_quantized_checkpoint_is_left_to_vllm(folder):
    change_config(folder, lambda config: config.update(quantization_config={"quant_method": "fp8"}))
    write_shard(folder / "model.safetensors", {"a": (1,)})
    resolve(str(folder))


@pytest.mark.parametrize("key", SIZES)
def test_a_missing_size_is_named(folder, key):
    change_config(folder, lambda config: config["language_config"].update({key: None}))
    with pytest.raises(EngineError, match=key):
        resolve(str(folder))


@pytest.mark.parametrize("value", [None, "x", [], {"sam_vit_b": 3}])
def test_a_broken_vision_config_is_one_line(folder, value):
    change_config(folder, lambda config: config["vision_config"].update(width=value))
    with pytest.raises(EngineError, match="lacks or misstates a size") as caught:
        resolve(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_broken_config_is_one_line(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(EngineError) as caught:
        resolve(str(folder))
    assert "config.json" in str(caught.value) and "\n" not in str(caught.value)


def test_other_architectures_are_refused(folder):
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"]}))
    with pytest.raises(UsageError, match="Qwen2ForCausalLM"):
        resolve(str(folder))


@pytest.mark.parametrize("model", ["./nowhere", "/no/such/folder", "no-such-name", "a/b/c", "../x/y"])
def test_no_such_folder(model):
    with pytest.raises(UsageError, match="no such folder"):
        resolve(model)


SCRIPT = """
import logging, sys
from ocr_engine import log
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.hub import PINNED
from ocr_engine.errors import OcrError
log.set_up(logging.INFO)
try:
    found = resolve(*sys.argv[1:])
    print(found.family, found.revision)
except OcrError as error:
    print(f"{int(error.exit_code)} {error}")
"""


def resolve_apart(hub_id, home, revision="", **environment):
    """In a process of its own: the hub's library reads its environment once. What it said, and on stderr."""
    environment = os.environ | {"HF_HOME": str(home)} | environment
    command = [sys.executable, "-c", SCRIPT, hub_id, revision]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "Traceback" not in run.stderr and run.stdout.count("\n") == 1, run.stderr
    return run.stdout, run.stderr


def test_a_hub_id_is_downloaded_once_with_progress_then_read_from_the_cache(tmp_path):
    write_folder(tmp_path / "model", OCR2)
    (tmp_path / "model/modeling.py").write_text("raise SystemExit('never fetched, never run')")
    with fake_hub(tmp_path / "model", "some-one/model") as hub:
        offline = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": hub.url}
        assert "HF_HUB_OFFLINE is set" in resolve_apart("some-one/model", tmp_path, **offline)[0]
        assert hub.served == []
        said, progress = resolve_apart("some-one/model", tmp_path, HF_ENDPOINT=hub.url)
        assert (
            said.split() == [OCR2, COMMIT] and "100%" in progress and "downloading some-one/model" in progress
        )
        assert progress.count("WARNING") == 1 and f"main is commit {COMMIT} now" in progress
        assert not [line for line in hub.served if line.endswith(".py")]
        hub.served.clear()
        assert resolve_apart("some-one/model", tmp_path, HF_ENDPOINT=hub.url) == (said, "")
        assert resolve_apart("some-one/model", tmp_path, **offline) == (said, "")
        assert hub.served == []


def test_an_official_checkpoint_is_its_pinned_commit_whatever_main_is_now(tmp_path):
    write_folder(tmp_path / "model", OCR2)
    hub_id, pinned = "deepseek-ai/DeepSeek-OCR-2", PINNED["deepseek-ai/deepseek-ocr-2"]
    with fake_hub(tmp_path / "model", hub_id) as hub:
        hub.revisions |= {"old": pinned, "v1": "f" * 40}
        said, progress = resolve_apart(hub_id, tmp_path, HF_ENDPOINT=hub.url)
        assert said.split() == [OCR2, pinned] and "WARNING" not in progress
        assert not [line for line in hub.served if "main" in line]
        offline = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": hub.url}
        assert resolve_apart(hub_id, tmp_path, **offline)[0] == said
        assert "revision v1 is not in the cache" in resolve_apart(hub_id, tmp_path, "v1", **offline)[0]
        said, progress = resolve_apart(hub_id, tmp_path, "v1", HF_ENDPOINT=hub.url)
        assert said.split() == [OCR2, "f" * 40] and "v1 is commit ffff" in progress
        assert resolve_apart(hub_id, tmp_path, "f" * 40, **offline)[0] == said


@pytest.mark.parametrize("model", ["nano", "{folder}"])
def test_only_a_hub_id_has_revisions(folder, model):
    with pytest.raises(UsageError, match="engine.revision: works only where"):
        resolve(model.format(folder=folder), "main")
    assert resolve("nano").revision == "" == resolve(str(folder)).revision


def test_whatever_the_hub_does_is_one_line(tmp_path):
    write_folder(tmp_path / "model")
    with fake_hub(tmp_path / "model", "some-one/model") as hub:
        address = {"HF_ENDPOINT": hub.url}
        said = resolve_apart("some-one/model", tmp_path, "v7", **address)[0]
        assert "no such revision" in said and "engine.revision" in said
        assert "no such repository" in resolve_apart("some-one/other", tmp_path, **address)[0]
        hub.gated = True
        assert "HF_TOKEN" in resolve_apart("some-one/model", tmp_path, **address)[0]
        hub.gated, hub.cut_after = False, 1000
        said = resolve_apart("some-one/model", tmp_path, **address)[0]
        assert said.startswith("4 ") and "broke off" in said and "run the same command again" in said
        hub.cut_after = None
        assert resolve_apart("some-one/model", tmp_path, **address)[0].split()[0] == OCR
    unreachable = resolve_apart("some-one/third", tmp_path, HF_ENDPOINT="http://127.0.0.1:9")[0]
    assert "cannot be reached" in unreachable


def test_a_cached_checkpoint_that_is_not_whole_is_fetched_again(tmp_path, folder, monkeypatch):
    half = tmp_path / "half"
    shutil.copytree(folder, half)
    (half / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(checkpoint.hub, "cached", lambda hub_id, revision: half)
    monkeypatch.setattr(checkpoint.hub, "download", lambda hub_id, revision: folder)
    assert resolve("some-one/model").folder == folder


def test_a_hub_id_that_is_not_here_is_told_apart_when_nothing_may_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(checkpoint.NotDownloadedError, match="not downloaded"):
        resolve("someone/some-model", download=False)
