"""Attention to the prompt and the last tokens of the answer (R-SWA) on a CPU, with vLLM's own kernels.

Positions are in the keys already (RoPE), so their order in the cache means nothing: token `n` of the answer
takes the place of token `n - window`, and every key there is one that the token may see. A step of decoding
is then an ordinary one over at most prompt + window keys. Only tokens past the window that come several at
once, as when a preempted page is taken up again, go one after the other.

Drafts are not for it, and none are verified on a CPU: one that is refused would have taken the place of a key
that is still seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ocr_engine.engine.vllm.internals import (
    CommonAttentionMetadata,
    CPUAttentionBackend,
    CPUAttentionBackendImpl,
    CPUAttentionMetadataBuilder,
)


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of one request that go through the kernel together: `count` from `start` of the batch on.

    `first` is the place in the cache of the first one's key, `seen` how many keys the last one sees.
    """

    row: int
    start: int
    count: int
    first: int
    seen: int


def rounds(
    starts: Sequence[int], lengths: Sequence[int], prompts: Sequence[int], window: int
) -> list[list[Part]]:
    """Which tokens of a batch go through the kernel together, round by round.

    `starts` (requests + 1) are where each request's tokens start in the batch, `lengths` its tokens so far,
    those of this step included, and `prompts` those of its prompt.
    """
    by_row = [
        list(_parts(row, starts[row], starts[row + 1], lengths[row], prompts[row], window))
        for row in range(len(lengths))
    ]
    count = max(map(len, by_row), default=0)
    return [[parts[at] for parts in by_row if at < len(parts)] for at in range(count)]


def _parts(row: int, start: int, stop: int, length: int, prompt: int, window: int) -> Iterator[Part]:
    position, most = length - (stop - start), prompt + window
    if position < most and start < stop:
        count = min(stop - start, most - position)
        yield Part(row, start, count, position, position + count)
        start, position = start + count, position + count
    for at in range(start, stop):
        yield Part(row, at, 1, prompt + (position + at - start - prompt) % window, most)


@dataclass(frozen=True, slots=True)
class Round:
    """What the kernel is told of a round, and which tokens of the batch are in it; None for all."""

    metadata: Any
    tokens: Tensor | None


class WindowBuilder(CPUAttentionMetadataBuilder):
    """Tells the kernel of each round."""

    def build(
        self, common_prefix_len: int, common_attn_metadata: CommonAttentionMetadata, fast_build: bool = False
    ) -> list[Round]:
        """One round unless a request has several tokens past its window."""
        common, window = common_attn_metadata, self.vllm_config.model_config.rswa_window
        prompts = common.rswa_prefix_lens
        if window is None or prompts is None:
            return [Round(super().build(common_prefix_len, common, fast_build), None)]
        lengths = common.seq_lens.tolist()
        parts = rounds(common.query_start_loc.tolist(), lengths, prompts.tolist(), window)
        return [self._round(common, one) for one in parts]

    def _round(self, common: CommonAttentionMetadata, parts: Sequence[Part]) -> Round:
        whole = sum(part.count for part in parts) == common.num_actual_tokens
        rows = torch.tensor([part.row for part in parts])
        counts = torch.tensor([part.count for part in parts])
        tables = common.block_table_tensor[rows]
        starts = torch.zeros(len(parts) + 1, dtype=torch.int32)
        starts[1:] = counts.cumsum(0)
        within = torch.arange(int(starts[-1])) - starts[:-1].repeat_interleave(counts)
        places = torch.tensor([part.first for part in parts]).repeat_interleave(counts) + within
        of_part = torch.arange(len(parts)).repeat_interleave(counts)
        slots = tables[of_part, places // self.block_size] * self.block_size + places % self.block_size
        told = replace(
            common,
            query_start_loc=starts,
            seq_lens=torch.tensor([part.seen for part in parts], dtype=torch.int32),
            num_reqs=len(parts),
            num_actual_tokens=int(starts[-1]),
            max_query_len=int(counts.max()),
            max_seq_len=max(part.seen for part in parts),
            block_table_tensor=tables,
            slot_mapping=slots.to(common.slot_mapping.dtype),
        )
        tokens = torch.tensor([part.start for part in parts]).repeat_interleave(counts) + within
        return Round(super().build(0, told), None if whole else tokens)


class WindowAttention(CPUAttentionBackendImpl):
    """vLLM's own, round by round; writes the cache itself, since a round may replace what one before read."""

    def forward(
        self,
        layer: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kv_cache: Tensor,
        attn_metadata: list[Round] | None,
        output: Tensor,
        output_scale: Tensor | None = None,
        output_block_scale: Tensor | None = None,
    ) -> Tensor:
        """(tokens, heads, channels) three times -> `output`, of the same shape."""
        for one in attn_metadata or ():
            tokens = slice(one.metadata.num_actual_tokens) if one.tokens is None else one.tokens
            queries, into = query[tokens], output[tokens]
            self.do_kv_cache_update(layer, key[tokens], value[tokens], kv_cache, one.metadata.slot_mapping)
            super().forward(layer, queries, key, value, kv_cache, one.metadata, into)
            if one.tokens is not None:
                output[tokens] = into
        return output


class WindowBackend(CPUAttentionBackend):
    """What takes the place of vLLM's backend in a process with such a decoder."""

    forward_includes_kv_cache_update = True

    @staticmethod
    def get_impl_cls() -> type[WindowAttention]:
        """The attention of a layer."""
        return WindowAttention

    @staticmethod
    def get_builder_cls() -> type[WindowBuilder]:
        """What prepares a step."""
        return WindowBuilder
