"""What the proofs share: documents, waits with an end, two runs' files side by side, a Ray cluster."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

ROOT = Path(__file__).parent.parent
RUN_FILES = (
    "journal.jsonl", "checksums.jsonl", "run.json", "timings.csv", "failures.csv", "report.html", ".lock",
)  # fmt: skip
WORDS = (
    "river",
    "stone",
    "winter",
    "market",
    "letter",
    "garden",
    "table",
    "paper",
    "window",
    "morning",
    "harbour",
)
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Compared:
    """A disturbed run beside a calm one. `differing` names at most 20 files."""

    documents: int
    pages: int
    files: int
    equal: bool
    differing: list[str]
    pages_lost: int
    pages_kept_twice: int
    rows_beyond_one_a_page: int
    statuses: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, nothing is there twice, and every file is the calm run's."""
        return self.equal and self.pages > 0 and not self.pages_lost and not self.pages_kept_twice


def text_documents(folder: Path, pages: int, documents: int = 4, lines: int = 6) -> Path:
    """`documents` PDFs in two folders, of different lengths, no two pages with the same text."""
    shares = [number + 1 for number in range(documents)]
    left = pages
    for number, share in enumerate(shares):
        count = left if number == documents - 1 else pages * share // sum(shares)
        left -= count
        path = folder / f"part{number % 2}" / f"{number}.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pymupdf.open() as document:
            for page in range(count):
                document.new_page().insert_text((60, 80), _text(number, page, lines), fontsize=16)
            document.save(path)
    return folder


def _text(number: int, page: int, lines: int) -> str:
    start = number * 31 + page * 7
    rows = [
        " ".join(WORDS[(start + line * 5 + word) % len(WORDS)] for word in range(6)) for line in range(lines)
    ]
    return "\n".join([f"Document {number} page {page + 1}", *rows])


def command(inputs: Path, output: Path | str, *keys: str, mode: str = "tiny") -> list[str]:
    """The run, with `keys` as `--set` takes them."""
    words = [sys.executable, str(ROOT / "batch_pdf.py"), str(inputs), "--output", str(output), "--quiet"]
    sets = [word for key in keys for word in ("--set", key)]
    return [*words, "--config", str(ROOT / "config.yaml"), "--mode", mode, *sets]


def rows(output: Path) -> list[dict[str, Any]]:
    """The journal so far."""
    path = output / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def wait_until(done: Callable[[], bool], process: "subprocess.Popen[bytes]", limit_s: float = 600.0) -> bool:
    """Whether it came true before the process ended. Raises TimeoutError."""
    deadline_s = time.monotonic() + limit_s
    while not done():
        if process.poll() is not None:
            return False
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {limit_s:g} s")
        time.sleep(_LOOK_S)
    return True


@contextmanager
def ray_cluster(nodes: int, cpus: int, store_bytes: int) -> Iterator[Any]:
    """Each node has daemons and workers of its own, as in Ray's own tests."""
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    # Pickled tasks name our modules; what the driver has on its path the workers need, too.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    head = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": store_bytes}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=cpus, object_store_memory=store_bytes)
        yield cluster
    finally:
        cluster.shutdown()


def tree(output: Path) -> dict[str, bytes]:
    """Every file that a run promises to be the same each time."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.relative_to(output).parts[0] not in RUN_FILES
    }


def compare(disturbed: Path, calm: Path, name: Callable[[str], str] = str) -> Compared:
    """Both runs have ended. `name` gives documents one name where the runs found them at two places."""
    ours, theirs = tree(disturbed), tree(calm)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    found, expected = rows(disturbed), {(name(row["document"]), row["page"]) for row in rows(calm)}
    latest = {(name(row["document"]), row["page"]): str(row["status"]) for row in found}
    kept = [(store, row["page"]) for store in disturbed.rglob("pages.jsonl") for row in _lines(store)]
    return Compared(
        documents=len({document for document, _ in expected}),
        pages=len(expected),
        files=len(theirs),
        equal=not differing,
        differing=differing[:20],
        pages_lost=len(expected - latest.keys()),
        pages_kept_twice=len(kept) - len(set(kept)),
        rows_beyond_one_a_page=len(found) - len(latest),
        statuses=dict(Counter(latest.values())),
    )


def _lines(path: Path) -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
