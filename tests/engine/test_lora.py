"""Adapters are read and checked by their headers: wrong or partial ones are one clear line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from fixtures.checkpoints import write_adapter, write_checkpoint
from ocr_engine import config as config_module
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.lora import WEIGHTS, pairs, with_adapter
from ocr_engine.engine.weight_files import read_shards
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import OCR

FIRST = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return resolve(str(write_checkpoint(tmp_path_factory.mktemp("lora") / "model", OCR)))


@pytest.fixture
def adapter(tmp_path):
    return write_adapter(tmp_path / "adapter")


def changed_config(folder, **values):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def changed_weights(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def test_a_whole_adapter_is_taken_and_changes_the_fingerprint(checkpoint, adapter):
    found = with_adapter(checkpoint, str(adapter))
    assert found.lora == str(adapter) and "engine.lora" in found.reason
    assert found.model_id != checkpoint.model_id == with_adapter(checkpoint, "").model_id
    changed_weights(adapter, lambda tensors: tensors[f"{FIRST}.lora_A.weight"].add_(1))
    assert with_adapter(checkpoint, str(adapter)).model_id != found.model_id


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ({}, 2.0),
        ({"lora_alpha": 6}, 1.5),
        ({"use_rslora": True}, 4.0),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 2}}, 0.5),
        (
            {"alpha_pattern": {"v_proj": 1, "self_attn.q_proj": 2, "q_proj": 6}},
            0.5,
        ),  # the first that names it
        ({"alpha_pattern": {"^model.layers.0.self_attn.q_proj": 2, "^q_proj": 6}}, 0.5),
        ({"r": 64, "rank_pattern": {"q_proj": 4, "o_proj": 4}}, 2.0),
        ({"lora_alpha": None}, 2.0),  # PEFT's own, 8
        ({"init_lora_weights": "eva"}, 2.0),
    ],
)
def test_the_scale_is_that_of_peft(checkpoint, adapter, values, scale):
    changed_config(adapter, **values)
    found = pairs(adapter, read_shards(checkpoint.folder)[1])
    assert found["model.layers.0.self_attn.q_proj.weight"].scale == scale


UNSLOTH = {
    "alpha_pattern": {}, "rank_pattern": {}, "base_model_name_or_path": "unsloth/DeepSeek-OCR",
    "auto_mapping": {"parent_library": "transformers_modules", "unsloth_fixed": True},
    "fan_in_fan_out": False, "init_lora_weights": True, "layer_replication": None, "lora_bias": False,
    "layers_to_transform": None, "loftq_config": {}, "modules_to_save": None, "task_type": "CAUSAL_LM",
    "trainable_token_indices": None, "use_dora": False, "use_qalora": False, "use_rslora": False,
}  # fmt: skip
"""What PEFT writes for an unsloth training, beside what matters here."""


def renamed(old, new):
    def rename(tensors):
        for name in list(tensors):
            tensors[name.replace(old, new)] = tensors.pop(name)

    return rename


@pytest.mark.parametrize(
    "change",
    [
        renamed("lora_A.", "lora_A.default."),
        renamed("base_model.model.", ""),
        renamed("model.model.layers", "model.model.language_model.layers"),
        lambda tensors: tensors.update({name: tensor.bfloat16() for name, tensor in tensors.items()}),
    ],
)
@pytest.mark.parametrize("targets", [("q_proj", "o_proj"), r"model\.layers\.\d+\.self_attn\.(q|o)_proj"])
def test_names_and_configs_of_trainers(checkpoint, adapter, change, targets):
    changed_config(adapter, **UNSLOTH, target_modules=targets)
    (adapter / "additional_config.json").write_text("{}")  # of ms-swift
    changed_weights(adapter, change)
    found = pairs(adapter, read_shards(checkpoint.folder)[1])
    assert len(found) == 6 and "model.layers.2.self_attn.o_proj.weight" in found


def test_experts_have_factors_of_their_own(checkpoint, tmp_path):
    adapter = write_adapter(tmp_path / "adapter", ("gate_proj", "up_proj", "down_proj"))
    found = pairs(adapter, read_shards(checkpoint.folder)[1])
    assert "model.layers.2.mlp.experts.7.down_proj.weight" in found


def test_a_factor_given_twice_is_refused(checkpoint, adapter):
    name = f"{FIRST}.lora_A.weight"
    twice = name.replace("lora_A", "lora_A.default")
    changed_weights(adapter, lambda tensors: tensors.update({twice: tensors[name].clone()}))
    with pytest.raises(EngineError, match="one factor twice"):
        with_adapter(checkpoint, str(adapter))


def drop_half(tensors):
    del tensors[f"{FIRST}.lora_B.weight"]


def drop_layer(tensors):
    for factor in "AB":
        del tensors[f"{FIRST}.lora_{factor}.weight"]


def rename_layer(tensors):
    for factor in "AB":
        name = f"{FIRST}.lora_{factor}.weight"
        tensors[name.replace("layers.0", "layers.9")] = tensors.pop(name)


def narrow(tensors):
    name = f"{FIRST}.lora_A.weight"
    tensors[name] = tensors[name][:, :-1].contiguous()


def wider(tensors):
    return {f"{FIRST}.lora_A.weight": torch.ones(8, 128), f"{FIRST}.lora_B.weight": torch.ones(128, 8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_half, "layers.0.self_attn.q_proj has one factor of two"),
        (drop_layer, "layers.0.self_attn.q_proj is missing, which its adapter_config.json names"),
        (rename_layer, "layers.9.self_attn.q_proj is no matrix of the checkpoint; and 1 more"),
        (narrow, "(4, 127), its matrix is (128, 128)"),
        (lambda tensors: tensors.update(wider(tensors)), "has rank 8, its adapter_config.json says 4"),
        (dict.clear, "is missing, which its adapter_config.json names; and 5 more"),
    ],
)
def test_a_partial_or_foreign_adapter_is_one_line(checkpoint, adapter, change, words):
    changed_weights(adapter, change)
    with pytest.raises(EngineError, match="engine.lora: .*the adapter does not fit the checkpoint") as caught:
        with_adapter(checkpoint, str(adapter))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"peft_type": "IA3"}, "type IA3"),
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole layers"),
        ({"bias": "all"}, "biases"),
        ({"lora_bias": True}, "biases"),
        ({"init_lora_weights": "pissa_niter_16"}, "pissa_niter_16, which changes the weights"),
        ({"alpha_pattern": {r"layers\.\d+\.self_attn": 3}}, "a regular expression"),
        ({"rank_pattern": ["q_proj"]}, "rank_pattern: expected a mapping"),
        ({"lora_alpha": "many"}, "expected a number, got many"),
        ({"lora_alpha": float("inf")}, "expected a number, got inf"),
    ],
)
def test_what_cannot_be_added_to_weights_is_refused(checkpoint, adapter, values, words):
    changed_config(adapter, **values)
    with pytest.raises(UsageError, match=words) as caught:
        with_adapter(checkpoint, str(adapter))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", [f"{FIRST}.lora_magnitude_vector.weight", "base_model.model.lm_head.weight", "odd\nname"]
)
def test_tensors_beside_the_factors_are_refused_by_name(checkpoint, adapter, name):
    changed_weights(adapter, lambda tensors: tensors.update({name: torch.ones(4)}))
    with pytest.raises(UsageError, match="is no factor of a matrix; merge it") as caught:
        with_adapter(checkpoint, str(adapter))
    assert name.rpartition("\n")[2] in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_is_none(checkpoint, adapter, tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        with_adapter(checkpoint, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="no adapter_config.json"):
        with_adapter(checkpoint, str(checkpoint.folder))
    (adapter / WEIGHTS).unlink()
    with pytest.raises(EngineError, match="is missing; copy the whole folder"):
        with_adapter(checkpoint, str(adapter))
    (adapter / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(EngineError, match="is a pickle, which is not opened"):
        with_adapter(checkpoint, str(adapter))
    for step in ("checkpoint-50", "checkpoint-100"):
        write_adapter(tmp_path / "training" / step)
    with pytest.raises(UsageError, match="give one of the 2 in it, such as .*/checkpoint-100"):
        with_adapter(checkpoint, str(tmp_path / "training"))


def test_it_is_for_an_engine_of_our_own():
    with pytest.raises(UsageError, match="engine.lora"):
        config_module.load(None, {"engine.lora": "a/b", "engine.backend": "replay"})


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ({"torch_dtype": "float16"}, "float16"),
        ({"torch_dtype": None, "dtype": "float32"}, "float32"),
        ({"torch_dtype": "torch.bfloat16"}, "bfloat16"),
        ({"torch_dtype": None}, "bfloat16"),
    ],
)
def test_merged_checkpoints_of_trainers(tmp_path, values, dtype):
    """Other file names than the official ones, and dtypes as trainers write them."""
    folder = write_checkpoint(tmp_path / "model", OCR)
    (folder / "model.safetensors").rename(folder / "merged-00001-of-00001.safetensors")
    config = json.loads((folder / "config.json").read_text())
    language = config["language_config"]
    config, language = ({k: v for k, v in one.items() if "dtype" not in k} for one in (config, language))
    (folder / "config.json").write_text(json.dumps(config | {"language_config": language} | values))
    assert resolve(str(folder)).dtype == dtype
