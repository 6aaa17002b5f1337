"""Throughput of a Ray cluster on this machine with the replay engine, beside what is to be expected.

    python -m bench.cluster --nodes 1,2,3,4     # nine minutes; on a quiet machine only

A node has one engine, whose answers take as long as a model's would (`engine.replay_delay_s`); the nodes
share this machine's cores. The rate is that from a quarter to three quarters of the pages. Beside it stand
what the engines could do if nothing else took time, and CPU seconds a page: of the driver, of the machine.
"""

import argparse
import contextlib
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from proofs import proof

PLACES, PER_TASK, CPUS = 8, 2, 4
"""Pages that an engine reads at one time; pages a task; cores that a node says it has."""
KEYS = (
    "engine.backend=replay",
    "cluster.backend=ray",
    "cluster.cpus_per_engine=0",
    f"cluster.pages_per_engine={PLACES}",
    f"cluster.pages_per_task={PER_TASK}",
    "output.figures=false",
    # The built-in answer is not the text of these pages, which would be read again for it.
    "quality.retries=[]",
)
STORE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Moment:
    """Pages in the journal at a time, and CPU seconds that driver and machine have worked by then."""

    pages: int
    seconds: float
    driver_s: float
    machine_s: float


def convert(inputs: Path, output: Path, keys: list[str]) -> list[Moment]:
    """A run, watched from outside: a moment for each time that pages were added to the journal."""
    process = subprocess.Popen(proof.command(inputs, output, *KEYS, *keys, mode="base"))
    driver, journal, moments = psutil.Process(process.pid), output / "journal.jsonl", [Moment(0, 0, 0, 0)]
    while process.poll() is None:
        time.sleep(0.05)
        pages = journal.read_bytes().count(b"\n") if journal.exists() else 0
        if pages != moments[-1].pages:
            with contextlib.suppress(psutil.NoSuchProcess):
                moments.append(Moment(pages, time.monotonic(), sum(driver.cpu_times()[:2]), busy_s()))
    assert process.wait() == 0
    return moments[1:]


def busy_s() -> float:
    """CPU seconds that this machine has worked."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def middle(moments: list[Moment]) -> Moment:
    """From a quarter to three quarters of the pages: how many, and what they took."""
    first, last = (next(m for m in moments if m.pages >= moments[-1].pages * part) for part in (0.25, 0.75))
    return Moment(
        last.pages - first.pages,
        last.seconds - first.seconds,
        last.driver_s - first.driver_s,
        last.machine_s - first.machine_s,
    )


def line(nodes: int, answer_s: float, steady: Moment, one: float) -> str:
    """A line of the table; `one` is the rate of a single node."""
    rate, bound = steady.pages / steady.seconds, nodes * PLACES / answer_s
    return (
        f"| {nodes} | {rate:.2f} | {bound:.2f} | {rate / bound:.0%} | {rate / one:.2f} |"
        f" {steady.driver_s / steady.pages:.3f} | {steady.machine_s / steady.pages:.3f} |"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nodes", default="1,2,3,4", help="numbers of nodes to try, the first for scale (1,2,3,4)"
    )
    parser.add_argument("--pages", type=int, default=160, help="pages to convert, for each node (160)")
    parser.add_argument("--answer-s", type=float, default=4, help="seconds an answer takes (4)")
    args = parser.parse_args()
    print(
        "| nodes | pages/s | engines' bound | reached | times one node | driver, CPU s a page |"
        " machine, CPU s a page |\n|---|---|---|---|---|---|---|"
    )
    one = 0.0
    with tempfile.TemporaryDirectory() as work:
        for nodes in map(int, args.nodes.split(",")):
            inputs = proof.text_documents(Path(work) / f"in{nodes}", args.pages * nodes, lines=40)
            keys = [f"cluster.engines={nodes}", f"engine.replay_delay_s={args.answer_s}"]
            with proof.ray_cluster(nodes, CPUS, STORE_BYTES) as cluster:
                keys.append(f"cluster.address={cluster.address}")
                steady = middle(convert(inputs, Path(work) / f"out{nodes}", keys))
            one = one or steady.pages / steady.seconds / nodes
            print(line(nodes, args.answer_s, steady, one), flush=True)


if __name__ == "__main__":
    main()
