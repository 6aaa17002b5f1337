"""Which decode steps are small, and for which sizes they have graphs (`small_steps`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_engine.engine.draft_args import SMALL_STEPS_KEY
from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard

if TYPE_CHECKING:
    import numpy.typing as npt

_REQUESTS = (1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256)
_ROWS = (*_REQUESTS, 320, 384, 448, 512)
"""Sizes that have graphs: of requests, and of tokens where there are drafts."""
MOST_REQUESTS, MOST_TOK = _REQUESTS[-1], _ROWS[-1]
"""Of a small step. Larger ones take the card longer than the host, and their graphs much memory."""
_BEYOND = 2
"""Rows behind those of the requests which kernels may look at for the slot that nobody has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a pair of graphs is made for."""

    requests: int
    rows: int
    """Tokens, each with its row of logits."""
    guarded: bool

    @property
    def has_drafts(self) -> bool:
        """Whether some requests have more tokens than one, which is how vLLM tells such a step."""
        return self.rows > self.requests


@dataclass(frozen=True, slots=True)
class Plan:
    """A step that fits."""

    ids: Sequence[str]
    slots: npt.NDArray[np.intp]
    """The runner's, of each request."""
    counts: npt.NDArray[np.int32]
    """Tokens of each request."""
    shape: Shape
    graph: Any
    """vLLM's graph of the model."""


class Planner:
    """Of one runner's steps."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._takes_drafts = runner.vllm_config.additional_config.get(SMALL_STEPS_KEY, False)
        self._guards = [one for one in runner.sampler.logits_processors if isinstance(one, DeviceNgramGuard)]

    def plan(self, step: Any) -> Plan | None:
        """How a scheduler's step is done, or None where it is vLLM's to do."""
        if not self._may_be_small(step):
            return None
        states, known = self._runner.req_states, step.scheduled_cached_reqs
        ids, given, count = known.req_ids, step.scheduled_spec_decode_tokens, len(known.req_ids)
        slots = np.fromiter(map(states.req_id_to_index.__getitem__, ids), np.intp, count)
        counts = np.fromiter(map(step.num_scheduled_tokens.__getitem__, ids), np.int32, count)
        drafts = np.fromiter((len(given.get(name, ())) for name in ids), np.int32, count)
        computed = np.fromiter(known.num_computed_tokens, np.int64, count)
        decodes = (computed >= states.prefill_len.np[slots]).all() and (counts == drafts + 1).all()
        if not decodes or not self._is_greedy(slots):
            return None
        shape = self._shape(slots, int(counts.sum()))
        graph = shape and self.model_graph(shape)
        return Plan(ids, slots, counts, shape, graph) if shape and graph else None

    def _may_be_small(self, step: Any) -> bool:
        """By its numbers; whether all requests decode is not known yet."""
        return (
            0 < len(step.num_scheduled_tokens) <= MOST_REQUESTS
            and step.total_num_scheduled_tokens <= MOST_TOK
            and not step.scheduled_new_reqs
            and len(step.scheduled_cached_reqs.req_ids) == len(step.num_scheduled_tokens)
            and not step.has_structured_output_requests
            and (self._takes_drafts or not step.scheduled_spec_decode_tokens)
            and step.num_spec_tokens_to_schedule == self._runner.num_speculative_steps
            # From vLLM 0.33 on a step may ask for no drafts at all.
            and not getattr(step, "skip_drafts", False)
        )

    def _is_greedy(self, slots: npt.NDArray[np.intp]) -> bool:
        """Whether all that is asked of the sampler is the likeliest token, after the guard's bans."""
        sampler, worker = self._runner.sampler, self._runner.prompt_logprobs_worker
        states = sampler.sampling_states
        return not (
            sampler.needs_logits_processing[slots].any()
            or sampler.get_logprobs_dims(slots) is not None
            or (states.temperature.np[slots] != 0.0).any()
            or (states.top_k.np[slots] != states.vocab_size).any()
            or (states.top_p.np[slots] != 1.0).any()
            or worker.in_progress_prompt_logprobs
            or worker.token_id_scores
        )

    def _shape(self, slots: npt.NDArray[np.intp], tokens: int) -> Shape | None:
        """The least that holds these requests; None where it has more of them and all slots are taken."""
        count, states = len(slots), self._runner.req_states
        requests = min(_at_least(_REQUESTS, count), states.max_num_reqs)
        is_padded = requests > count
        if is_padded and not states.free_indices:
            return None
        guarded = any(guard.has_bans(slots) for guard in self._guards)
        if tokens == count:
            return Shape(requests, requests, guarded)
        # A row more than requests at least: `has_drafts`.
        rows = _at_least(_ROWS, max(tokens + _BEYOND * is_padded, requests + 1))
        most = requests * (1 + self._runner.num_speculative_steps)
        return Shape(requests, min(rows, most), guarded)

    def model_graph(self, shape: Shape) -> Any | None:
        """vLLM's graph of the model for so many requests and tokens, if it has one."""
        from ocr_engine.engine.vllm.internals import CUDAGraphMode

        manager = self._runner.cudagraph_manager
        each = manager.decode_query_len
        found = manager.dispatch(shape.requests, shape.rows, 1 if each == 1 else None, 0, max_query_len=each)
        return found if found.cg_mode == CUDAGraphMode.FULL else None


def _at_least(sizes: Sequence[int], wanted: int) -> int:
    return sizes[bisect_left(sizes, wanted)] if wanted <= sizes[-1] else wanted
