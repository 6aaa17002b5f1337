"""Drafts on the device: one Triton program a request, no copy to the host, no wait.

The rule is that of `ocr_engine.drafts.rule`; tests compare the two.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ocr_engine.drafts.memory import BEHIND, FACTORS, PIECE, SHIFT, WIDTH
from ocr_engine.drafts.rule import DRIFT, LONGEST, NEAR

_BLOCK, _WARPS = 256, 4
_PLACES = 1 << 20
"""More than a source has tokens: what is found is packed as length, rank and place, 20 bits each."""


@triton.jit
def _lengths(source, count, start, last, answered, LONGEST: tl.constexpr, BLOCK: tl.constexpr):
    """Of `BLOCK` places of a source, from `start` on: how many tokens before each are the answer's last."""
    place = start + tl.arange(0, BLOCK)
    common = tl.zeros([BLOCK], tl.int32)
    goes_on = place <= count
    for back in tl.static_range(LONGEST):
        wanted = tl.load(last - back, mask=back < answered, other=-1)
        here = place - 1 - back
        goes_on = goes_on & (here >= 0) & (back < answered)
        goes_on = goes_on & (tl.load(source + here, mask=goes_on, other=-2) == wanted)
        common += goes_on.to(tl.int32)
    return common, place.to(tl.int64)


@triton.jit
def _last_longest(
    source, count, last, answered, LONGEST: tl.constexpr, PLACES: tl.constexpr, BLOCK: tl.constexpr
):
    """Length and place of the longest piece of the answer's end in a source, the last of these."""
    best = tl.zeros((), tl.int64)
    for start in range(0, count + 1, BLOCK):
        common, place = _lengths(source, count, start, last, answered, LONGEST, BLOCK)
        # Nothing stands behind the end, nor behind a phrase.
        common = tl.where(tl.load(source + place, mask=place < count, other=-1) < 0, 0, common)
        best = tl.maximum(best, tl.max(common.to(tl.int64) * PLACES + place, axis=0))
    return (best // PLACES).to(tl.int32), (best % PLACES).to(tl.int32)


@triton.jit
def _rows(first, second, third, rows, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, SHIFT: tl.constexpr):
    """The memory's row of pieces of three tokens."""
    mixed = first.to(tl.int64) * A + second.to(tl.int64) * B + third.to(tl.int64) * C
    return (mixed ^ (mixed >> SHIFT)) & (rows - 1)


@triton.jit
def _recall(
    memory, rows, last, answered,
    A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, SHIFT: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Where in the memory the answer's last three tokens stand, and whether they do."""
    known = answered >= 3
    first = tl.load(last - 2, mask=known, other=0)
    second = tl.load(last - 1, mask=known, other=0)
    third = tl.load(last)
    row = memory + _rows(first, second, third, rows, A, B, C, SHIFT) * WIDTH
    known = known & (tl.load(row) == first) & (tl.load(row + 1) == second) & (tl.load(row + 2) == third)
    return row, known


@triton.jit
def _remember(
    memory, rows, last, answered, sampled,
    NEW: tl.constexpr, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, SHIFT: tl.constexpr,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Take in the pieces of which the last token to be kept was sampled in this step."""
    new = tl.arange(0, NEW)
    first = last - (sampled - 1 + WIDTH - 1) + new
    whole = (new < sampled) & (answered - sampled + new >= WIDTH - 1)
    one, two = tl.load(first, mask=whole, other=0), tl.load(first + 1, mask=whole, other=0)
    three = tl.load(first + 2, mask=whole, other=0)
    row = memory + _rows(one, two, three, rows, A, B, C, SHIFT) * WIDTH
    for at in tl.static_range(WIDTH):
        tl.store(row + at, tl.load(first + at, mask=whole, other=0), mask=whole)


@triton.jit
def _propose(
    drafts,
    predictions,
    predictions_stride,
    prediction_len,
    book,
    book_len,
    memory,
    memory_rows,
    tokens,
    tokens_stride,
    prompt_len,
    total_len,
    slots,
    num_sampled,
    cursors,
    lost,
    MOST: tl.constexpr,
    MOST_PADDED: tl.constexpr,
    NEW: tl.constexpr,
    A: tl.constexpr,
    B: tl.constexpr,
    C: tl.constexpr,
    SHIFT: tl.constexpr,
    PIECE: tl.constexpr,
    BEHIND: tl.constexpr,
    LONGEST: tl.constexpr,
    NEAR: tl.constexpr,
    DRIFT: tl.constexpr,
    PLACES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    sampled = tl.load(num_sampled + row).to(tl.int32)
    total = tl.load(total_len + slot).to(tl.int32)
    answered = total - tl.load(prompt_len + slot).to(tl.int32)
    answer = tokens + slot * tokens_stride + (total - answered)
    last = answer + answered - 1
    at = tl.arange(0, MOST_PADDED)
    out = drafts + row * MOST + at
    if (sampled <= 0) | (answered <= 0):
        tl.store(out, tl.zeros([MOST_PADDED], tl.int64), mask=at < MOST)
        return
    said, recalled = _recall(memory, memory_rows, last, answered, A, B, C, SHIFT, PIECE + BEHIND)
    said_drafts = tl.load(said + PIECE + at, mask=(at < MOST) & (at < BEHIND), other=-1)
    # Behind the look-up, so that an answer does not find what it has just said.
    _remember(memory, memory_rows, last, answered, sampled, NEW, A, B, C, SHIFT, PIECE + BEHIND)
    begins = answered <= sampled
    cursor = tl.where(begins, 0, tl.load(cursors + slot))
    missing = tl.where(begins, 0, tl.load(lost + slot))
    expected = cursor + tl.where(missing < DRIFT, sampled, 0)
    prediction = predictions + slot * predictions_stride
    predicted = tl.load(prediction_len + slot).to(tl.int32)
    best = tl.zeros((), tl.int64)
    for start in range(0, predicted + 1, BLOCK):
        common, place = _lengths(prediction, predicted, start, last, answered, LONGEST, BLOCK)
        distance = tl.abs(place - expected)
        common = tl.where((common == 1) & (distance > NEAR), 0, common)
        # Of the longest the nearest, and of two as near the first.
        rank = (common.to(tl.int64) * PLACES - distance + PLACES - 1) * PLACES - place + PLACES - 1
        best = tl.maximum(best, tl.max(tl.where(common > 0, rank, 0), axis=0))
    found = PLACES - 1 - (best % PLACES).to(tl.int32)
    source, begin, end = prediction, tl.where(best > 0, found, tl.minimum(expected, predicted)), predicted
    tl.store(cursors + slot, begin)
    tl.store(lost + slot, tl.where(best > 0, 0, missing + sampled))
    piece = (best // PLACES // PLACES).to(tl.int32)
    known = tl.where(recalled, PIECE, 0)
    remembers = known > piece
    if piece < LONGEST:
        own, own_place = _last_longest(answer, answered, last, answered, LONGEST, PLACES, BLOCK)
        if (own > piece) & (own >= known) & ((piece > 0) | (own >= 3)):
            source, begin, end = answer, own_place, answered
            remembers = known < 0
        elif (piece == 0) & (known == 0):
            phrase, phrase_place = _last_longest(book, book_len, last, answered, LONGEST, PLACES, BLOCK)
            if (own == 2) & (phrase < 2):
                source, begin, end = answer, own_place, answered
            elif phrase >= 1:
                source, begin, end = book, phrase_place, answered * 0 + book_len
    found_drafts = tl.load(source + begin + at, mask=(at < MOST) & (begin + at < end), other=-1)
    found_drafts = tl.where(remembers, said_drafts, found_drafts)
    # -1 ends a phrase, and what stands behind it is another.
    ended = tl.cumsum((found_drafts < 0).to(tl.int32), axis=0) > 0
    # A draft must be some token: this one is verified and refused, as any.
    filled = tl.where(ended, tl.load(last), found_drafts)
    tl.store(out, filled.to(tl.int64), mask=at < MOST)


def propose(
    drafts: Tensor,
    predictions: Tensor,
    prediction_len: Tensor,
    book: Tensor,
    memory: Tensor,
    tokens: Tensor,
    prompt_len: Tensor,
    total_len: Tensor,
    slots: Tensor,
    num_sampled: Tensor,
    cursors: Tensor,
    lost: Tensor,
) -> None:
    """Write the drafts of a step's requests; `cursors` and `lost` go on, and begin anew with an answer.

    Args:
        drafts: int64 (rows, most), written; a row without drafts repeats the last token.
        predictions, prediction_len: int32 (requests, longest) and (requests,), ids of the predicted answers.
        book: int32 (n,), ids of phrases, each ended by -1.
        memory: int32 (rows, WIDTH) of `new_memory`, shared by all requests, read and written to.
        tokens: int32 (requests, length), prompt and output ids, valid up to `total_len`.
        prompt_len, total_len: int32 (requests,), ids of the prompt, and of prompt and output together.
        slots: int (rows,), the request of each row; indexes `predictions` to `total_len`, `cursors`, `lost`.
        num_sampled: int32 (rows,), tokens written in this step; 0 while a prompt is taken in.
        cursors, lost: int32 (requests,), the state of `rule.Place`.
    """
    _propose[(len(slots),)](
        drafts,
        predictions,
        predictions.stride(0),
        prediction_len,
        book,
        len(book),
        memory,
        len(memory),
        tokens,
        tokens.stride(0),
        prompt_len,
        total_len,
        slots,
        num_sampled,
        cursors,
        lost,
        **_constants(drafts.shape[1]),
        num_warps=_WARPS,
    )


def _constants(most: int) -> dict[str, int]:
    """What the kernel is compiled for."""
    return {
        "MOST": most,
        "MOST_PADDED": triton.next_power_of_2(most),
        "NEW": triton.next_power_of_2(most + 1),
        **dict(zip("ABC", FACTORS, strict=True)),
        "SHIFT": SHIFT,
        "PIECE": PIECE,
        "BEHIND": BEHIND,
        "LONGEST": LONGEST,
        "NEAR": NEAR,
        "DRIFT": DRIFT,
        "PLACES": _PLACES,
        "BLOCK": _BLOCK,
    }


def new_memory(device: torch.device, rows: int) -> Tensor:
    """`memory` for `propose`, in which nothing is yet."""
    return torch.full((rows, WIDTH), -1, dtype=torch.int32, device=device)


def states(requests: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """`cursors` and `lost` for `propose`."""
    return (
        torch.zeros(requests, dtype=torch.int32, device=device),
        torch.zeros(requests, dtype=torch.int32, device=device),
    )
