"""What a small step reads: vLLM's own batch, made from one tensor of the device (`small_steps`).

What the host says of a step, it writes there: the requests' slots, then where the tokens of each begin. The
rest is vLLM's code, which a CUDA graph can hold as it copies nothing from the host any more.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ocr_engine.engine.vllm.step_plans import MOST_REQUESTS, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

_NEVER_TOK = 1 << 30
"""Prompt tokens of the slot that nobody has: it never has read its prompt, so nothing is sampled for it."""


class StepInputs:
    """Of one runner's small steps."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        told = MOST_REQUESTS + runner.max_num_reqs + 1
        self._fed = torch.zeros(told, dtype=torch.int32, device=runner.device)
        self._sent: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._nobody = -1

    def send(self, plan: Plan) -> None:
        """Send what the host says of a step, unless it says what it said of the one before."""
        from ocr_engine.engine.vllm.internals import async_tensor_h2d

        count = len(plan.ids)
        told = np.empty(len(self._fed), dtype=np.int32)
        told[:count] = plan.slots
        told[count:MOST_REQUESTS] = self._slot_of_nobody() if plan.shape.requests > count else 0
        begins = told[MOST_REQUESTS:]
        begins[0] = 0
        np.cumsum(plan.counts, out=begins[1 : count + 1])
        begins[count + 1 :] = begins[count]
        if not np.array_equal(told, self._sent):
            async_tensor_h2d(told, out=self._fed)
            self._sent = told

    def _slot_of_nobody(self) -> int:
        """A free slot, made such that kernels write nothing for it."""
        states = self._runner.req_states
        # A request that has had the slot since has left its own numbers there, also if it has ended.
        if self._nobody < 0 or states.prefill_len.np[self._nobody] != _NEVER_TOK:
            # Not the first slot: kernels may look one place before a request's tokens.
            self._nobody = max(states.free_indices)
            states.prompt_len.np[self._nobody] = 0
            states.prefill_len.np[self._nobody] = _NEVER_TOK
            states.total_len.stage_write_elem(self._nobody, 0)
            states.num_computed_tokens.stage_write_elem(self._nobody, 0)
            states.apply_staged_writes()
        return self._nobody

    def prepare(self, step: Any, plan: Plan) -> tuple[Any, Any]:
        """vLLM's batch of the plan's shape, and its attention: metadata, and where keys and values go."""
        runner = self._runner
        with self._fed_from_device(plan.shape.requests):
            batch = runner.prepare_inputs(step, self._state(plan), plan.graph, 0)
        if plan.shape.has_drafts:
            _mend_rows(batch)
            batch.max_query_len = 1 + runner.num_speculative_steps
        tables, places = runner.prepare_attn(batch)
        # The graph serves answers of any length.
        batch.seq_lens_cpu_upper_bound.fill_(runner.max_model_len)
        metadata = runner.model_state.prepare_attn(
            batch, plan.graph.cg_mode, tables, places, runner.attn_groups, runner.kv_cache_config
        )
        ids = batch.input_ids[: batch.num_tokens]
        runner.model_state.encoder_runner.get_inputs_embeds(ids, [], None)
        return batch, (metadata, places)

    @contextmanager
    def _fed_from_device(self, requests: int) -> Iterator[None]:
        """Have vLLM take from `_fed` what it would copy from the host."""
        from ocr_engine.engine.vllm.internals import gpu_model_runner

        begins = self._fed[MOST_REQUESTS:]

        def fed(data: Any, device: Any = None, dtype: Any = None, out: Any = None) -> torch.Tensor:
            if out is not None:
                return out.copy_(begins)
            return self._fed[:requests].to(dtype) if dtype == torch.int64 else begins[: requests + 1]

        usual = gpu_model_runner.async_tensor_h2d
        gpu_model_runner.async_tensor_h2d = fed
        try:
            yield
        finally:
            gpu_model_runner.async_tensor_h2d = usual

    def _state(self, plan: Plan) -> Any:
        """What vLLM gathers of a batch: this one's slots, and as many tokens as the shape has rows."""
        from ocr_engine.engine.vllm.internals import BatchReqState

        shape = plan.shape
        more, some = divmod(shape.rows - shape.requests, shape.requests)
        drafts = np.full(shape.requests, more, dtype=np.int32)
        drafts[:some] += 1
        slots = np.full(shape.requests, self._nobody, dtype=np.intp)
        slots[: len(plan.slots)] = plan.slots
        zeros = np.zeros(shape.requests, dtype=np.int32)
        return BatchReqState(
            req_ids=[*plan.ids, *[""] * (shape.requests - len(plan.ids))],
            num_scheduled_tokens=1 + drafts,
            num_tokens=shape.rows,
            num_draft_tokens_np=drafts if shape.has_drafts else None,
            idx_mapping_np=slots,
            prefill_len_np=zeros,
            num_computed_prefill_tokens_np=zeros,
            is_prefilling_np=zeros.astype(bool),
            max_seq_len_np=None,
            has_prefill=False,
            prefill_runs_as_decode_np=None,
            decode_graph_eligible=True,
        )


def _mend_rows(batch: Any) -> None:
    """Rows behind the last token are left as the memory was: give them to the last request."""
    rows = torch.arange(len(batch.expanded_idx_mapping), device=batch.expanded_idx_mapping.device)
    is_real = rows < batch.cu_num_logits[-1]
    batch.expanded_idx_mapping = torch.where(is_real, batch.expanded_idx_mapping, batch.idx_mapping[-1])
    batch.expanded_local_pos = torch.where(is_real, batch.expanded_local_pos, 0)
    batch.logits_indices = torch.where(is_real, batch.logits_indices, 0)
