"""The n-gram guard on the device: one Triton program a row of logits, no copy to the host, no wait.

The rule is that of `ngram.banned_tokens`; tests compare the two. Where drafts are verified, a request has a
row for each draft and one more: row `p` follows `p` drafts that its history does not hold yet.
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
    first_row,
    slots,
    drafts_before,
    input_ids,
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
    program = tl.program_id(0).to(tl.int64)
    row = first_row + program
    slot = tl.load(slots + row).to(tl.int64)
    size = tl.load(sizes + slot)
    prompt = tl.load(prompt_len + slot)
    drafts = tl.load(drafts_before + row).to(tl.int64)
    committed = tl.load(total_len + slot) - prompt
    count = committed + drafts
    if (size == 0) | (count < size):
        return
    first = tl.maximum(0, count - tl.load(windows + slot))
    length = count - first
    # The history may live in the host's memory: each id is read from there once, then compared from here.
    history = tokens + slot * tokens_stride + prompt
    # The row of `p` drafts was fed the last of them; the first stands `p - 1` rows before it.
    drafted = input_ids + row - drafts + 1 - committed
    here = recent + program * recent_stride
    lane = tl.arange(0, BLOCK)
    for start in range(0, length, BLOCK):
        at = first + start + lane
        inside = start + lane < length
        old = tl.load(history + at, mask=inside & (at < committed), other=0)
        new = tl.load(drafted + at, mask=inside & (at >= committed), other=0).to(tl.int32)
        tl.store(here + start + lane, tl.where(at < committed, old, new), mask=inside)
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
    drafts_before: Tensor,
    input_ids: Tensor,
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
        slots: int (rows,), the request of each row.
        drafts_before: int (rows,), how many drafts a row follows; the rows of a request stand in this order.
        input_ids: int (rows or more,), the id that each row was fed; read where a row follows drafts.
        tokens: int32 (requests, length), prompt and output ids, valid up to `total_len`.
        prompt_len, total_len: int32 (requests,), ids of the prompt, and of prompt and output together.
        sizes, windows: int32 (requests,), the guard's settings; size 0 bans nothing.
        whitelist, whitelist_len: int32 (requests, k) and (requests,), ids never banned.
        recent: int32 (any number of rows, largest window or length), scratch; so many rows are done at once.

    The tensors from `tokens` to `whitelist_len` are indexed by request.
    """
    rows, at_once = logits.shape[0], recent.shape[0]
    for first_row in range(0, rows, at_once):
        _ban[(min(at_once, rows - first_row),)](
            logits,
            logits.stride(0),
            first_row,
            slots,
            drafts_before,
            input_ids,
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
