import json
import shutil
import struct
from pathlib import Path

import pytest

from ocr_engine.engine import checkpoint
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.errors import EngineError, UsageError

LANGUAGE = {
    "max_position_embeddings": 32768,
    "num_attention_heads": 10,
    "num_key_value_heads": 10,
    "hidden_size": 1280,
    "num_hidden_layers": 12,
}


def write_shard(path, names, cut=0):
    header = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]}
        for i, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(4 * len(names))
    path.write_bytes(data[: len(data) - cut])


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    config = {
        "architectures": ["DeepseekOCRForCausalLM"],
        "language_config": LANGUAGE,
    }
    (place / "config.json").write_text(json.dumps(config))
    (place / "tokenizer.json").write_text("{}")
    write_shard(place / "model.safetensors", ["a", "b"])
    return place


def test_nano_is_whole_and_chosen_without_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = resolve("auto")
    assert found.name == "nano" and "no CUDA GPU" in found.reason and "\n" not in found.reason
    assert found == resolve("auto")
    assert (found.folder / "model.safetensors").is_file() and found.max_model_len == 4096
    assert resolve("nano").model_id == found.model_id


def test_auto_takes_the_hub_model_with_a_gpu(monkeypatch, folder):
    monkeypatch.setattr(checkpoint, "cuda_gpu_visible", lambda: True)
    monkeypatch.setattr(checkpoint, "_from_hub", lambda hub_id, download: folder)
    found = resolve("auto")
    assert found.name == "deepseek-ai/DeepSeek-OCR" and "GPU" in found.reason
    assert found.max_model_len == 8192, "capped"
    assert found.kv_values_per_token == 12 * 2 * 1280 and found.dtype == "bfloat16"


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


def test_partial_downloads_are_named(folder):
    write_shard(folder / "model.safetensors", ["a", "b"], cut=3)
    with pytest.raises(EngineError, match="partial download.*bytes"):
        resolve(str(folder))
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(EngineError, match="partial download"):
        resolve(str(folder))
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(EngineError, match="partial download"):
        resolve(str(folder))


def test_sharded_checkpoints(folder):
    (folder / "model.safetensors").unlink()
    weight_map = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    write_shard(folder / "model-1.safetensors", ["a"])
    with pytest.raises(EngineError, match="model-2.safetensors is missing"):
        resolve(str(folder))
    write_shard(folder / "model-2.safetensors", ["c"])
    with pytest.raises(EngineError, match="first b"):
        resolve(str(folder))
    write_shard(folder / "model-2.safetensors", ["b"])
    assert resolve(str(folder)).name == str(folder)


@pytest.mark.parametrize("key", LANGUAGE)
def test_a_missing_size_is_named(folder, key):
    config = {"architectures": ["DeepseekOCRForCausalLM"], "language_config": {**LANGUAGE, key: None}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match=key):
        resolve(str(folder))


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


def test_hub_offline_is_respected(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="HF_HUB_OFFLINE is set") as caught:
        resolve("some-one/some-model")
    assert "\n" not in str(caught.value)


def test_a_hub_id_that_is_not_here_is_told_apart_when_nothing_may_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(checkpoint.NotDownloadedError, match="not downloaded"):
        resolve("someone/some-model", download=False)
