"""How vLLM verifies drafts, made cheaper: the logits of a step all at once.

vLLM verifies them in pieces of a gigabyte. With eight drafts and 768 pages a copy in float32 is 3.6 GB a
step, and each piece that begins at an odd place has all kernels compiled anew.

And decode steps are whole CUDA graphs, however many drafts each request has.
"""

from typing import Any

from ocr_engine.engine.vllm.contract import first_difference
from ocr_engine.engine.vllm.shortcuts import DRAFT_GRAPHS

_MOST_BYTES = 1 << 32
"""Of the float32 copy that one request with a temperature still asks for: 900 pages with eight drafts."""


def install() -> None:
    """Change vLLM's sampler and its graphs. For the worker's process, before its runner is made."""
    from ocr_engine.engine.vllm.internals import rejection_sampler

    if not first_difference(DRAFT_GRAPHS):
        _take_graphs_for_any_mix()
    rejection_sampler.MAX_CHUNK_BYTES = _MOST_BYTES


def _take_graphs_for_any_mix() -> None:
    """Capture decode steps in which each request has its own number of drafts.

    vLLM captures steps in which all have the most, and takes graphs in pieces for others. It can do better
    for one of its own drafters (`varlen_decode`), where attention can: FlashAttention 3.
    """
    from ocr_engine.engine.vllm.internals import (
        ModelCudaGraphManager,
        get_varlen_cudagraph_unsupported_backend,
        gpu_model_runner,
    )

    class AnyMixManager(ModelCudaGraphManager):
        """Knows what attention can do when it captures."""

        varlen_decode: bool
        _candidates: dict[Any, Any]
        _capture_descs: dict[Any, Any]

        def capture(
            self,
            model: Any,
            model_state: Any,
            input_buffers: Any,
            intermediate_tensors: Any,
            block_tables: Any,
            attn_groups: Any,
            *args: Any,
            **more: Any,
        ) -> None:
            cannot = get_varlen_cudagraph_unsupported_backend(
                attn_groups, self.vllm_config, self.decode_query_len
            )
            if cannot is None and not self.varlen_decode:
                self.varlen_decode, self._candidates, self._capture_descs = True, {}, {}
                self._init_candidates()
            super().capture(
                model,
                model_state,
                input_buffers,
                intermediate_tensors,
                block_tables,
                attn_groups,
                *args,
                **more,
            )

    gpu_model_runner.ModelCudaGraphManager = AnyMixManager
