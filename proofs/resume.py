"""Kill one run over a corpus again and again, let it go on, and compare its files with an undisturbed run's.

    python -m proofs.resume                      # 100 SIGKILLs over generated PDFs, replay engine
    python -m proofs.resume papers/ --kills 20   # your own PDFs

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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pymupdf

from proofs import proof
from proofs.proof import ROOT

OPTIONS = (
    "--config", str(ROOT / "config.yaml"), "--quiet", "--mode", "tiny", "--set", "engine.backend=replay",
    "--set", "render.dpi=36", "--set", "output.overlays=true",
)  # fmt: skip
_START_SHARE = 0.2
"""Share of the kills that come at any time, also before the first page."""
_MAX_DELAY_S = 0.4
_MAX_START_S = 3.0


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
        result = proof.compare(work / "killed", work / "calm")
        seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"kills": kills, **asdict(result), "seconds": seconds}))
    return 0 if result.passed and kills else 1


if __name__ == "__main__":
    sys.exit(main())
