"""Attention to the prompt and the last tokens of the answer (R-SWA) in steps that are CUDA graphs.

vLLM's V2 runner (0.32, 0.33) tells its attention where prompts end, one number a request. A step that is
padded to the size of a graph has more rows, which ended the engine; and where a graph is captured no number
is given, so that the graph would have no window at all.
"""

from typing import Any

from torch import nn

from ocr_engine.engine.vllm.internals import DefaultModelState


class WindowState(DefaultModelState):
    """vLLM's state of a model, which has a length of the prompt for every row of a step."""

    def prepare_attn(self, input_batch: Any, *args: Any, **more: Any) -> dict[str, Any]:
        """As vLLM's. `input_batch.prompt_lens` becomes int32 (rows,), 0 for rows without a request."""
        lengths = input_batch.prompt_lens
        if lengths is None:
            lengths = input_batch.seq_lens.new_zeros(0)
        missing = input_batch.num_reqs_after_padding - len(lengths)
        input_batch.prompt_lens = nn.functional.pad(lengths, (0, max(0, missing)))
        found: dict[str, Any] = super().prepare_attn(input_batch, *args, **more)
        return found
