"""A run on a Ray cluster of several nodes on this machine: a local run's files, whatever dies meanwhile."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.errors import ExitCode
from proofs.cluster import ENGINE, RENDERS, kill_one
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, rows, run_pdf, tree

ray = pytest.importorskip("ray", reason="needs ray[data]")
# Ray warns of its own settings, and leaves sockets of its test cluster to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")
WAIT_S = 240
# Every core that a node says it has is two more workers, each of which imports Ray Data for every run.
NODE = {"num_cpus": 1, "object_store_memory": 120 << 20}
# A node that is gone is known to be after 5 s, not 15; one that lives may still take 10 s to answer.
SOON = {"health_check_period_ms": 1000}
# A third of a gundam page's work; its views still fill the store, so that rendering goes on until late.
QUICKER = ("--mode", "base")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True, head_node_args=NODE | {"include_dashboard": False, "_system_config": SOON}
    )
    try:
        yield made
    finally:
        made.shutdown()


def on(cluster: Any, *more: str) -> list[str]:
    # With a core of its own, an engine would leave none to render on what a lost node leaves.
    keys = ("backend=ray", f"address={cluster.address}", "cpus_per_engine=0", "pages_per_task=2")
    return [*REPLAY, *(word for key in keys for word in ("--set", f"cluster.{key}")), *more]


def corpus(folder: Path, *pages: int) -> Path:
    for number, count in enumerate(pages):
        make_pdf(folder / f"part{number % 3}" / f"{number}.pdf", count)
    return folder


def start(inputs: Path, output: Path, cluster: Any, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "batch_pdf.py", str(inputs), "--output", str(output), *on(cluster, *more)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_rows(process: "subprocess.Popen[str]", journal: Path, count: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b"\n") >= count:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("nothing was written")


def killed(cluster: Any, title: str) -> str:
    """SIGKILL one process of this cluster that runs this step, as soon as there is one."""
    deadline = time.monotonic() + WAIT_S
    while not (found := kill_one(cluster, title)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_a_cluster_writes_what_a_local_run_writes(tmp_path: Path, cluster: Any) -> None:
    inputs = corpus(tmp_path / "in", 1, 7, 3, 2)
    (inputs / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    for name, output in (("--pages", "local"), ("--pages", "cluster")):
        words = REPLAY if output == "local" else on(cluster)
        code = batch_pdf(
            [str(inputs), str(ROOT / "samples"), name, "1-5", "--output", str(tmp_path / output), *words]
        )
        assert code == ExitCode.PAGES_FAILED
    assert tree(tmp_path / "cluster") == tree(tmp_path / "local")
    known = [
        {(r["document"], r["page"], r["status"], r["fingerprint"]) for r in rows(tmp_path / o)}
        for o in ("local", "cluster")
    ]
    assert known[0] == known[1] and len(known[0]) == 17
    lines = len(rows(tmp_path / "cluster"))
    # A local run goes on from a cluster's, and a cluster rewrites from stored text without its engines.
    assert (
        run_pdf(inputs, ROOT / "samples", "--pages", "1-5", "--output", tmp_path / "cluster")
        == ExitCode.PAGES_FAILED
    )
    assert len(rows(tmp_path / "cluster")) == lines
    again = [
        str(inputs),
        "--pages",
        "1-5",
        "--output",
        str(tmp_path / "cluster"),
        *on(cluster, "--set", "output.page_separator=== {page} =="),
    ]
    assert batch_pdf(again) == ExitCode.PAGES_FAILED
    assert "== 3 ==" in (tmp_path / "cluster/part1/1/1.md").read_text()


def test_folders_of_images_are_documents_on_a_cluster_too(tmp_path: Path, cluster: Any) -> None:
    for name, color in (("1.png", "white"), ("2.png", "grey"), ("10.png", "red")):
        (tmp_path / "in/box").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), color).save(tmp_path / "in/box" / name)
    (tmp_path / "in/box/3.png").write_text("no picture")
    gathered = ("--set", "input.image_folders=documents")
    for output, words in (("local", REPLAY), ("cluster", on(cluster))):
        words = [str(tmp_path / "in"), "--output", str(tmp_path / output), *words, *gathered]
        assert batch_images(words) == ExitCode.PAGES_FAILED
    assert tree(tmp_path / "cluster") == tree(tmp_path / "local")
    assert [row["page"] for row in rows(tmp_path / "cluster") if row["status"] == "failed"] == [3]


def test_kills_a_lost_node_and_an_interrupt_lose_no_page(tmp_path: Path, cluster: Any) -> None:
    lost = cluster.add_node(**NODE)
    inputs = corpus(tmp_path / "in", 56, 24, 1, 15)
    process = start(inputs, tmp_path / "out", cluster, *QUICKER)
    journal = tmp_path / "out/journal.jsonl"
    # Each step runs in processes of its own: the engines' actors render nothing. No row is waited for here:
    # where an engine starts slowly, all pages may be rendered by the time that the first is read.
    assert killed(cluster, RENDERS)
    wait_for_rows(process, journal, 8)
    assert killed(cluster, ENGINE)
    wait_for_rows(process, journal, 16)
    cluster.remove_node(lost, allow_graceful=False)
    wait_for_rows(process, journal, 40)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED and "Traceback" not in stderr, stderr
    done = len(rows(tmp_path / "out"))
    assert 40 <= done < 96 and not (tmp_path / "out/part0/0/0.md").exists()
    assert batch_pdf([str(inputs), "--output", str(tmp_path / "out"), *on(cluster, *QUICKER)]) == ExitCode.OK
    assert run_pdf(inputs, "--output", tmp_path / "local", *QUICKER) == ExitCode.OK
    assert tree(tmp_path / "out") == tree(tmp_path / "local")
    done_pages = [(row["document"], row["page"]) for row in rows(tmp_path / "out")]
    assert len(done_pages) == len(set(done_pages)) == 96


def test_an_engine_that_cannot_start_ends_the_run_with_its_cause(tmp_path: Path, cluster: Any) -> None:
    stored = tmp_path / "stored"
    stored.mkdir()
    words = on(cluster, "--set", f"engine.replay_from={stored}")
    assert (
        batch_pdf([str(ROOT / "samples"), "--output", str(tmp_path / "out"), *words]) == ExitCode.PAGES_FAILED
    )
    assert {
        json.loads(line)["status"] for line in (tmp_path / "out/journal.jsonl").read_text().splitlines()
    } == {"failed"}


def test_no_cluster_there_is_one_line(tmp_path: Path) -> None:
    words = ["--set", "cluster.backend=ray", "--set", "cluster.address=127.0.0.1:1"]
    command = [sys.executable, "batch_pdf.py", "samples", "--output", str(tmp_path / "out"), *REPLAY, *words]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == ExitCode.ENGINE
    assert "cluster.address" in run.stderr and "Traceback" not in run.stderr
