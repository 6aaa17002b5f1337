"""A run step by step in simulated time: how far ramp and tail keep it from the steady rate.

    python -m bench.parts.ramp

Measured at Gundam: encoder 9.3 ms a page in groups, 16.3 alone; prefill at its bound; decode steps such that
a page takes 34.7 ms once running (middle half of 2,048 pages), of which 3.3 ms a step are taken not to grow
with the batch.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from bench.parts.workload import lengths


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one GPU: a page encoded in a group, encoded alone, prefilled; a decode step."""

    encoder_ms: float = 9.3
    alone_ms: float = 16.3
    prefill_ms: float = 1.5
    step_ms: float = 3.3
    step_ms_a_page: float = 0.0228


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
        now_ms += times.step_ms + times.step_ms_a_page * len(ends_at)
        step += 1
        while ends_at and ends_at[0] <= step:
            heapq.heappop(ends_at)
            ends.append(now_ms / 1000)
    return ends


def main() -> None:
    """Pages a second of runs of several sizes."""
    for pages in (2048, 4096, 8192):
        drawn = lengths(pages)
        orders = {"as they come": drawn, "longest first": sorted(drawn, reverse=True)}
        for name, tokens in orders.items():
            for group in (8, 16, 32):
                ends = simulate(tokens, group)
                print(f"{pages} pages, {name}, groups of {group}: {pages / ends[-1]:.1f} pages/s")


if __name__ == "__main__":
    main()
