"""A Ray cluster of several nodes on this machine, of which much dies mid-run: a local run's files?

    python -m proofs.cluster                              # replay engine, 3 nodes, all die once
    python -m proofs.cluster --model nano --mode small --pages 72      # nano instead (3 GB an engine)

Killed with SIGKILL, one after the other: a process that renders, one that holds an engine, a whole node; then
a new node joins. Prints one line of JSON; exit code 0 when all of it happened, no page is lost and every file
is the local run's.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from proofs import proof

LOCAL = ("render.workers=1", "quality.retries=[]")
ENGINES = {
    "replay": ("engine.backend=replay",),
    "nano": ("engine.model=nano", "engine.max_tokens=100", "engine.enforce_eager=true"),
}
# Few pages at one time: else an engine has them all when the first one dies.
FEW = {"replay": (), "nano": ("cluster.pages_per_engine=4",)}
ON_RAY = ("cluster.backend=ray", "cluster.cpus_per_engine=0.5", "cluster.pages_per_task=2")
RENDERS, ENGINE = "ray::Map(prepare)", "ray::MapWorker(Map(ReadPages))"
_STORE_BYTES = 150 << 20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to the cluster: what, to which process, at how many pages in the journal."""

    what: str
    target: str
    rows: int


def workers(node: Any) -> list[psutil.Process]:
    """The worker processes of one node."""
    found: list[psutil.Process] = []
    for raylet in node.all_processes.get("raylet", ()):
        with suppress(psutil.NoSuchProcess):
            found += psutil.Process(raylet.process.pid).children(recursive=True)
    return found


def kill_one(cluster: Any, title: str) -> str:
    """SIGKILL one worker of this cluster whose title begins so; its title, or nothing."""
    for node in cluster.list_all_nodes():
        for process in workers(node):
            with suppress(psutil.NoSuchProcess):
                words = " ".join(process.cmdline()).strip()
                if words.startswith(title):
                    process.send_signal(signal.SIGKILL)
                    return words
    return ""


def kill_node(cluster: Any) -> str:
    """The node that joined last, all its processes at once."""
    lost = list(cluster.worker_nodes)[-1]
    names = ", ".join(sorted({process.name() for process in workers(lost)}))
    cluster.remove_node(lost, allow_graceful=False)
    return f"{lost.node_id[:8]}: {names}"


def add_node(cluster: Any, cpus: int) -> str:
    """One more node."""
    return str(cluster.add_node(num_cpus=cpus, object_store_memory=_STORE_BYTES, wait=False).node_id[:8])


def disturb(
    cluster: Any, process: "subprocess.Popen[bytes]", output: Path, pages: int, cpus: int
) -> list[Event]:
    """What is done to the run, at each sixth of its pages."""
    steps = (
        ("render worker killed", lambda: kill_one(cluster, RENDERS)),
        ("engine killed", lambda: kill_one(cluster, ENGINE)),
        ("node killed", lambda: kill_node(cluster)),
        ("node joined", lambda: add_node(cluster, cpus)),
    )
    events: list[Event] = []
    for number, (what, act) in enumerate(steps, 1):
        target = ""

        def done(number: int = number, act: Any = act) -> bool:
            nonlocal target
            if len(proof.rows(output)) >= pages * number // 6:
                target = act()
            return bool(target)

        proof.wait_until(done, process)
        events.append(Event(what, target, len(proof.rows(output))))
    return events


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--cpus", type=int, default=1, help="CPUs that each node says it has (1)")
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--pages", type=int, default=240)
    parser.add_argument("--model", choices=sorted(ENGINES), default="replay")
    parser.add_argument("--mode", default="tiny")
    args = parser.parse_args()
    keys = (*LOCAL, *ENGINES[args.model])
    with tempfile.TemporaryDirectory(prefix="prove-cluster-") as name:
        work = Path(name)
        inputs = proof.text_documents(work / "in", args.pages)
        local = subprocess.run(proof.command(inputs, work / "local", *keys, mode=args.mode), check=False)
        with proof.ray_cluster(args.nodes, args.cpus, _STORE_BYTES) as cluster:
            on_ray = (
                *keys,
                *ON_RAY,
                *FEW[args.model],
                f"cluster.address={cluster.address}",
                f"cluster.engines={args.engines}",
            )
            started_s = time.monotonic()
            process = subprocess.Popen(proof.command(inputs, work / "cluster", *on_ray, mode=args.mode))
            try:
                events = disturb(cluster, process, work / "cluster", args.pages, args.cpus)
                code = process.wait()
            finally:
                process.kill()
                process.wait()
        result = proof.compare(work / "cluster", work / "local")
        seconds = round(time.monotonic() - started_s, 1)
    happened = [asdict(event) for event in events]
    codes = {"exit_code": code, "local_exit_code": local.returncode}
    print(json.dumps({**codes, "events": happened, "seconds": seconds, **asdict(result)}))
    return 0 if result.passed and code == local.returncode and all(event.target for event in events) else 1


if __name__ == "__main__":
    sys.exit(main())
