"""Compares what two checkouts of this project write for the same inputs, file by file, on the replay engine.

    python -m parity.same_outputs OTHER_CHECKOUT pdfs/ images/ [--replay-from OLD_OUTPUT] [--max-pages 3]

Each checkout converts every input once for each set of settings below, in a process of its own. Files that
hold times (run.json, timings.csv, report.html) are compared by name alone; of the journal, what a row says
beside times. Exit code 1 where anything differs.
"""

import argparse
import filecmp
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "tree": ["output.tables_csv=true", "output.overlays=true", "output.html=true", "output.jsonl=true"],
    "joined": ["text.tables=markdown", "text.math_delimiters=dollar", "text.list_repair=true",
               "text.merge_tables=true", "text.join_paragraphs=true", "output.searchable_pdf=true"],
    "review": ["output.review=true", "text.headers_footers=drop", "figures.parse=true"],
    "official": ["preset=pdf"],
    "official-image": ["preset=image"],
    "official-eval": ["preset=eval"],
    "page-folders": ["output.layout=page-folders"],
}  # fmt: skip
TIMED = (
    "run.json", "timings.csv", "report.html", "exports.json", "outputs.zip", "failures.csv",
    "checksums.jsonl",
)  # fmt: skip
UNTIMED_KEYS = ("document", "page", "status", "reason", "outputs", "attempts")


def main() -> int:
    """Run both checkouts and print what differs."""
    options = _options()
    differing = 0
    for name, settings in SETTINGS.items():
        for entry, inputs in (("batch_pdf.py", options.inputs), ("batch_images.py", options.inputs)):
            with tempfile.TemporaryDirectory(prefix="same-outputs-") as folder:
                ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
                for checkout, out in ((ROOT, ours), (options.other.resolve(), theirs)):
                    _convert(checkout, entry, inputs, out, settings, options)
                files, differences = _compare(ours, theirs)
            differing += len(differences)
            print(f"{entry} {name}: {files:,} files, {len(differences):,} differ", flush=True)
            for line in differences[:50]:
                print(f"  {line}", flush=True)
    return 1 if differing else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("other", type=Path, help="the other checkout of this project")
    parser.add_argument("inputs", nargs="+", help="folders or files that both convert")
    parser.add_argument("--replay-from", default="", help="an output folder whose raw text is replayed")
    parser.add_argument("--max-pages", default="3", help="pages of each document")
    return parser.parse_args()


def _convert(
    checkout: Path, entry: str, inputs: list[str], out: Path, settings: list[str], options: argparse.Namespace
) -> None:
    always = ["engine.backend=replay", "mode=tiny", f"input.max_pages={options.max_pages}"]
    if options.replay_from:
        always.append(f"engine.replay_from={options.replay_from}")
    sets = [part for setting in (*always, *settings) for part in ("--set", setting)]
    command = [sys.executable, str(checkout / entry), *inputs, "--output", str(out), *sets]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 3, 5):
        sys.exit(f"{' '.join(command)}: exit code {run.returncode}\n{run.stderr[-2000:]}")


def _compare(ours: Path, theirs: Path) -> tuple[int, list[str]]:
    """How many files there are, and a line for each that differs."""
    mine, other = _files(ours), _files(theirs)
    differences = [f"only here: {name}" for name in sorted(mine - other)]
    differences += [f"only there: {name}" for name in sorted(other - mine)]
    for name in sorted(mine & other):
        if Path(name).name == "journal.jsonl":
            differences += [f"journal: {row}" for row in _rows(ours / name) ^ _rows(theirs / name)]
        elif Path(name).name not in TIMED and not filecmp.cmp(ours / name, theirs / name, shallow=False):
            differences.append(f"other bytes: {name}")
    return len(mine | other), differences


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _rows(path: Path) -> set[str]:
    return set(_untimed(path))


def _untimed(path: Path) -> Iterator[str]:
    for line in path.read_text(errors="surrogateescape").splitlines():
        row = json.loads(line)
        yield json.dumps({key: row.get(key) for key in UNTIMED_KEYS}, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
