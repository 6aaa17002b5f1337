"""Kill one run over a corpus again and again, let it go on, and compare its files with an undisturbed run's.

    python scripts/prove_resume.py                      # 100 SIGKILLs over generated PDFs, replay engine
    python scripts/prove_resume.py papers/ --kills 20   # your own PDFs

Prints one line of JSON; exit code 0 when both output trees are equal and every page is in the journal.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pymupdf

ROOT = Path(__file__).parent.parent
RUN_FILES = ("journal.jsonl", "run.json", "timings.csv", "failures.csv", "report.html", ".lock")
OPTIONS = (
    "--config", str(ROOT / "config.yaml"), "--quiet", "--mode", "tiny", "--set", "engine.backend=replay",
    "--set", "render.dpi=36", "--set", "output.overlays=true",
)  # fmt: skip
_START_SHARE = 0.2
"""Share of the kills that come at any time, also before the first page."""
_MAX_DELAY_S = 0.4
_MAX_START_S = 3.0


@dataclass(frozen=True, slots=True)
class Result:
    """What was done, and whether it made a difference."""

    kills: int
    pages: int
    documents: int
    files: int
    equal: bool
    differing: list[str]
    pages_lost: int
    pages_kept_twice: int
    rows_beyond_one_a_page: int
    statuses: dict[str, int]
    seconds: float


def make_corpus(folder: Path, pages: int, chance: random.Random) -> Path:
    """PDFs of 1 to 200 pages, `pages` in all, in folders two deep."""
    number = 0
    while pages > 0:
        count = min(pages, chance.choice((1, 2, 5, 20, 80, 200)))
        path = folder / f"{number % 3}" / f"document {number}.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pymupdf.open() as document:
            for page in range(count):
                document.new_page(width=200, height=300).insert_text((20, 40), f"{number}: page {page + 1}")
            document.save(path)
        pages, number = pages - count, number + 1
    return folder


def command(inputs: Sequence[Path], output: Path) -> list[str]:
    return [sys.executable, str(ROOT / "batch_pdf.py"), *map(str, inputs), "--output", str(output), *OPTIONS]


def disturb(inputs: Sequence[Path], output: Path, kills: int, chance: random.Random) -> int:
    """Start the run until it was killed `kills` times or ended by itself; how often it was killed."""
    for done in range(kills):
        process = subprocess.Popen(command(inputs, output), stderr=subprocess.DEVNULL)
        if chance.random() < _START_SHARE:
            time.sleep(chance.uniform(0, _MAX_START_S))
        else:
            _wait_for_a_page(process, output / "journal.jsonl")
            time.sleep(chance.uniform(0, _MAX_DELAY_S))
        if process.poll() is not None:
            return done
        process.send_signal(signal.SIGKILL)
        process.wait()
    return kills


def _wait_for_a_page(process: "subprocess.Popen[bytes]", journal: Path) -> None:
    size = journal.stat().st_size if journal.exists() else 0
    while process.poll() is None and (not journal.exists() or journal.stat().st_size == size):
        time.sleep(0.005)


def tree(output: Path) -> dict[str, bytes]:
    """Every file that a run promises to be the same each time."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.relative_to(output).parts[0] not in RUN_FILES
    }


def rows(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (output / "journal.jsonl").read_text().splitlines()]


def compare(killed: Path, calm: Path, kills: int, seconds: float) -> Result:
    """The result of a killed run that has ended, beside a calm one."""
    ours, theirs = tree(killed), tree(calm)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    found, expected = rows(killed), {(row["document"], row["page"]) for row in rows(calm)}
    latest = {(row["document"], row["page"]): str(row["status"]) for row in found}
    kept = [
        (store, json.loads(line)["page"])
        for store in killed.rglob("pages.jsonl")
        for line in store.read_text().splitlines()
    ]
    return Result(
        kills=kills,
        pages=len(expected),
        documents=len({document for document, _ in expected}),
        files=len(theirs),
        equal=not differing,
        differing=differing[:20],
        pages_lost=len(expected - latest.keys()),
        pages_kept_twice=len(kept) - len(set(kept)),
        rows_beyond_one_a_page=len(found) - len(latest),
        statuses=dict(Counter(latest.values())),
        seconds=round(seconds, 1),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="*", type=Path, help="PDFs or folders; none: generated ones")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pages", type=int, default=2500, help="pages of the generated PDFs")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="prove-resume-") as name:
        work, started = Path(name), time.monotonic()
        inputs = args.inputs or [make_corpus(work / "in", args.pages, chance)]
        kills = disturb(inputs, work / "killed", args.kills, chance)
        for output in (work / "killed", work / "calm"):
            subprocess.run(command(inputs, output), check=False, stderr=subprocess.DEVNULL)
        result = compare(work / "killed", work / "calm", kills, time.monotonic() - started)
    print(json.dumps(asdict(result)))
    return 0 if result.equal and not result.pages_lost and not result.pages_kept_twice and kills else 1


if __name__ == "__main__":
    sys.exit(main())
