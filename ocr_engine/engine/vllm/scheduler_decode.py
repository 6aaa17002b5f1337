"""A decode step without vLLM's scheduling: where every page needs its next token and nothing else.

vLLM decides anew for each request of each step what may be done with it. At hundreds of pages in flight that
is a third of the time in which the GPU computes the step, and most steps of a conversion have nothing to
decide. Here these are made in a few passes over the requests; whatever else a step may hold is left to vLLM.
`bench/log.md` has the numbers.
"""

from collections.abc import Sequence
from typing import Any

from ocr_engine.engine.vllm.contract import DECODE_STEPS, SHORTCUTS, SHORTCUTS_KEY
from ocr_engine.engine.vllm.internals import (
    AsyncScheduler,
    CachedRequestData,
    FullAttentionManager,
    KVCacheManager,
    PauseState,
    Request,
    SchedulerOutput,
)

NewBlocks = tuple[list[int], ...] | None


class DecodeScheduler(AsyncScheduler):
    """vLLM's, with a short way to steps that only decode; the steps are the same either way."""

    _pause_state: PauseState
    running: list[Request]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = self.vllm_config.additional_config.get(SHORTCUTS_KEY, SHORTCUTS)
        self._has_short_way = (
            DECODE_STEPS in allowed
            and self._nothing_else_asks()
            and _is_full_attention(self.kv_cache_manager)
        )

    def _nothing_else_asks(self) -> bool:
        """Whether no other part of vLLM has a say in a step, or must be told what is in it."""
        return (
            self.connector is None
            and self.ec_connector is None
            and self.aux_output_connector is None
            and self.lora_config is None
            and self.vllm_config.speculative_config is None
            and not self.num_lookahead_tokens
            and self.num_sampled_tokens_per_step == 1
            and self.parallel_config.pipeline_parallel_size == 1
            and not self.need_mamba_block_aligned_split
            and not self.is_encoder_decoder
            and not self.is_mm_encoder_only
            # From vLLM 0.33 on a scheduler may hold prefills back by counting its own steps.
            and getattr(self, "local_prefill_interval", 1) == 1
        )

    def decode_step(self) -> SchedulerOutput | None:
        """The next step, with no page admitted; None where a request needs more than its next token."""
        if not self._has_short_way or self.kv_holding_waiting:
            return None
        decoding = self._all_decoding()
        if not decoding or not self._fits(decoding):
            return None
        names = [request.request_id for request in decoding]
        # vLLM's first model runner wants all tokens of a request that was not in the step before.
        if not self.use_v2_model_runner and not self.prev_step_scheduled_req_ids.issuperset(names):
            return None
        new_blocks = self._allocate(decoding)
        if new_blocks is None:
            return None
        step = self._empty_step()
        step.num_scheduled_tokens = dict.fromkeys(names, 1)
        step.total_num_scheduled_tokens = len(names)
        step.scheduled_cached_reqs = _cached(decoding, names, new_blocks)
        self._release_pixels(step)
        self._count_on(decoding, names)
        return step

    def _release_pixels(self, step: SchedulerOutput) -> None:
        """From vLLM 0.33 on: say whose pixels the worker may forget, as vLLM says in its own steps."""
        pending = getattr(self, "_pending_encoder_input_ids", None)
        if not pending:
            return
        waiting = {name: 1 for name in step.num_scheduled_tokens if pending.get(name)}
        if waiting:
            step.encoder_input_updates = self._get_encoder_input_updates(waiting, [], {})

    def _all_decoding(self) -> list[Request] | None:
        """The running requests, less those whose last token is on its way; None where one does not decode."""
        most_computed = self.max_model_len - 2
        found = []
        for request in self.running:
            computed, ahead = request.num_computed_tokens, request.num_output_placeholders
            # As vLLM has it: no token is computed that is known to come after the last one.
            if ahead > 0 and computed + 2 - ahead >= request.num_prompt_tokens + request.max_tokens:
                continue
            if (
                request.num_tokens_with_spec + ahead != computed + 1
                or computed > most_computed
                or request.is_prefill_chunk
                or request.structured_output_request is not None
            ):
                return None
            found.append(request)
        return found

    def _fits(self, decoding: Sequence[Request]) -> bool:
        most = min(self.max_num_scheduled_tokens, self.scheduler_config.max_num_batched_tokens)
        return len(decoding) <= most

    def _allocate(self, decoding: Sequence[Request]) -> list[NewBlocks] | None:
        """New KV blocks of each request, mostly none; None, and nothing taken, where there are too few."""
        manager = self.kv_cache_manager
        (kind,) = manager.coordinator.single_type_managers
        blocks_of, block_size = kind.req_to_blocks, kind.block_size
        full = [
            place
            for place, request in enumerate(decoding)
            if not request.num_computed_tokens % block_size
            and request.num_computed_tokens == len(blocks_of[request.request_id]) * block_size
        ]
        if len(full) > manager.block_pool.get_num_free_blocks():
            return None
        new_blocks: list[NewBlocks] = [None] * len(decoding)
        for place in full:
            found = manager.allocate_slots(decoding[place], 1)
            assert found is not None, "a free block was counted and is not there"
            new_blocks[place] = found.get_block_ids(allow_none=True)
        return new_blocks

    def _empty_step(self) -> SchedulerOutput:
        """Have vLLM make a step with no request in it: what ended since the last is in it all the same."""
        running, paused = self.running, self._pause_state
        self.running, self._pause_state = [], PauseState.PAUSED_ALL
        try:
            return AsyncScheduler.schedule(self)
        finally:
            self.running, self._pause_state = running, paused

    def _count_on(self, decoding: Sequence[Request], names: Sequence[str]) -> None:
        """Note that each has a token more on its way, as vLLM does after a step is made."""
        for request in decoding:
            request.num_computed_tokens += 1
            request.num_in_flight_tokens += 1
            request.num_output_placeholders += 1
        if not self.use_v2_model_runner:
            self.prev_step_scheduled_req_ids.update(names)


def _cached(decoding: Sequence[Request], names: list[str], new_blocks: list[NewBlocks]) -> CachedRequestData:
    """What the worker is told of requests it knows; all that is computed after the prompt is output."""
    return CachedRequestData(
        req_ids=names,
        resumed_req_ids=set(),
        new_token_ids=[],
        all_token_ids={},
        new_block_ids=new_blocks,
        num_computed_tokens=[request.num_computed_tokens for request in decoding],
        num_output_tokens=[
            request.num_computed_tokens + 1 - request.num_prompt_tokens for request in decoding
        ],
    )


def _is_full_attention(manager: KVCacheManager) -> bool:
    """Whether a token needs a block where the last one is full, and nothing else: no prefix cache to tell."""
    kinds = manager.coordinator.single_type_managers
    return len(kinds) == 1 and type(kinds[0]) is FullAttentionManager and not kinds[0].enable_caching
