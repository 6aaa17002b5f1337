"""How busy the first visible GPU was, its memory, energy and clock, sampled while something runs."""

import os
import statistics
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_EVERY_S = 0.1


class GpuWatch:
    """A context manager; read its figures afterwards. Zero where there is no NVML.

    A card at its power limit runs at a lower clock: `watts` and `clock_mhz` say so.

    `cpu_s` is what watching has cost this process so far.
    """

    def __init__(self) -> None:
        self._busy: list[float] = []
        self._used: list[int] = []
        self._clocks_mhz: list[int] = []
        self._energy: list[tuple[float, float]] = []
        """Seconds and joules, since whenever."""
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

    @property
    def energy_j(self) -> float:
        """Joules that the card took between the first sample and the last."""
        return self._energy[-1][1] - self._energy[0][1] if self._energy else 0.0

    @property
    def watts(self) -> float:
        """The same a second."""
        seconds = self._energy[-1][0] - self._energy[0][0] if self._energy else 0.0
        return self.energy_j / seconds if seconds else 0.0

    @property
    def clock_mhz(self) -> float:
        """Mean clock of the multiprocessors."""
        return statistics.mean(self._clocks_mhz) if self._clocks_mhz else 0.0

    def figures(self, pages: int) -> dict[str, float]:
        """All of it, as the benchmarks keep it."""
        return {
            "gpu_busy": self.busy_share,
            "gpu_gb": self.peak_gb,
            "gpu_w": self.watts,
            "gpu_mhz": self.clock_mhz,
            "gpu_j_a_page": self.energy_j / pages,
        }

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
            # Not every card says.
            with suppress(pynvml.NVMLError):
                self._clocks_mhz.append(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM))
                joules = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
                self._energy.append((time.perf_counter(), joules))
            self.cpu_s = time.thread_time()
