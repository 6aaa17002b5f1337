"""A vLLM scheduler that admits pages in groups, so that the encoder and prefill run in full batches.

Left alone, vLLM admits a page whenever one ends: at hundreds of pages in flight every step then carries one
page's encoder pass, which costs a third more a page than in a batch. `scripts/bench_log.md` has the numbers.
"""

from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.core.sched.output import SchedulerOutput

from ocr_engine.engine.sizes import GROUP_KEY

_PATIENCE_STEPS = 64
"""Steps that fewer pages than a group may wait for more: about a second of decoding."""


class GroupScheduler(AsyncScheduler):
    """Holds waiting pages back until a group of them fits, or they have waited long enough."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._group: int = self.vllm_config.additional_config.get(GROUP_KEY, 1)
        self._held_steps = 0
        self._pause_state: PauseState

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
