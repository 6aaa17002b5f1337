"""CPU time of the processes that a run has started."""

import psutil

_RENDERER = "processes.worker"


def engine_cpu_s() -> float:
    """CPU seconds so far of the engine's processes: all that this one has started but render workers."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if _RENDERER not in " ".join(process.cmdline()):
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.Error:
            continue
    return total
