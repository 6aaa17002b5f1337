"""How busy the first visible GPU was and how much of its memory was in use, sampled while something runs."""

import os
import statistics
import threading
import time
from types import TracebackType
from typing import Self

_EVERY_S = 0.1


class GpuWatch:
    """A context manager; read `busy_share` and `peak_gb` afterwards. Zero where there is no NVML.

    `cpu_s` is what watching has cost this process so far.
    """

    def __init__(self) -> None:
        self._busy: list[float] = []
        self._used: list[int] = []
        self.cpu_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    @property
    def busy_share(self) -> float:
        """Share of samples' time with a kernel running."""
        return statistics.mean(self._busy) if self._busy else 0.0

    @property
    def peak_gb(self) -> float:
        """Most memory in use on the card."""
        return max(self._used, default=0) / 1e9

    @property
    def first_gb(self) -> float:
        """Memory in use on the card when the watch began."""
        return next(iter(self._used), 0) / 1e9

    def _sample(self) -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
            first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
            handle = pynvml.nvmlDeviceGetHandleByIndex(int(first))
        except Exception:  # noqa: BLE001 - the library is missing, or finds no driver: nothing to watch
            return
        while not self._end.wait(_EVERY_S):
            self._busy.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
            self._used.append(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
            self.cpu_s = time.thread_time()
