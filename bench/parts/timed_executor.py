"""vLLM's executor of one process, each step timed: on the GPU by events, on the host by the clock."""

import json
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.executor.uniproc_executor import UniProcExecutor

_AHEAD = 64
"""Steps before a step's events are read: they are long over then, and reading waits for nothing."""


class TimedExecutor(UniProcExecutor):
    """Writes a line a step to the file that OCR_BENCH_STEPS names."""

    def _init_executor(self) -> None:
        super()._init_executor()
        self._out = Path(os.environ["OCR_BENCH_STEPS"]).open("a", encoding="utf-8")  # noqa: SIM115
        self._steps: deque[dict[str, Any]] = deque()
        self._last_end: Any = None

    def execute_model(  # type: ignore[override]
        self, scheduler_output: SchedulerOutput, non_block: bool = False
    ) -> Any:
        """vLLM's, timed."""
        tokens = scheduler_output.num_scheduled_tokens
        step = {
            "at_s": time.perf_counter(),
            "requests": len(tokens),
            "tokens": sum(tokens.values()),
            "pages": sum(map(len, scheduler_output.scheduled_encoder_inputs.values())),
            "begin": _event(),
        }
        output = super().execute_model(scheduler_output, non_block)
        step["host_execute_ms"] = 1000 * (time.perf_counter() - step["at_s"])
        self._steps.append(step)
        return output

    def sample_tokens(self, grammar_output: Any, non_block: bool = False) -> Any:  # type: ignore[override]
        """vLLM's, timed; the end of the step on the GPU."""
        started = time.perf_counter()
        output = super().sample_tokens(grammar_output, non_block)
        step = self._steps[-1]
        step["host_sample_ms"] = 1000 * (time.perf_counter() - started)
        step["end"] = _event()
        while len(self._steps) > _AHEAD:
            self._write(self._steps.popleft())
        return output

    def shutdown(self) -> None:
        """Write what is left."""
        while self._steps:
            self._write(self._steps.popleft())
        self._out.close()
        super().shutdown()

    def _write(self, step: dict[str, Any]) -> None:
        begin, end = step.pop("begin"), step.pop("end", None)
        if begin is not None and end is not None:
            end.synchronize()
            step["gpu_ms"] = begin.elapsed_time(end)
            if self._last_end is not None:
                step["gap_ms"] = self._last_end.elapsed_time(begin)
            self._last_end = end
        self._out.write(json.dumps(step) + "\n")
        self._out.flush()


def _event() -> Any:
    if not torch.cuda.is_available():
        return None
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
