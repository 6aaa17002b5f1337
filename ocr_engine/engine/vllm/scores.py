"""Token probabilities on a short way through vLLM: its own, asked for with `logprobs=0`, made cheap.

A request that asks for the probability of what was sampled, and nothing else, gets it from vLLM as it is. At
hundreds of pages in flight that costs the device two slow kernels a step and the host several microseconds a
token. Here the device's part is one kernel (`score_kernel`), whose numbers go along in the copy that vLLM
makes anyway; the scheduler holds them with their tokens (`scheduler_tokens`); and the front end takes in a
message of many tokens at once. What is not asked for so is left to vLLM.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


_STARTS = (list, type(None))
"""Where each request's rows start; a tensor where only the device knows, which is left to vLLM."""


def install_in_worker() -> None:
    """Take the place of vLLM's kernels. For the worker's process; whoever asks for more gets vLLM's."""
    from ocr_engine.engine.vllm.internals import device_sampler, rejection_sampler

    for module in (device_sampler, rejection_sampler):
        module.compute_topk_scores = _with_ours(module.compute_topk_scores)


def _with_ours(theirs: Callable[..., Any]) -> Callable[..., Any]:
    from ocr_engine.engine.vllm.internals import LogprobsTensors
    from ocr_engine.engine.vllm.score_kernel import token_scores

    @wraps(theirs)
    def compute(
        logits: Tensor,
        num_logprobs: int,
        sampled_token_ids: Tensor,
        cu_num_logits: Any = None,
        logprob_token_ids_state: Any = None,
        expanded_idx_mapping: Any = None,
        max_per_req_token_ids: int = 0,
        logits_mode: bool = False,
    ) -> Any:
        if num_logprobs or max_per_req_token_ids or logits_mode or not isinstance(cu_num_logits, _STARTS):
            return theirs(
                logits,
                num_logprobs,
                sampled_token_ids,
                cu_num_logits,
                logprob_token_ids_state,
                expanded_idx_mapping,
                max_per_req_token_ids,
                logits_mode,
            )
        scores = token_scores(logits, sampled_token_ids)
        # Nobody asked for ranks: zeros that are on the host already.
        no_ranks = scores.new_zeros(len(scores), dtype=sampled_token_ids.dtype, device="cpu")
        return LogprobsTensors(sampled_token_ids.unsqueeze(-1), scores, no_ranks, cu_num_logits)

    return compute


class StepScores:
    """The log-probabilities of all tokens that a step sampled."""

    def __init__(self, found: Any) -> None:
        """`found` is vLLM's `LogprobsLists`, in whose rows the sampled token comes first."""
        self._values: list[float] = found.logprobs[:, 0].tolist()
        self._starts: Sequence[int] | None = found.cu_num_generated_tokens

    def of(self, place: int, count: int) -> list[float]:
        """Those of the first so many tokens of the request at that place in the batch."""
        start = place if self._starts is None else self._starts[place]
        return self._values[start : start + count]


def as_message(token_ids: Sequence[int], scores: Sequence[float]) -> Any:
    """vLLM's form for the log-probabilities of some tokens, without ranks; None where some are missing."""
    from ocr_engine.engine.vllm.internals import LogprobsLists

    if len(scores) != len(token_ids):
        return None
    column = (len(scores), 1)
    return LogprobsLists(
        np.array(token_ids, np.int64).reshape(column),
        np.array(scores, np.float32).reshape(column),
        np.zeros(len(scores), np.int64),
    )


def install_in_front_end() -> None:
    """Take in a message at once where vLLM goes token by token: the same in the end."""
    from ocr_engine.engine.vllm.internals import LogprobsProcessor

    theirs = LogprobsProcessor._update_sample_logprobs
    if getattr(theirs, "__wrapped__", None) is None:
        LogprobsProcessor._update_sample_logprobs = _at_once(theirs)


def _at_once(theirs: Callable[..., None]) -> Callable[..., None]:
    from ocr_engine.engine.vllm.internals import FlatLogprobs

    @wraps(theirs)
    def update(self: Any, logprobs_lists: Any) -> None:
        flat, (token_ids, scores, ranks, _) = self.logprobs, logprobs_lists
        if type(flat) is not FlatLogprobs or self.num_logprobs or self.tokenizer or scores.shape[1] != 1:
            theirs(self, logprobs_lists)
            return
        first, values = len(flat.logprobs), scores[:, 0].tolist()
        flat.start_indices += range(first, first + len(values))
        flat.end_indices += range(first + 1, first + len(values) + 1)
        flat.token_ids += token_ids[:, 0].tolist()
        flat.logprobs += values
        flat.ranks += ranks.tolist()
        flat.decoded_tokens += [None] * len(values)
        self.cumulative_logprob += sum(values)

    return update
