"""`python -m bench.parts.encoder_trials OUT`: what would make the encoder faster, each tried alone on a GPU.

Cuts of the global attention (`model/relative_attention.py`), whole passes replayed from a CUDA graph, matrix
products in fp8 with their error, and encoding beside decode attention on a second stream. Writes OUT.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.full_size import full_config
from bench.parts.encoder import VIEWS, new_tower
from ocr_engine.families import OCR, OCR2
from ocr_engine.model import relative_attention
from ocr_engine.model.onednn import Linear
from ocr_engine.model.relative_attention import Blocks, attend_grid

CUTS = {
    40: [
        Blocks(1, 64, 4, 3), Blocks(3, 64, 4, 2, packed=True), Blocks(3, 64, 4, 3, packed=True),
        Blocks(3, 128, 8, 2, packed=True), Blocks(3, 128, 8, 3, packed=True),
        Blocks(3, 64, 8, 2, packed=True), Blocks(3, 128, 4, 2, packed=True),
    ],
    48: [
        Blocks(1, 64, 4, 3), Blocks(5, 64, 8, 2, packed=True), Blocks(5, 128, 8, 2, packed=True),
        Blocks(2, 64, 4, 2, packed=True), Blocks(2, 128, 8, 2, packed=True),
    ],
    64: [
        Blocks(1, 64, 4, 3), Blocks(2, 64, 4, 2, packed=True), Blocks(2, 128, 8, 2, packed=True),
        Blocks(2, 128, 8, 3, packed=True), Blocks(1, 128, 8, 3), Blocks(1, 128, 4, 3),
    ],
}  # fmt: skip
"""Cuts to try, by cells along a view: that in use first."""
_VIEWS = {40: 24, 48: 16, 64: 8}
_HEADS, _CHANNELS = 12, 64
Call = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.parts.encoder_trials", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS))
    args = parser.parse_args()
    found: list[dict[str, Any]] = []
    torch.manual_seed(0)
    with torch.inference_mode():
        for name in args.only:
            try:
                for row in TRIALS[name]():
                    found.append({"trial": name} | row)
                    print(json.dumps(found[-1]), flush=True)
                    args.out.write_text(json.dumps(found, indent=1))
            except Exception as problem:  # noqa: BLE001 - the other trials are worth their time on the machine
                print(f"FAIL {name}: {type(problem).__name__}: {problem}"[:600], flush=True)


def _ms(call: Call, rep: int = 200) -> float:
    from triton.testing import do_bench

    return float(do_bench(call, warmup=30, rep=rep, return_mode="median"))


def cuts() -> Iterator[dict[str, Any]]:
    """Milliseconds of one layer's global attention a view, and the largest difference from the cut in use."""
    for side, blocks in CUTS.items():
        width = _HEADS * _CHANNELS
        qkv = torch.randn(_VIEWS[side], side, side, 3 * width, device="cuda", dtype=torch.bfloat16)
        bias = torch.randn(3 * width, device="cuda", dtype=torch.bfloat16)
        rows, columns = (torch.randn(2 * side - 1, _CHANNELS, device="cuda").bfloat16() / 8 for _ in range(2))
        usual, expected = relative_attention.SHAPES[side], None
        for one in blocks:
            relative_attention.SHAPES[side] = one
            call = partial(attend_grid, qkv, bias, rows, columns, _HEADS, side)
            row: dict[str, Any] = {"side": side, "blocks": str(one)}
            try:
                found = call().float()
                expected = found if expected is None else expected
                row |= {
                    "ms_a_view": _ms(call) / _VIEWS[side],
                    "differs": float((found - expected).abs().max()),
                }
            except Exception as problem:  # noqa: BLE001 - too large for the card's shared memory
                row["problem"] = str(problem)[:200]
            yield row
        relative_attention.SHAPES[side] = usual


def _tower(family: str) -> Any:
    made = new_tower(family, full_config(family)["vision_config"]["width"], 1280)
    for name, parameter in made.named_parameters():
        if "norm" not in name:
            parameter.data.normal_(0, 0.02)
    return made.to("cuda", torch.bfloat16).eval()


def _encoding(tower: Any, family: str, pages: int) -> Call:
    views = [
        torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device="cuda")
        for _ in range(pages)
        for count, side in VIEWS[family, "gundam"]
    ]
    return partial(tower, [one[0] for one in views[::2]], views[1::2], [torch.tensor([2, 3])] * pages)


def graphs() -> Iterator[dict[str, Any]]:
    """A whole pass as it is launched, and replayed from a graph: what launching costs at most."""
    for family in (OCR, OCR2):
        tower = _tower(family)
        for pages in (1, 4, 16):
            call = _encoding(tower, family, pages)
            row: dict[str, Any] = {"family": family, "pages": pages, "ms_a_page": _ms(call) / pages}
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph):
                    call()
                row["graph_ms_a_page"] = _ms(graph.replay) / pages
            except Exception as problem:  # noqa: BLE001 - what is not to be captured is a row
                row["problem"] = str(problem)[:300]
            yield row


@contextmanager
def _fp8_products() -> Iterator[None]:
    """The encoder's linear layers by vLLM's fp8 kernels: a scale a row of input, and one a row of weights."""
    from vllm import _custom_ops as ops

    usual, kept = Linear.forward, {}

    def forward(self: Linear, x: Tensor, *, gelu: bool = False) -> Tensor:
        if id(self) not in kept:
            weight, scale = ops.scaled_fp8_quant(self.weight.contiguous(), use_per_token_if_dynamic=True)
            kept[id(self)] = weight.t(), scale.view(1, -1)
        flat = x.reshape(-1, x.shape[-1])
        small, scale = ops.scaled_fp8_quant(flat, use_per_token_if_dynamic=True)
        weight, weight_scale = kept[id(self)]
        product = ops.cutlass_scaled_mm(small, weight, scale, weight_scale, x.dtype, self.bias)
        product = product.view(*x.shape[:-1], -1)
        return torch.nn.functional.gelu(product) if gelu else product

    Linear.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        Linear.forward = usual  # type: ignore[method-assign]


def fp8() -> Iterator[dict[str, Any]]:
    """A pass of 16 pages, and each dtype's features against float32 of the same weights."""
    for family in (OCR, OCR2):
        tower = _tower(family)
        few, many = _encoding(tower, family, 1), _encoding(tower, family, 16)
        usual, usual_ms = few()[0].float(), _ms(many) / 16
        with _fp8_products():
            small, small_ms = few()[0].float(), _ms(many) / 16
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        tower.float()
        exact = few()[0]
        error = {
            name: float((one - exact).norm() / exact.norm())
            for name, one in (("bf16", usual), ("fp8", small))
        }
        yield {
            "family": family,
            "bf16_ms_a_page": usual_ms,
            "fp8_ms_a_page": small_ms,
            "relative_error": error,
        }


def streams() -> Iterator[dict[str, Any]]:
    """Encoding 16 pages beside decode attention of 768 requests, one after the other and on two streams."""
    from bench.parts.window import _Step

    tower, step = _tower(OCR), _Step(908, 440, 768)
    encode = _encoding(tower, OCR, 16)
    attend = partial(step._flash, step.length, 3, windowed=False)
    alone = {"encode_ms": _ms(encode, 600), "layer_ms": _ms(attend)}
    layers = max(1, round(alone["encode_ms"] / alone["layer_ms"]))

    def decode() -> None:
        for _ in range(layers):
            attend()

    def both(*, beside: bool) -> None:
        here = torch.cuda.current_stream()
        other.wait_stream(here)
        if beside:
            with torch.cuda.stream(other):
                encode()
        else:
            encode()
        decode()
        here.wait_stream(other)

    for priority in (0, -1):
        other = torch.cuda.Stream(priority=priority)
        turns = {
            f"{name}_ms": _ms(partial(both, beside=beside), 900)
            for name, beside in (("in_turn", False), ("beside", True))
        }
        yield alone | {"layers": layers, "priority": priority} | turns


TRIALS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "cuts": cuts,
    "graphs": graphs,
    "fp8": fp8,
    "streams": streams,
}

if __name__ == "__main__":
    main()
