"""Drafts on the device: one Triton program a request, no copy to the host, no wait.

The rule is that of `ocr_engine.drafts.rule`; tests compare the two.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ocr_engine.drafts.rule import DRIFT, LONGEST, NEAR

_BLOCK = 256
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
def _propose(
    drafts,
    predictions,
    predictions_stride,
    prediction_len,
    book,
    book_len,
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
    if piece < LONGEST:
        own, own_place = _last_longest(answer, answered, last, answered, LONGEST, PLACES, BLOCK)
        if piece > 0:
            if own > piece:
                source, begin, end = answer, own_place, answered
        else:
            phrase, phrase_place = _last_longest(book, book_len, last, answered, LONGEST, PLACES, BLOCK)
            if (own >= 3) | ((own == 2) & (phrase < 2)):
                source, begin, end = answer, own_place, answered
            elif phrase >= 1:
                source, begin, end = book, phrase_place, answered * 0 + book_len
    found_drafts = tl.load(source + begin + at, mask=(at < MOST) & (begin + at < end), other=-1)
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
        tokens: int32 (requests, length), prompt and output ids, valid up to `total_len`.
        prompt_len, total_len: int32 (requests,), ids of the prompt, and of prompt and output together.
        slots: int (rows,), the request of each row; indexes `predictions` to `total_len`, `cursors`, `lost`.
        num_sampled: int32 (rows,), tokens written in this step; 0 while a prompt is taken in.
        cursors, lost: int32 (requests,), the state of `rule.Place`.
    """
    most = drafts.shape[1]
    _propose[(len(slots),)](
        drafts,
        predictions,
        predictions.stride(0),
        prediction_len,
        book,
        len(book),
        tokens,
        tokens.stride(0),
        prompt_len,
        total_len,
        slots,
        num_sampled,
        cursors,
        lost,
        MOST=most,
        MOST_PADDED=triton.next_power_of_2(most),
        LONGEST=LONGEST,
        NEAR=NEAR,
        DRIFT=DRIFT,
        PLACES=_PLACES,
        BLOCK=_BLOCK,
        num_warps=4,
    )


def states(requests: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """`cursors` and `lost` for `propose`."""
    return (
        torch.zeros(requests, dtype=torch.int32, device=device),
        torch.zeros(requests, dtype=torch.int32, device=device),
    )
