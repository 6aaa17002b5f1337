"""Attention to the prompt and the last tokens of the answer (R-SWA) on a GPU, with vLLM's own Triton kernel.

vLLM's V2 runner (0.32, 0.33) tells its attention where prompts end, one number a request. A step that is
padded to the size of a graph has more rows, which ended the engine; and where a graph is captured no number
is given, so that the graph would have no window at all.

Its kernel also reads every key of the answer and then masks those behind the window. Here it is given a table
without the blocks that no token of the step sees (`window_blocks`).
"""

from typing import Any

from torch import Tensor, nn

from ocr_engine.engine.vllm.internals import DefaultModelState, TritonAttentionMetadata
from ocr_engine.engine.vllm.window_blocks import seen_blocks


class WindowState(DefaultModelState):
    """vLLM's state of a model, which has a length of the prompt for every row of a step."""

    _kept: tuple[Tensor, Tensor] | None = None
    """Table and lengths of a step, where a captured graph looks for them."""

    def prepare_attn(self, input_batch: Any, *args: Any, **more: Any) -> dict[str, Any]:
        """As vLLM's. `input_batch.prompt_lens` becomes int32 (rows,), 0 for rows without a request."""
        lengths = input_batch.prompt_lens
        if lengths is None:
            lengths = input_batch.seq_lens.new_zeros(0)
        missing = input_batch.num_reqs_after_padding - len(lengths)
        input_batch.prompt_lens = nn.functional.pad(lengths, (0, max(0, missing)))
        found: dict[str, Any] = super().prepare_attn(input_batch, *args, **more)
        # All layers share one.
        for metadata in {id(one): one for one in found.values()}.values():
            if isinstance(metadata, TritonAttentionMetadata) and metadata.rswa_prefix_lens is not None:
                self._leave_out_unseen(metadata)
        return found

    def _leave_out_unseen(self, metadata: Any) -> None:
        """Put the step's table and lengths where its kernel reads them, in the buffers of every step."""
        rows, starts = len(metadata.seq_lens), metadata.query_start_loc
        table, lengths = seen_blocks(
            metadata.block_table[:rows],
            metadata.seq_lens,
            starts[1 : rows + 1] - starts[:rows],
            metadata.rswa_prefix_lens[:rows],
            metadata.rswa_window,
            self.vllm_config.cache_config.block_size,
        )
        if self._kept is None:
            most = self.max_num_reqs
            self._kept = table.new_zeros(most, table.shape[1]), lengths.new_zeros(most)
        metadata.block_table, metadata.seq_lens = (kept[:rows] for kept in self._kept)
        metadata.block_table.copy_(table)
        metadata.seq_lens.copy_(lengths)
