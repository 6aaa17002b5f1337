"""What the planner says of an H200, beside what `bench/run.py` measured there.

    python -m bench.planned_measured bench-results/bench.json            # every run of "ours" in it
    python -m bench.planned_measured --run gundam:2048:24.1 base:3072:33.3:2     # MODE:PAGES:RATE[:GPUS]

"planned" is the planner's bound, which a long run gets; "with ramp and tail" is a simulated run of so many A4
pages with answers of the benchmark's lengths (`bench_parts/ramp.py`), whose start and end leave the GPU half
empty. Both take stage costs from `ocr_engine/capacity/costs.json`. Rendering is not simulated.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.parts import ramp
from bench.parts.ramp import Times
from bench.parts.workload import MEAN_TOKENS, lengths
from ocr_engine.capacity import costs as cost_table
from ocr_engine.capacity.costs import Costs, Work
from ocr_engine.families import resolve_mode
from ocr_engine.families.tiling import choose_grid, visual_tokens

A4_PX = (1191, 1684)
IN_FLIGHT = 768
"""Pages that an H200 decodes together (`engine/card.py`), and with which the table was measured."""
_NAME = re.compile(r"ours (\w[\w-]*)(?:, (\d+) GPUs)?$")


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole run of the benchmark: pages a second from the first path to the last file."""

    mode: str
    pages: int
    rate: float
    gpus: int = 1


def work(mode: str) -> Work:
    """An A4 page and the benchmark's answers."""
    known = resolve_mode(mode)
    columns, rows = choose_grid(*A4_PX, known)
    tiles = columns * rows if columns * rows > 1 else 0
    return Work.in_mode(known, tiles, visual_tokens(*A4_PX, known), MEAN_TOKENS)


def times(costs: Costs, mode: str) -> Times:
    """Stage costs for the simulated run. A step's fixed time is that of `bench_parts/ramp.py`."""
    page, measured = work(mode), Times()
    cost = cost_table.page_costs(costs, page, 1.0)
    return Times(
        encoder_ms=cost.encoder_s * 1e3,
        alone_ms=cost.encoder_s * 1e3 * measured.alone_ms / measured.encoder_ms,
        prefill_ms=cost.prefill_s * 1e3,
        step_ms_a_page=cost_table.decode_s_per_tok(costs, page) * 1e3 - measured.step_ms / IN_FLIGHT,
    )


def planned(costs: Costs, run: Measured) -> float:
    """The planner's pages a second for so many GPUs."""
    return run.gpus / cost_table.page_costs(costs, work(run.mode), 1.0).gpu_s


def simulated(costs: Costs, run: Measured) -> float:
    """Pages a second of a whole run, ramp and tail in it; each GPU has its share of the pages."""
    drawn = lengths(run.pages)
    stages = times(costs, run.mode)
    shares = (drawn[gpu :: run.gpus] for gpu in range(run.gpus))
    return run.pages / max(ramp.simulate(share, in_flight=IN_FLIGHT, times=stages)[-1] for share in shares)


def from_bench(results: dict[str, Any]) -> Iterator[Measured]:
    """The runs of a bench.json that the planner speaks of: plain settings, first model."""
    for name, result in results.items():
        found = _NAME.match(name)
        if found and result.get("runs"):
            rate = statistics.median(run["pages_per_s"] for run in result["runs"])
            yield Measured(found[1], result["runs"][0]["pages"], rate, int(found[2] or 1))


def given(text: str) -> Measured:
    """MODE:PAGES:RATE[:GPUS]."""
    mode, pages, rate, *gpus = text.split(":")
    return Measured(resolve_mode(mode).name, int(pages), float(rate), int(gpus[0]) if gpus else 1)


def lines(costs: Costs, runs: Iterator[Measured]) -> Iterator[str]:
    """A markdown table; how far off is over what was measured."""
    yield "| mode | GPUs | pages | measured, whole run | planned | off | with ramp and tail | off |"
    yield "|---|---|---|---|---|---|---|---|"
    for run in runs:
        bound, whole = planned(costs, run), simulated(costs, run)
        yield (
            f"| {run.mode} | {run.gpus} | {run.pages:,} | {run.rate:.1f} | {bound:.1f}"
            f" | {bound / run.rate - 1:+.0%} | {whole:.1f} | {whole / run.rate - 1:+.0%} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench", nargs="*", type=Path, help="files that bench/run.py wrote")
    parser.add_argument("--run", nargs="+", type=given, default=[], metavar="MODE:PAGES:RATE[:GPUS]")
    parser.add_argument("--costs", type=Path, help="another table of costs")
    args = parser.parse_args()
    runs = [run for path in args.bench for run in from_bench(json.loads(path.read_text()))] + args.run
    if not runs:
        parser.error("no run to compare: give a bench.json with runs of ours, or --run")
    print("\n".join(lines(cost_table.load(args.costs), iter(runs))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
