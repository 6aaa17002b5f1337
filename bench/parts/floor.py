"""What the card can do: bytes it copies and operations it does in a second, and the bound they set a page."""

from typing import Any

MODEL_BYTES = 5.6e9
"""Decoder weights read in every step: all experts, attention, the output layer, in bf16."""
KV_BYTES_A_TOKEN = 2 * 12 * 1280 * 2
PREFILL_OPS_A_TOKEN = 2 * 0.57e9
"""Six of 64 experts and the shared ones: 570 million active parameters."""
ENCODER_OPS = {"gundam": 4.6e12, "base": 1.4e12}


def measure() -> dict[str, float]:
    """Copy GB/s (read plus written) and bf16 TFLOP/s of this card."""
    import torch
    from triton.testing import do_bench

    source = torch.randn(1 << 31, device="cuda", dtype=torch.bfloat16)
    target = torch.empty_like(source)
    copy_ms = do_bench(lambda: target.copy_(source), return_mode="median")
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product_ms = do_bench(lambda: left @ right, return_mode="median")
    return {
        "copy_gb_per_s": 2 * source.numel() * 2 / copy_ms / 1e6,
        "matrix_tflop_per_s": 2 * 8192**3 / product_ms / 1e9,
    }


def bound(
    rates: dict[str, float], mode: str, vision_tokens: int, output_tokens: int, in_flight: int
) -> dict[str, Any]:
    """Milliseconds a page that no version of this model can go below on this card."""
    bytes_per_ms, ops_per_ms = rates["copy_gb_per_s"] * 1e6, rates["matrix_tflop_per_s"] * 1e9
    context = vision_tokens + output_tokens / 2
    parts = {
        "encoder": ENCODER_OPS[mode] / ops_per_ms,
        "prefill": vision_tokens * PREFILL_OPS_A_TOKEN / ops_per_ms,
        "decode, KV cache (bf16)": output_tokens * context * KV_BYTES_A_TOKEN / bytes_per_ms,
        "decode, weights": output_tokens * MODEL_BYTES / in_flight / bytes_per_ms,
    }
    total = sum(parts.values())
    return {"ms_a_page": parts, "total_ms": total, "pages_per_s": 1000 / total}
