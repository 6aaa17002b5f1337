"""A vLLM scheduler for pages: admits them in groups, and gives out tokens by the dozen.

Left alone, vLLM admits a page whenever one ends: at hundreds of pages in flight every step then carries one
page's encoder pass, which costs a third more a page than in a batch. And it sends every token on its own to
the main process, which at 26,000 tokens a second is most of what that process does. And it looks for room for
every token, though fifteen of sixteen have it already. `scripts/bench_log.md` has the numbers.
"""

from dataclasses import dataclass, field
from typing import Any

from vllm.v1.core.kv_cache_manager import KVCacheBlocks, KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.single_type_kv_cache_manager import FullAttentionManager
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

from ocr_engine.engine.sizes import GROUP_KEY

_PATIENCE_STEPS = 64
"""Steps that fewer pages than a group may wait for more: about a second of decoding."""


@dataclass(slots=True)
class _Held:
    """Tokens of a request that were not given out yet."""

    interval: int
    token_ids: list[int] = field(default_factory=list)


class GroupScheduler(AsyncScheduler):
    """Holds waiting pages back until a group of them fits, and tokens until a request has enough of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._group: int = self.vllm_config.additional_config.get(GROUP_KEY, 1)
        self._held_steps = 0
        self._pause_state: PauseState
        self._held: dict[str, _Held] = {}
        _skip_search_for_room(self.kv_cache_manager)

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """One step of vLLM's own scheduler, with or without new pages."""
        if self._pause_state != PauseState.UNPAUSED or not self._hold_back():
            return super().schedule(throttle_prefills)
        self._pause_state = PauseState.PAUSED_NEW
        try:
            return super().schedule(throttle_prefills)
        finally:
            self._pause_state = PauseState.UNPAUSED

    def _hold_back(self) -> bool:
        free = self.max_num_running_reqs - len(self.running)
        ready = min(free, len(self.waiting))
        if not ready or not self.running or ready >= self._group or self._held_steps >= _PATIENCE_STEPS:
            self._held_steps = 0
            return False
        self._held_steps += 1
        return True

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """The outputs of a step, less those of requests that have too few new tokens yet.

        A client that had requests in the step hears of it also where no output is left: its watchdog counts.
        """
        by_client = super().update_from_output(scheduler_output, model_runner_output)
        for client in by_client.values():
            client.outputs = [whole for output in client.outputs if (whole := self._collect(output))]
        return by_client

    def _collect(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """The output with all tokens held back of its request, or None where they go on being held back."""
        name = output.request_id
        held = self._held.get(name)
        if output.finish_reason is not None:
            if held is not None:
                output.new_token_ids = held.token_ids + output.new_token_ids
                del self._held[name]
            return output
        if held is None:
            held = self._held[name] = _Held(self._interval(name))
        held.token_ids += output.new_token_ids
        if len(held.token_ids) < held.interval:
            return None
        output.new_token_ids, held.token_ids = held.token_ids, []
        return output

    def _interval(self, name: str) -> int:
        """Tokens to give out at a time, as the request says; one at a time where it says nothing."""
        request: Request | None = self.requests.get(name)
        params = request.sampling_params if request is not None else None
        if params is None or params.logprobs is not None:
            return 1
        return params.stream_interval or 1

    def finish_requests(self, request_ids: Any, *args: Any, **kwargs: Any) -> Any:
        """Forget what was held back of requests that are aborted."""
        finished = super().finish_requests(request_ids, *args, **kwargs)
        for request in finished:
            self._held.pop(request.request_id, None)
        return finished

    def _try_schedule_encoder_inputs(
        self,
        request: Request,
        num_computed_tokens: int,
        num_new_tokens: int,
        encoder_compute_budget: int,
        shift_computed_tokens: int = 0,
    ) -> tuple[list[int], int, int, list[int], list[int]]:
        """Nothing for an answer that grows: its page lies in the prompt. vLLM looks at every token's page."""
        if num_computed_tokens >= request.num_prompt_tokens:
            return [], num_new_tokens, encoder_compute_budget, [], []
        return super()._try_schedule_encoder_inputs(
            request, num_computed_tokens, num_new_tokens, encoder_compute_budget, shift_computed_tokens
        )


def _skip_search_for_room(manager: KVCacheManager) -> None:
    """Let tokens that fit the last block of their request have it at once, where nothing else could be meant.

    That is: one kind of full attention, no prefix cache, which would have to be told of the token. vLLM's own
    way to the same answer takes a third of the time of scheduling a decode step.
    """
    kinds = manager.coordinator.single_type_managers
    if len(kinds) != 1 or type(kinds[0]) is not FullAttentionManager or kinds[0].enable_caching:
        return
    search = manager.allocate_slots
    blocks_of, block_size, nothing_new = (
        kinds[0].req_to_blocks,
        kinds[0].block_size,
        manager.empty_kv_cache_blocks,
    )

    def allocate_slots(
        request: Request, num_new_tokens: int, *args: Any, num_lookahead_tokens: int = 0, **kwargs: Any
    ) -> KVCacheBlocks | None:
        blocks = blocks_of.get(request.request_id)
        if blocks and not args and not kwargs:
            needed = request.num_computed_tokens + num_new_tokens + num_lookahead_tokens
            if num_new_tokens > 0 and needed <= len(blocks) * block_size:
                return nothing_new
        return search(request, num_new_tokens, *args, num_lookahead_tokens=num_lookahead_tokens, **kwargs)

    manager.allocate_slots = allocate_slots
