"""What the benchmarks see of a card, from a stand-in for NVML."""

import sys
import time
from types import SimpleNamespace

import pytest

from bench.parts import gpu_watch
from bench.parts.gpu_watch import GpuWatch


class NVMLError(Exception):
    """As NVML's."""


def library():
    """A card at 1,700 MHz that takes 70 J between any two samples."""
    joules = iter(range(1000, 10**9, 70))
    return SimpleNamespace(
        NVMLError=NVMLError,
        NVML_CLOCK_SM=1,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: "card",
        nvmlDeviceGetUtilizationRates=lambda card: SimpleNamespace(gpu=90),
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(used=5_000_000_000),
        nvmlDeviceGetClockInfo=lambda card, kind: {1: 1700}[kind],
        nvmlDeviceGetTotalEnergyConsumption=lambda card: 1000 * next(joules),
    )


def watched(monkeypatch, nvml):
    monkeypatch.setattr(gpu_watch, "_EVERY_S", 0.01)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with GpuWatch() as watch:
        until = time.monotonic() + 10
        while len(watch._busy) < 5 and nvml is not None and time.monotonic() < until:
            time.sleep(0.01)
    return watch


def test_energy_and_clock_of_the_time_between(monkeypatch):
    watch = watched(monkeypatch, library())
    found = watch.figures(10)
    assert watch.energy_j == 70 * (len(watch._energy) - 1)
    assert found["gpu_j_a_page"] == watch.energy_j / 10
    seconds = watch._energy[-1][0] - watch._energy[0][0]
    assert found["gpu_w"] == pytest.approx(watch.energy_j / seconds)
    assert (found["gpu_busy"], found["gpu_gb"], found["gpu_mhz"]) == (0.9, 5.0, 1700)


def test_a_card_that_tells_no_energy_is_watched_all_the_same(monkeypatch):
    def refuses(card):
        raise NVMLError("not supported")

    nvml = library()
    nvml.nvmlDeviceGetTotalEnergyConsumption = refuses
    found = watched(monkeypatch, nvml).figures(10)
    assert (found["gpu_busy"], found["gpu_w"], found["gpu_j_a_page"]) == (0.9, 0.0, 0.0)


def test_without_a_library_there_is_nothing_to_see(monkeypatch):
    assert set(watched(monkeypatch, None).figures(10).values()) == {0.0}
