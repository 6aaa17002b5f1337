"""A run step by step in simulated time: how far ramp and tail keep it from the steady rate.

    python -m bench.parts.ramp

Measured at Gundam, December 2026: encoder 8.7 ms a page in groups, 10.7 alone; decode steps of 2.0 ms and
22.8 us a page, and of no less than the host takes for one; the rest of the 35.7 ms that a page takes once
running (middle half of 3,072 pages, 28 pages/s) is put down to prefill and the steps with new pages.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from bench.parts.workload import lengths


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one GPU: a page encoded in a group, encoded alone, prefilled; a decode step."""

    encoder_ms: float = 8.7
    alone_ms: float = 10.7
    prefill_ms: float = 4.6
    step_ms: float = 2.0
    step_ms_a_page: float = 0.0228
    host_ms: float = 0.8
    """What a step takes at least. Before small steps were graphs (`engine.vllm.small_steps`) 4.5, or more."""


GUNDAM = Times()


def simulate(
    tokens: Sequence[int], group: int = 16, in_flight: int = 768, times: Times = GUNDAM
) -> list[float]:
    """When each answer ends, in seconds; pages enter in groups, and decoding waits while they are encoded."""
    now_ms, step, taken = 0.0, 0, 0
    ends_at: list[int] = []
    ends: list[float] = []
    while taken < len(tokens) or ends_at:
        ready = min(in_flight - len(ends_at), len(tokens) - taken)
        if ready and (ready >= group or not ends_at or ready == len(tokens) - taken):
            count = min(ready, group)
            alone_ms = (times.alone_ms - times.encoder_ms) / count**2
            now_ms += count * (times.encoder_ms + alone_ms + times.prefill_ms)
            for length in tokens[taken : taken + count]:
                heapq.heappush(ends_at, step + length)
            taken += count
        now_ms += max(times.host_ms, times.step_ms + times.step_ms_a_page * len(ends_at))
        step += 1
        while ends_at and ends_at[0] <= step:
            heapq.heappop(ends_at)
            ends.append(now_ms / 1000)
    return ends


def main() -> None:
    """Pages a second of runs of several sizes."""
    for pages in (2048, 3072, 4096, 8192):
        drawn = lengths(pages)
        orders = {"as they come": drawn, "longest first": sorted(drawn, reverse=True)}
        for (name, tokens), host_ms in product(orders.items(), (GUNDAM.host_ms, 4.5)):
            ends = simulate(tokens, times=replace(GUNDAM, host_ms=host_ms))
            print(f"{pages} pages, {name}, host {host_ms} ms a step: {pages / ends[-1]:.1f} pages/s")


if __name__ == "__main__":
    main()
