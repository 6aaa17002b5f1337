"""vLLM's Triton kernel over the blocks that a step sees, beside the mask of the whole answer written out."""

import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from fixtures import interpreter
from tests.kernels import run_interpreted

BLOCK, HEADS, CHANNELS, WINDOW = 16, 1, 16, 10


def test_kernel_sees_the_prompt_and_the_window():
    run_interpreted(__name__)


def checks():
    interpreter.allow()
    # Prompt, answer so far, tokens of the step: with drafts, without, inside the window, a prompt's end.
    check([(19, 45, 4), (32, 33, 1), (5, 3, 2), (7, 0, 1)])
    # One token each takes the kernel's other way, in segments.
    check([(19, 45, 1), (3, 40, 1)])


def check(rows):
    from vllm.v1.attention.ops.triton_unified_attention import unified_attention

    from ocr_engine.engine.vllm.window_blocks import seen_blocks

    torch.manual_seed(0)
    prompts, before, counts = (torch.tensor(one, dtype=torch.int32) for one in zip(*rows, strict=True))
    lengths = prompts + before + counts - (before == 0) * counts
    blocks = -(-int(lengths.max()) // BLOCK)
    keys, values = (torch.randn(len(rows) * blocks, BLOCK, HEADS, CHANNELS) for _ in range(2))
    table = torch.randperm(len(rows) * blocks).int().view(len(rows), blocks)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0)).int()
    query = torch.randn(int(starts[-1]), HEADS, CHANNELS)
    shorter, seen = seen_blocks(table, lengths, counts, prompts, WINDOW, BLOCK)
    assert int((lengths - seen).max()) >= BLOCK, "a step that sees everything proves nothing"
    kept = [shorter[row, : -(-int(length) // BLOCK)] for row, length in enumerate(seen)]
    freed = torch.ones(len(keys), dtype=torch.bool)
    freed[torch.cat(kept).long()] = False
    readable = torch.where(freed[:, None, None, None], float("nan"), keys)
    found = torch.empty_like(query)
    scratch = [torch.empty(8, HEADS, 16, CHANNELS), torch.empty(8, HEADS, 16), torch.empty(8, HEADS, 16)]
    unified_attention(
        query, readable, values, found, cu_seqlens_q=starts, max_seqlen_q=int(counts.max()), seqused_k=seen,
        max_seqlen_k=int(lengths.max()), softmax_scale=CHANNELS**-0.5, causal=True, window_size=(-1, -1),
        block_table=shorter, softcap=0.0, q_descale=None, k_descale=None, v_descale=None,
        seq_threshold_3D=8, num_par_softmax_segments=16, softmax_segm_output=scratch[0],
        softmax_segm_max=scratch[1], softmax_segm_expsum=scratch[2],
        rswa_prefix_lens=prompts, rswa_window=WINDOW,
    )  # fmt: skip
    for row in range(len(rows)):
        places = torch.arange(int(lengths[row]))
        of_row = [cache[table[row].long()].flatten(0, 1)[: len(places)] for cache in (keys, values)]
        for at in range(int(counts[row])):
            position = int(lengths[row] - counts[row]) + at
            sees = (places <= position) & ((places < prompts[row]) | (position - places < WINDOW))
            scores = torch.einsum("hc,khc->hk", query[starts[row] + at], of_row[0]) * CHANNELS**-0.5
            weights = scores.masked_fill(~sees, float("-inf")).softmax(-1)
            expected = torch.einsum("hk,khc->hc", weights, of_row[1])
            torch.testing.assert_close(found[starts[row] + at], expected, rtol=1e-4, atol=1e-5)
