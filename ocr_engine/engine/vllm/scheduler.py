"""The vLLM scheduler of a conversion: pages enter in groups; decode steps and their tokens go a short way.

Left alone, vLLM admits a page whenever one ends: at hundreds of pages in flight every step then carries one
page's encoder pass, which costs a third more a page than in a batch. `bench/log.md` has the numbers.
"""

from typing import Any

from ocr_engine.engine.sizes import GROUP_KEY
from ocr_engine.engine.vllm.internals import PauseState, SchedulerOutput
from ocr_engine.engine.vllm.scheduler_decode import DecodeScheduler
from ocr_engine.engine.vllm.scheduler_tokens import TokenScheduler
from ocr_engine.engine.vllm.shortcuts import GROUPS, SHORTCUTS, SHORTCUTS_KEY

_PATIENCE_STEPS = 64
"""Steps that fewer pages than a group may wait for more: about a second of decoding."""


class GroupScheduler(DecodeScheduler, TokenScheduler):
    """Holds waiting pages back until a group of them fits, and tokens until a request has enough of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = self.vllm_config.additional_config
        self._group: int = config.get(GROUP_KEY, 1) if GROUPS in config.get(SHORTCUTS_KEY, SHORTCUTS) else 1
        self._held_steps = 0

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """One step: the short way where it can, else of vLLM's own scheduler with or without new pages."""
        if self._pause_state != PauseState.UNPAUSED:
            return super().schedule(throttle_prefills)
        held_back = self._hold_back()
        if (held_back or not self._ready()) and (step := self.decode_step()) is not None:
            return step
        if not held_back:
            return super().schedule(throttle_prefills)
        self._pause_state = PauseState.PAUSED_NEW
        try:
            return super().schedule(throttle_prefills)
        finally:
            self._pause_state = PauseState.UNPAUSED

    def _ready(self) -> int:
        """Waiting pages for which there is a place."""
        return min(self.max_num_running_reqs - len(self.running), len(self.waiting))

    def _hold_back(self) -> bool:
        ready = self._ready()
        if not ready or not self.running or ready >= self._group or self._held_steps >= _PATIENCE_STEPS:
            self._held_steps = 0
            return False
        self._held_steps += 1
        return True
