"""Memory of a long run's processes: 10,000 documents, or one document of 10,000 pages, on the replay engine.

    python -m bench.memory_flat documents             # prints a markdown table, a line a tenth of the pages
    python -m bench.memory_flat pages --count 10000
    python -m bench.memory_flat pages --limit-s 600   # ends the run then, and says how far it came

Pages are as small as they may be, so that ten thousand of them end soon. Memory is resident memory in MB: of
the main process, of the largest render worker, of the process that writes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pymupdf

from proofs import proof

KEYS = ("engine.backend=replay", "render.dpi=36", "output.figures=false")
TENTHS = 10
_LOOK_S = 1.0
_FOLDER_DOCUMENTS = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """At a moment: pages that have their journal line, and MB of each kind of process."""

    seconds: float
    pages: int
    main_mb: float
    worker_mb: float
    writer_mb: float

    def __str__(self) -> str:
        sizes = f"{self.main_mb:.0f} | {self.worker_mb:.0f} | {self.writer_mb:.0f}"
        return f"| {self.pages:,} | {self.seconds:.0f} | {sizes} |"


def make(folder: Path, documents: int, pages: int) -> Path:
    """So many PDFs of so many pages each, no two with the same bytes."""
    for number in range(documents):
        path = folder / f"{number // _FOLDER_DOCUMENTS:03d}" / f"{number:05d}.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pymupdf.open() as document:
            for page in range(pages):
                document.new_page(width=100, height=140).insert_text(
                    (10, 40), f"{number}, {page}", fontsize=12
                )
            document.save(path)
    return folder


def samples(process: "subprocess.Popen[bytes]", journal: Path, limit_s: float) -> Iterator[Sample]:
    """One a second until the run ends, or is ended at the limit."""
    started_s, lines = time.monotonic(), Lines(journal)
    while process.poll() is None:
        seconds = time.monotonic() - started_s
        if seconds > limit_s:
            process.terminate()
            process.wait()
            return
        with suppress(psutil.NoSuchProcess):
            found = sample(psutil.Process(process.pid), seconds, lines.count())
            if found.main_mb:  # else it has just ended
                yield found
        time.sleep(_LOOK_S)


class Lines:
    """Lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._count = path, 0, 0

    def count(self) -> int:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
            self._at += len(data)
            self._count += data.count(b"\n")
        return self._count


def sample(main: psutil.Process, seconds: float, pages: int) -> Sample:
    sizes: dict[str, float] = {"worker": 0.0, "writer": 0.0}
    for child in main.children():
        with suppress(psutil.NoSuchProcess):
            role = "writer" if "page_saving" in " ".join(child.cmdline()) else "worker"
            sizes[role] = max(sizes[role], child.memory_info().rss / 1e6)
    return Sample(seconds, pages, main.memory_info().rss / 1e6, sizes["worker"], sizes["writer"])


def tenths(found: list[Sample], pages: int) -> Iterator[Sample]:
    """The first sample at or after each tenth of the pages, and the last of all."""
    for tenth in range(1, TENTHS + 1):
        if later := [one for one in found if one.pages >= pages * tenth / TENTHS]:
            yield later[0]
    yield found[-1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("documents", "pages"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=3600.0)
    args = parser.parse_args()
    shape = (args.count, 1) if args.what == "documents" else (1, args.count)
    with tempfile.TemporaryDirectory(prefix="memory-flat-") as name:
        corpus, output = make(Path(name) / "in", *shape), Path(name) / "out"
        words = proof.command(corpus, output, *KEYS)
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        found = list(samples(process, output / "journal.jsonl", args.limit_s))
    print(f"{args.what}: {found[-1].pages:,} of {args.count:,} pages, exit code {process.returncode},"
          f" load {os.getloadavg()[0]:.0f}")  # fmt: skip
    print("| pages | s | main process | largest render worker | writer |\n|---|---|---|---|---|")
    print(*tenths(found, args.count), sep="\n")
    return 0 if process.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
