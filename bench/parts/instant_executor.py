"""A vLLM executor without a model: every scheduled request gets a token at once; only the host works."""

import cProfile
import os
import random
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.executor.abstract import Executor
from vllm.v1.kv_cache_interface import FullAttentionSpec
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.worker.worker_base import CompilationTimes

PROFILE_VARIABLE = "OCR_BENCH_CORE_PROFILE"
"""A file for the engine process's profile; the profile slows it down."""
LAYERS, HEADS, HEAD_SIZE, BLOCK = 12, 10, 128, 16
"""The decoder's, so that a token takes the KV cache of the full-size model: 61,440 bytes."""
KV_BYTES = 100 << 30
_TOKENS = 65_537


class InstantExecutor(Executor):
    """Answers with random tokens, never the end of sequence; runs ahead of the scheduler as a GPU does."""

    def _init_executor(self) -> None:
        # Off on a CPU by default; a GPU's engine schedules a step while the last one runs.
        self.vllm_config.scheduler_config.async_scheduling = True
        chance = random.Random(0)
        self._ids = [[chance.randrange(100, 8000)] for _ in range(_TOKENS)]
        self._at = 0
        self._step: SchedulerOutput | None = None
        self._prefilled: dict[str, int] = {}
        self._profile = cProfile.Profile() if os.environ.get(PROFILE_VARIABLE) else None

    def collective_rpc(  # type: ignore[override]
        self,
        method: str | Callable[..., Any],
        timeout: float | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        non_block: bool = False,
    ) -> list[Any]:
        """What vLLM asks of its worker at the start, and nothing for the rest."""
        spec = FullAttentionSpec(
            block_size=BLOCK, num_kv_heads=HEADS, head_size=HEAD_SIZE, dtype=torch.bfloat16
        )
        replies: dict[Any, Any] = {
            "get_kv_cache_spec": {f"layer.{number}": spec for number in range(LAYERS)},
            "get_supported_kv_cache_layouts": ["NHD"],
            "determine_available_memory": KV_BYTES,
            "compile_or_warm_up_model": CompilationTimes(0.0, 0.0),
            "get_supported_tasks": ("generate",),
        }
        return [replies.get(method)]

    def execute_model(  # type: ignore[override]
        self, scheduler_output: SchedulerOutput, non_block: bool = False
    ) -> Any:
        """Nothing yet: tokens come when they are sampled."""
        if self._profile is not None:
            self._profile.enable()
        self._step = scheduler_output
        nothing = scheduler_output.total_num_scheduled_tokens == 0
        return _done(EMPTY_MODEL_RUNNER_OUTPUT if nothing else None, non_block)

    def sample_tokens(self, grammar_output: Any, non_block: bool = False) -> Any:  # type: ignore[override]
        """A token for every request whose prompt is through."""
        step, self._step = self._step, None
        assert step is not None
        for new in step.scheduled_new_reqs:
            self._prefilled[new.req_id] = len(new.prompt_token_ids or ())
        for gone in step.finished_req_ids:
            self._prefilled.pop(gone, None)
        names = list(step.num_scheduled_tokens)
        tokens = self._next(len(names))
        self._hold_back(step, names, tokens)
        places = {name: place for place, name in enumerate(names)}
        return _done(ModelRunnerOutput(names, places, tokens), non_block)

    def _next(self, count: int) -> list[list[int]]:
        self._at = (self._at + 7919) % (_TOKENS - count)
        return self._ids[self._at : self._at + count]

    def _hold_back(self, step: SchedulerOutput, names: list[str], tokens: list[list[int]]) -> None:
        """No token for a part of a prompt that is not its end."""
        for place, name in enumerate(names):
            if self._prefilled[name] > 0:
                self._prefilled[name] -= step.num_scheduled_tokens[name]
                if self._prefilled[name] > 0:
                    tokens[place] = []

    def check_health(self) -> None:
        """It has none."""

    def shutdown(self) -> None:
        """Write the profile."""
        if self._profile is not None:
            self._profile.disable()
            self._profile.dump_stats(Path(os.environ[PROFILE_VARIABLE]))

    @classmethod
    def supports_async_scheduling(cls) -> bool:
        """As the usual executors."""
        return True


def _done(value: Any, non_block: bool) -> Any:
    if not non_block:
        return value
    future: Future[Any] = Future()
    future.set_result(value)
    return future
