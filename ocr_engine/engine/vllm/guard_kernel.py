"""The n-gram guard on the device: one Triton program a row of logits, no copy to the host, no wait.

The rule is that of `ngram.banned_tokens`; tests compare the two.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 64


@triton.jit
def _ban(
    logits,
    logits_stride,
    slots,
    tokens,
    tokens_stride,
    prompt_len,
    total_len,
    sizes,
    windows,
    whitelist,
    whitelist_stride,
    whitelist_len,
    recent,
    recent_stride,
    vocabulary,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    size = tl.load(sizes + slot)
    prompt = tl.load(prompt_len + slot)
    count = tl.load(total_len + slot) - prompt
    if (size == 0) | (count < size):
        return
    first = tl.maximum(0, count - tl.load(windows + slot))
    length = count - first
    # The history may live in the host's memory: each id is read from there once, then compared from here.
    history = tokens + slot * tokens_stride + prompt + first
    here = recent + row * recent_stride
    lane = tl.arange(0, BLOCK)
    for start in range(0, length, BLOCK):
        inside = start + lane < length
        tl.store(here + start + lane, tl.load(history + start + lane, mask=inside), mask=inside)
    tl.debug_barrier()
    allowed = tl.load(whitelist_len + slot)
    prefix = length - size + 1
    for start in range(0, prefix, BLOCK):
        candidate = start + lane
        match = candidate < prefix
        for offset in range(0, size - 1):
            expected = tl.load(here + prefix + offset)
            match = match & (tl.load(here + candidate + offset, mask=match, other=-1) == expected)
        token = tl.load(here + candidate + size - 1, mask=match, other=-1)
        for index in range(0, allowed):
            match = match & (token != tl.load(whitelist + slot * whitelist_stride + index))
        match = match & (token >= 0) & (token < vocabulary)  # never into another row
        tl.store(logits + row * logits_stride + token, -float("inf"), mask=match)


def ban_repeats(
    logits: Tensor,
    slots: Tensor,
    tokens: Tensor,
    prompt_len: Tensor,
    total_len: Tensor,
    sizes: Tensor,
    windows: Tensor,
    whitelist: Tensor,
    whitelist_len: Tensor,
    recent: Tensor,
) -> None:
    """Set the logits of banned tokens to minus infinity, in place.

    Args:
        logits: (rows, vocabulary).
        slots: int (rows,), the request of each row; the tensors that follow are indexed by request.
        tokens: int32 (requests, length), prompt and output ids, valid up to `total_len`.
        prompt_len, total_len: int32 (requests,), ids of the prompt, and of prompt and output together.
        sizes, windows: int32 (requests,), the guard's settings; size 0 bans nothing.
        whitelist, whitelist_len: int32 (requests, k) and (requests,), ids never banned.
        recent: int32 (rows or more, largest window or length), scratch.
    """
    _ban[(logits.shape[0],)](
        logits,
        logits.stride(0),
        slots,
        tokens,
        tokens.stride(0),
        prompt_len,
        total_len,
        sizes,
        windows,
        whitelist,
        whitelist.stride(0),
        whitelist_len,
        recent,
        recent.stride(0),
        logits.shape[1],
        BLOCK=_BLOCK,
        num_warps=2,
    )


def scratch(rows: int, length: int, device: torch.device) -> Tensor:
    """`recent` for `ban_repeats`."""
    return torch.zeros(rows, length, dtype=torch.int32, device=device)
