"""CPU of the processes that write: their start, which a long run hardly feels, and what comes after."""

from contextlib import suppress
from typing import Any

import psutil

from ocr_engine.processes.worker import Worker


class WatchedWriter(Worker):
    """Stands for `writing_processes.Worker`. Adds up seconds of CPU of all of them."""

    start_s = 0.0
    spent_s = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wait_until_ready()
        self._begun_s = self._cpu_s()
        WatchedWriter.start_s += self._begun_s

    def close(self) -> None:
        WatchedWriter.spent_s += max(0.0, self._cpu_s() - self._begun_s)
        super().close()

    def _cpu_s(self) -> float:
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(self._process.pid).cpu_times()
            return float(times.user + times.system)
        return 0.0
