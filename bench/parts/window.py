"""What a decode step's attention costs behind a window over the answer (R-SWA), kernel by kernel, on a GPU.

Every request has the same prompt and has written the same number of tokens. Each kernel's result is compared
with the mask written out. `seen blocks` is what the engine does: the same kernel over the blocks that a token
sees. `prompt + window` is what a cache of only the keys that are seen would cost.
"""

import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

HEADS, CHANNELS, BLOCK, WINDOW = 10, 128, 16, 128
_RUNS = 20
Attend = Callable[[], Tensor]


def run(prompt_tok: int, answers_tok: list[int], requests: int) -> list[dict[str, Any]]:
    """A row a kernel and answer length: milliseconds a layer, and the largest error."""
    return [row for written in answers_tok for row in _rows(prompt_tok, written, requests)]


def _rows(prompt: int, written: int, requests: int) -> Iterator[dict[str, Any]]:
    step = _Step(prompt, written, requests)
    expected = {True: step.reference(windowed=True), False: step.reference(windowed=False)}
    for name, windowed, attend in step.kernels():
        row: dict[str, Any] = {"kernel": name, "answer_tok": written, "requests": requests}
        try:
            error = (attend()[:4].float() - expected[windowed]).abs().max() / expected[windowed].abs().max()
            row |= {"ms_a_layer": _milliseconds(attend), "error": float(error)}
        except Exception as problem:  # noqa: BLE001 - a kernel that is not there is a row of the table
            row["problem"] = f"{type(problem).__name__}: {problem}"[:300]
        yield row


def _milliseconds(attend: Attend) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(_RUNS):
        attend()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) * 1e3 / _RUNS


class _Step:
    """Queries of one decode step and the paged cache they read."""

    def __init__(self, prompt: int, written: int, requests: int) -> None:
        self.prompt, self.length, self.requests = prompt, prompt + written, requests
        make = partial(torch.randn, dtype=torch.bfloat16, device="cuda")
        blocks = -(-self.length // BLOCK)
        self.query = make(requests, HEADS, CHANNELS)
        self.key, self.value = (make(requests * blocks, BLOCK, HEADS, CHANNELS) for _ in range(2))
        self.table = torch.randperm(requests * blocks, device="cuda").int().view(requests, blocks)
        self.starts = torch.arange(requests + 1, device="cuda", dtype=torch.int32)
        self.out = torch.empty_like(self.query)

    @cached_property
    def _seen(self) -> dict[str, Tensor]:
        """The shorter table and lengths, which a step makes once for all layers."""
        from ocr_engine.engine.vllm.window_blocks import seen_blocks

        ones, prompts = self._lengths(1), self._lengths(self.prompt)
        table, lengths = seen_blocks(self.table, self._lengths(self.length), ones, prompts, WINDOW, BLOCK)
        return {"block_table": table, "seqused_k": lengths}

    def _lengths(self, length: int) -> Tensor:
        return torch.full((self.requests,), length, dtype=torch.int32, device="cuda")

    def reference(self, *, windowed: bool) -> Tensor:
        """The first four requests under the mask written out, float32 (4, heads, channels)."""
        rows = self.table[:4].long()
        key, value = (cache[rows].flatten(1, 2)[:, : self.length].float() for cache in (self.key, self.value))
        scores = torch.einsum("nhc,nkhc->nhk", self.query[:4].float(), key) * CHANNELS**-0.5
        if windowed:
            scores[:, :, self.prompt : max(self.prompt, self.length - WINDOW)] = float("-inf")
        return torch.einsum("nhk,nkhc->nhc", scores.softmax(-1), value)

    def kernels(self) -> Iterator[tuple[str, bool, Attend]]:
        """Name, whether it is one with the window, and the call."""
        seen = min(self.length, self.prompt + WINDOW)
        yield "Triton, window", True, partial(self._triton, self.length, windowed=True)
        yield (
            "Triton, window, seen blocks",
            True,
            partial(self._triton, self.length, windowed=True, short=True),
        )
        yield "Triton, all", False, partial(self._triton, self.length, windowed=False)
        yield "FA4, window", True, partial(self._flash, self.length, 4, windowed=True)
        yield "FA3, all", False, partial(self._flash, self.length, 3, windowed=False)
        # Of a shorter cache: the time counts, the keys are others.
        yield "FA3, prompt + window", seen == self.length, partial(self._flash, seen, 3, windowed=False)

    def _common(self, length: int) -> dict[str, Any]:
        return {
            "q": self.query, "k": self.key, "v": self.value, "out": self.out, "cu_seqlens_q": self.starts,
            "max_seqlen_q": 1, "seqused_k": self._lengths(length), "max_seqlen_k": length,
            "softmax_scale": CHANNELS**-0.5, "causal": True, "block_table": self.table,
        }  # fmt: skip

    def _triton(self, length: int, *, windowed: bool, short: bool = False) -> Tensor:
        from vllm.v1.attention.ops.triton_unified_attention import unified_attention

        prefixes = self._lengths(self.prompt) if windowed else None
        unified_attention(
            **self._common(length) | (self._seen if short else {}),
            window_size=(-1, -1),
            softcap=0.0,
            q_descale=None,
            k_descale=None,
            v_descale=None,
            rswa_prefix_lens=prefixes,
            rswa_window=WINDOW if windowed else None,
        )
        return self.out

    def _flash(self, length: int, version: int, *, windowed: bool) -> Tensor:
        from vllm.v1.attention.backends.flash_attn import _make_rswa_mask_mod
        from vllm.vllm_flash_attn.flash_attn_interface import flash_attn_varlen_func

        masked: dict[str, Any] = {}
        if windowed:
            window = torch.tensor([WINDOW], dtype=torch.int32, device="cuda")
            masked = {
                "mask_mod": _make_rswa_mask_mod(),
                "aux_tensors": [self._lengths(self.prompt), window],
            }
        flash_attn_varlen_func(**self._common(length), **masked, fa_version=version)
        return self.out


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as markdown."""
    lines = ["| kernel | answer tokens | requests | ms a layer | error |", "|---|---|---|---|---|"]
    for row in rows:
        said = row.get("problem") or f"{row['ms_a_layer']:.3f} | {row['error']:.1e}"
        lines.append(f"| {row['kernel']} | {row['answer_tok']:,} | {row['requests']} | {said} |")
    return "\n".join(lines)
