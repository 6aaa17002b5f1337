"""Throughput of a Ray cluster on this machine with the replay engine, beside what is to be expected.

    python scripts/bench_cluster.py --nodes 1,2,3 --pages 300     # four minutes; on a quiet machine only

Each run converts the same PDFs; a node says it has one core. Beside what was measured stand: what the
simulator says of nodes with cores of their own, given the run's own stage seconds (render and views from its
journal, CPU seconds of the driver); what the cores that the nodes share here allow, by the CPU seconds that
the whole machine spent a page; and the share of the smaller of both that was reached.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import fmean

import psutil
import pymupdf

from ocr_engine.capacity.costs import PageCosts
from ocr_engine.capacity.simulation import Load, Site, simulate

ROOT = Path(__file__).parent.parent
KEYS = ("engine.backend=replay", "cluster.backend=ray", "cluster.cpus_per_engine=0", "output.figures=false")
STORE_BYTES, CORES = 150 << 20, len(os.sched_getaffinity(0))


def corpus(folder: Path, pages: int) -> Path:
    """Ten documents of text pages."""
    folder.mkdir()
    for number in range(10):
        document = pymupdf.open()
        for page in range(pages // 10):
            text = "\n".join(f"line {line} of page {page} of document {number}" for line in range(40))
            document.new_page().insert_text((50, 60), text)
        document.save(folder / f"{number}.pdf")
    return folder


@dataclass(frozen=True, slots=True)
class Run:
    """From the first to the last page: seconds, CPU seconds of the driver, and of the whole machine."""

    seconds: float
    driver_s: float
    machine_s: float


def convert(inputs: Path, output: Path, address: str) -> Run:
    """A run, watched from outside."""
    sets = [word for key in (*KEYS, f"cluster.address={address}") for word in ("--set", key)]
    command = [sys.executable, "batch_pdf.py", str(inputs), "--output", str(output), "--quiet", *sets]
    process = subprocess.Popen(command, cwd=ROOT)
    driver = psutil.Process(process.pid)
    journal, pages, began, last = output / "journal.jsonl", 0, Run(0, 0, 0), Run(0, 0, 0)
    while process.poll() is None:
        time.sleep(0.05)
        now = journal.read_bytes().count(b"\n") if journal.exists() else 0
        if now == pages:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            last = Run(time.monotonic(), sum(driver.cpu_times()[:2]), busy_s())
        began, pages = began if pages else last, now
    assert process.wait() == 0
    return Run(*(end - start for start, end in zip(astuple(began), astuple(last), strict=True)))


def busy_s() -> float:
    """CPU seconds that this machine has worked."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def measured(output: Path) -> list[dict[str, float]]:
    """The stage seconds of every page."""
    return [json.loads(line)["seconds"] for line in (output / "journal.jsonl").read_text().splitlines()]


def line(nodes: int, pages: int, run: Run, cpu_s: float) -> str:
    """A line of the table."""
    page = PageCosts(cpu_s, 0.0, 0.0, 1e-6, run.driver_s / pages)
    simulated = simulate(Site(nodes, cores_per_gpu=1.0, hours_between_failures=1e9), Load(page), pages)
    alone, shared = simulated.pages / simulated.seconds, CORES * pages / run.machine_s
    rate = pages / run.seconds
    reached = rate / min(alone, shared)
    return (
        f"| {nodes} | {rate:.1f} | {alone:.1f} | {shared:.1f} | {reached:.0%} | {cpu_s:.3f} |"
        f" {page.driver_s:.3f} | {run.machine_s / pages:.3f} |"
    )


@contextlib.contextmanager
def ray_cluster(nodes: int) -> Iterator[str]:
    """The address of so many nodes of one core each."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield cluster.address
    finally:
        cluster.shutdown()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", default="1,2,3", help="numbers of nodes to try (1,2,3)")
    parser.add_argument("--pages", type=int, default=300, help="pages to convert (300)")
    args = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    print(
        f"| nodes | pages/s | simulated, own cores | at most on these {CORES} cores | reached |"
        " render and views, s | driver, s | machine, CPU s a page |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as work:
        inputs = corpus(Path(work) / "in", args.pages)
        for nodes in map(int, args.nodes.split(",")):
            output = Path(work) / f"out{nodes}"
            with ray_cluster(nodes) as address:
                run = convert(inputs, output, address)
            cpu_s = fmean(page["render"] + page["views"] for page in measured(output))
            print(line(nodes, args.pages, run, cpu_s), flush=True)


if __name__ == "__main__":
    main()
