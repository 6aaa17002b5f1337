"""A decode step without vLLM's scheduling: where every page needs its next tokens and nothing else.

vLLM decides anew for each request of each step what may be done with it. At hundreds of pages in flight that
is a third of the time in which the GPU computes the step, and most steps of a conversion have nothing to
decide. Here these are made in a few passes over the requests; whatever else a step may hold is left to vLLM.
`bench/log.md` has the numbers.
"""

from collections.abc import Sequence
from typing import Any

from ocr_engine.engine.vllm.internals import (
    AsyncScheduler,
    CachedRequestData,
    FullAttentionManager,
    KVCacheManager,
    PauseState,
    Request,
    RSWAManager,
    SchedulerOutput,
)
from ocr_engine.engine.vllm.scheduler_drafts import DraftScheduler
from ocr_engine.engine.vllm.shortcuts import DECODE_STEPS, SHORTCUTS, SHORTCUTS_KEY

NewBlocks = tuple[list[int], ...] | None


class DecodeScheduler(DraftScheduler):
    """vLLM's, with a short way to steps that only decode; the steps are the same either way."""

    _pause_state: PauseState
    running: list[Request]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = self.vllm_config.additional_config.get(SHORTCUTS_KEY, SHORTCUTS)
        self._has_short_way = (
            DECODE_STEPS in allowed and self._nothing_else_asks() and _grows_by_blocks(self.kv_cache_manager)
        )

    def _nothing_else_asks(self) -> bool:
        """Whether no other part of vLLM has a say in a step, or must be told what is in it."""
        return (
            self.connector is None
            and self.ec_connector is None
            and self.aux_output_connector is None
            and self.lora_config is None
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
        """The next step, with no page admitted; None where a request needs more than to go on.

        A request goes on by one token, and by those that its drafts may add.
        """
        if not self._has_short_way or self.kv_holding_waiting:
            return None
        decoding = self._all_decoding()
        if not decoding:
            return None
        counts = [1 + len(request.spec_token_ids) for request in decoding]
        if not self._fits(sum(counts)):
            return None
        names = [request.request_id for request in decoding]
        # vLLM's first model runner wants all tokens of a request that was not in the step before.
        if not self.use_v2_model_runner and not self.prev_step_scheduled_req_ids.issuperset(names):
            return None
        new_blocks = self._allocate(decoding, counts)
        if new_blocks is None:
            return None
        step = self._empty_step()
        step.num_scheduled_tokens = dict(zip(names, counts, strict=True))
        step.total_num_scheduled_tokens = sum(counts)
        step.scheduled_cached_reqs = _cached(decoding, names, new_blocks)
        if self.num_spec_tokens:
            step.scheduled_spec_decode_tokens = {
                request.request_id: request.spec_token_ids for request in decoding if request.spec_token_ids
            }
        self._release_pixels(step)
        self._count_on(decoding, names, counts)
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
        most_computed = self.max_model_len - 1
        found = []
        for request in self.running:
            computed, ahead = request.num_computed_tokens, request.num_output_placeholders
            # As vLLM has it: no token is computed that is known to come after the last one.
            if ahead > 0 and computed + 2 - ahead >= request.num_prompt_tokens + request.max_tokens:
                continue
            count = 1 + len(request.spec_token_ids)
            if (
                request.num_tokens_with_spec + ahead != computed + count
                or computed + count > most_computed
                or request.is_prefill_chunk
                or request.structured_output_request is not None
            ):
                return None
            found.append(request)
        return found

    def _fits(self, tokens: int) -> bool:
        return tokens <= min(self.max_num_scheduled_tokens, self.scheduler_config.max_num_batched_tokens)

    def _allocate(self, decoding: Sequence[Request], counts: Sequence[int]) -> list[NewBlocks] | None:
        """New KV blocks of each request, mostly none; None, and nothing taken, where there are too few."""
        manager = self.kv_cache_manager
        (kind,) = manager.coordinator.single_type_managers
        blocks_of, block_size = kind.req_to_blocks, kind.block_size
        # A block is missing where the last tokens cross into one, or the first of them did and was put back.
        full = [
            (place, missing)
            for place, (request, count) in enumerate(zip(decoding, counts, strict=True))
            if (request.num_computed_tokens + count - 1) % block_size < count
            and (
                missing := -(-(request.num_computed_tokens + count) // block_size)
                - len(blocks_of[request.request_id])
            )
            > 0
        ]
        if sum(missing for _, missing in full) > manager.block_pool.get_num_free_blocks():
            return None
        new_blocks: list[NewBlocks] = [None] * len(decoding)
        for place, _ in full:
            found = manager.allocate_slots(decoding[place], counts[place])
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

    def _count_on(self, decoding: Sequence[Request], names: Sequence[str], counts: Sequence[int]) -> None:
        """Note that each has these tokens more on their way, as vLLM does after a step is made."""
        for request, count in zip(decoding, counts, strict=True):
            request.num_computed_tokens += count
            request.num_in_flight_tokens += count
            request.num_output_placeholders += count
        if self.num_spec_tokens:
            for request in decoding:
                request.spec_token_ids = self.slots(request.request_id)
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


def _grows_by_blocks(manager: KVCacheManager) -> bool:
    """Whether a token needs a block where the last one is full, and nothing else: no prefix cache to tell.

    A window over the answer (R-SWA) leaves a block behind for each that it needs: vLLM frees those where a
    new one is asked for, which here is once a block instead of at every token.
    """
    kinds = manager.coordinator.single_type_managers
    known = (FullAttentionManager, RSWAManager)
    return len(kinds) == 1 and type(kinds[0]) in known and not kinds[0].enable_caching
