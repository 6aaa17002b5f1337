"""Throughput of a Ray cluster on this machine with the replay engine, beside the simulator's word.

    python scripts/bench_cluster.py --nodes 1,2,3 --pages 240

Each run converts the same generated PDFs. The simulator is given what the run itself measured: the render and
views seconds of its journal and the CPU seconds of the driver. A node has one CPU. Run it on a quiet machine.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean

import psutil
import pymupdf

from ocr_engine.capacity.costs import PageCosts
from ocr_engine.capacity.simulation import Load, Site, simulate

ROOT = Path(__file__).parent.parent
KEYS = ("engine.backend=replay", "cluster.backend=ray", "cluster.cpus_per_engine=0", "output.figures=false")


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


def convert(inputs: Path, output: Path, address: str) -> tuple[float, float]:
    """Seconds from the first to the last page, and CPU seconds of the driver."""
    sets = [word for key in (*KEYS, f"cluster.address={address}") for word in ("--set", key)]
    command = [sys.executable, "batch_pdf.py", str(inputs), "--output", str(output), "--quiet", *sets]
    process = subprocess.Popen(command, cwd=ROOT)
    driver = psutil.Process(process.pid)
    journal, pages, began_s, ended_s, cpu_began_s, cpu_s = output / "journal.jsonl", 0, 0.0, 0.0, 0.0, 0.0
    while process.poll() is None:
        time.sleep(0.05)
        now = journal.read_bytes().count(b"\n") if journal.exists() else 0
        if now == pages:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            cpu_s = sum(driver.cpu_times()[:2])
        if not pages:
            began_s, cpu_began_s = time.monotonic(), cpu_s
        pages, ended_s = now, time.monotonic()
    assert process.wait() == 0
    return ended_s - began_s, cpu_s - cpu_began_s


def measured(output: Path) -> list[dict[str, float]]:
    """The stage seconds of every page."""
    return [json.loads(line)["seconds"] for line in (output / "journal.jsonl").read_text().splitlines()]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", default="1,2,3", help="numbers of nodes to try (1,2,3)")
    parser.add_argument("--pages", type=int, default=240, help="pages to convert (240)")
    args = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    print("| nodes | pages/s | simulated | render and views, s | driver, s |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        inputs = corpus(Path(work) / "in", args.pages)
        for nodes in map(int, args.nodes.split(",")):
            memory = 150 << 20
            head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": memory}
            cluster = Cluster(initialize_head=True, head_node_args=head)
            for _ in range(nodes - 1):
                cluster.add_node(num_cpus=1, object_store_memory=memory)
            output = Path(work) / f"out{nodes}"
            seconds, driver_s = convert(inputs, output, cluster.address)
            cluster.shutdown()
            cpu_s = fmean(page["render"] + page["views"] for page in measured(output))
            page = PageCosts(cpu_s, 0.0, 0.0, 1e-6, driver_s / args.pages)
            site = Site(nodes, cores_per_gpu=0.9, hours_between_failures=1e9)
            simulated = simulate(site, Load(page), args.pages)
            rate, predicted = args.pages / seconds, simulated.pages / simulated.seconds
            print(
                f"| {nodes} | {rate:.1f} | {predicted:.1f} | {cpu_s:.3f} | {page.driver_s:.3f} |", flush=True
            )


if __name__ == "__main__":
    main()
