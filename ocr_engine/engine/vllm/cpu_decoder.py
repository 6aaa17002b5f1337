"""vLLM's DeepSeek decoder on a CPU in float32, by its own kernels called one after another.

A small model's step is mostly the way to its kernels: vLLM's layers pass dispatchers, checks for other
devices and small PyTorch operations. Weights, cache and kernels here are vLLM's, and so is the order of sums;
only norms and gates are one kernel each, where vLLM takes six and two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ocr_engine.engine.vllm.internals import DeepseekV2MLP, VllmConfig, get_forward_context
from ocr_engine.log import logger

Step = Callable[[Tensor], Tensor]


def applies(config: VllmConfig) -> bool:
    """Whether this is the model that `CpuDecoder` computes: float32, uncompiled, whole, on one CPU.

    In bfloat16 the fused norms would round otherwise than the official code. What config.json leaves out is
    as in vLLM's `DeepseekV2MoE`.
    """
    text, parallel = config.model_config.hf_text_config, config.parallel_config
    return (
        config.device_config.device_type == "cpu"
        and config.model_config.dtype == torch.float32
        and config.model_config.enforce_eager
        and config.lora_config is None
        and config.quant_config is None
        and parallel.world_size == 1
        and not parallel.enable_eplb
        and getattr(text, "qk_nope_head_dim", 0) == getattr(text, "qk_rope_head_dim", 0) == 0
        and text.hidden_act == "silu"
        and getattr(text, "scoring_func", "softmax") == "softmax"
        and getattr(text, "topk_method", None) != "noaux_tc"
        and text.n_shared_experts is not None
        and (getattr(text, "n_group", 1) or 1) == 1
        and not text.norm_topk_prob
        and getattr(text, "routed_scaling_factor", 1.0) == 1.0
    )


def _linear(layer: Any) -> Step:
    """A linear layer without bias, by the product that vLLM packed its weights for."""
    product, weight = layer.cpu_linear, layer.weight
    return lambda x: product(x, weight, None)


def _mlp(mlp: Any) -> Step:
    up, down = _linear(mlp.gate_up_proj), _linear(mlp.down_proj)

    def forward(x: Tensor) -> Tensor:
        both = up(x)
        gated = both.new_empty(both.shape[0], both.shape[1] // 2)
        torch.ops._C.silu_and_mul(gated, both)
        return down(gated)

    return forward


def _experts(layer: Any) -> Step:
    """Softmax over all experts, the best `top_k` by their share, and the shared ones."""
    # Here, because a GPU's vLLM has no use for it.
    from ocr_engine.engine.vllm.internals import CPUUnquantizedExperts

    runner = layer.experts
    routed, top_k = runner.routed_experts, runner.router.top_k
    kernel = routed.quant_method.moe_kernel.fused_experts
    assert type(kernel) is CPUUnquantizedExperts and not kernel._use_zentorch
    gate, shared, isa = _linear(layer.gate), _mlp(layer.shared_experts), kernel.isa
    w13, w2 = routed.w13_weight, routed.w2_weight

    def forward(x: Tensor) -> Tensor:
        shares, chosen = torch.topk(torch.softmax(gate(x), -1), top_k, dim=-1, sorted=False)
        out = torch.empty_like(x)
        torch.ops._C.cpu_fused_moe(
            out, x, w13, w2, None, None, shares, chosen.to(torch.int32), False, "silu", isa
        )
        return out.add_(shared(x))

    return forward


class _Attention:
    """Rotation, cache and attention of one layer."""

    def __init__(self, layer: Any) -> None:
        self._qkv, self._out = _linear(layer.qkv_proj), _linear(layer.o_proj)
        self._sizes = [layer.q_size, layer.kv_size, layer.kv_size]
        self._rotary, self._attn = layer.rotary_emb, layer.attn
        self._head, self._isa = layer.head_dim, layer.attn.isa
        self.name = layer.attn.layer_name

    def __call__(self, x: Tensor, positions: Tensor, metadata: Any, slots: Tensor) -> Tensor:
        """(tokens, hidden) -> the same."""
        qkv = self._qkv(x)
        query, key, value = qkv.split(self._sizes, -1)
        self._rotary(positions, query, key)
        query, key, value = (part.unflatten(-1, (-1, self._head)) for part in (query, key, value))
        out = torch.empty(query.shape)
        attn = self._attn
        attn.impl.do_kv_cache_update(attn, key, value, attn.kv_cache, slots)
        attn.impl.forward(attn, query, key, value, attn.kv_cache, metadata, out)
        return self._out(out.flatten(1))


def decoder_of(model: nn.Module) -> "CpuDecoder | None":
    """The decoder over a loaded model's weights; None, with a line, where vLLM's layers are not as known."""
    try:
        return CpuDecoder(model)
    except (AttributeError, AssertionError, ImportError) as error:
        logger.warning(
            "CPU decoder: vLLM's layers differ (%s); vLLM's own way is taken, which is slower", error
        )
        return None


@dataclass(slots=True)
class _Layer:
    norms: tuple[Tensor, Tensor]
    attend: _Attention
    mlp: Step


class CpuDecoder:
    """All layers of a loaded `DeepseekV2Model`, in order."""

    def __init__(self, model: nn.Module) -> None:
        layers: Any = model.layers
        self._layers = [
            _Layer(
                (layer.input_layernorm.weight.data, layer.post_attention_layernorm.weight.data),
                _Attention(layer.self_attn),
                (_mlp if isinstance(layer.mlp, DeepseekV2MLP) else _experts)(layer.mlp),
            )
            for layer in layers
        ]
        norm: Any = model.norm
        self._norm, self._eps = norm.weight.data, norm.variance_epsilon

    def __call__(self, embeddings: Tensor, positions: Tensor) -> Tensor | None:
        """(tokens, hidden) -> (tokens, hidden); None in vLLM's trial run, which has no cache."""
        context = get_forward_context()
        metadata, slots, eps = context.attn_metadata, context.slot_mapping, self._eps
        if not isinstance(metadata, dict) or not isinstance(slots, dict):
            return None
        add_norm = torch.ops._C.fused_add_rms_norm
        # Both are changed in place; the sum of nothing and the embeddings is the embeddings.
        states, residual = torch.zeros_like(embeddings), embeddings.clone()
        for layer in self._layers:
            name = layer.attend.name
            add_norm(states, residual, layer.norms[0], eps)
            states = layer.attend(states, positions, metadata[name], slots[name])
            add_norm(states, residual, layer.norms[1], eps)
            states = layer.mlp(states)
        add_norm(states, residual, self._norm, eps)
        return states
