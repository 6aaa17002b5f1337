"""When the direct decoder is used; that it computes vLLM's is tested over whole pages in engine/."""

from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm.cpu_decoder import applies


def config(**changes):
    text = SimpleNamespace(
        qk_nope_head_dim=0,
        qk_rope_head_dim=0,
        hidden_act="silu",
        scoring_func="softmax",
        topk_method="greedy",
        n_shared_experts=1,
        n_group=1,
        norm_topk_prob=False,
        routed_scaling_factor=1.0,
    )
    made = {
        "device": "cpu",
        "dtype": torch.float32,
        "eager": True,
        "lora": None,
        "quant": None,
        "world": 1,
        "eplb": False,
    }
    made |= {key: value for key, value in changes.items() if key in made}
    vars(text).update({key: value for key, value in changes.items() if key in vars(text)})
    return SimpleNamespace(
        model_config=SimpleNamespace(hf_text_config=text, dtype=made["dtype"], enforce_eager=made["eager"]),
        device_config=SimpleNamespace(device_type=made["device"]),
        parallel_config=SimpleNamespace(world_size=made["world"], enable_eplb=made["eplb"]),
        lora_config=made["lora"],
        quant_config=made["quant"],
    )


def test_it_is_for_float32_on_a_cpu():
    assert applies(config())
    assert applies(config(n_group=None))


@pytest.mark.parametrize(
    "change",
    [
        {"device": "cuda"},
        {"dtype": torch.bfloat16},
        {"eager": False},
        {"lora": object()},
        {"quant": object()},
        {"world": 2},
        {"eplb": True},
        {"qk_nope_head_dim": 64},
        {"qk_rope_head_dim": 64},
        {"hidden_act": "gelu"},
        {"scoring_func": "sigmoid"},
        {"topk_method": "noaux_tc"},
        {"n_shared_experts": None},
        {"n_group": 8},
        {"norm_topk_prob": True},
        {"routed_scaling_factor": 16.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_other_model_is_left_to_vllm(change):
    assert not applies(config(**change))
