"""What `mode: auto` costs and saves: errors and pages a second of nano, beside one mode for all pages.

python -m bench.auto_mode FOLDER --out WORK [--pages 24] [--modes gundam auto]

Takes pages of the folder's PDFs whose text layer is the document's own, mostly Latin letters, spread evenly
over the files. The truth is that layer. CPU seconds are counted from a run's first finished page to its last,
over all its processes, so that the engine's start and what else the machine does are left out; pages a second
are what two cores make of them. A run that was stopped goes on when started again.
"""

import argparse
import contextlib
import json
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import fmean, median

import psutil
from rapidfuzz.distance import Levenshtein

from ocr_engine.config import RenderConfig
from ocr_engine.errors import InputError
from ocr_engine.pages.pdf_pymupdf import PyMuPdfDocument
from ocr_engine.records import LayerVerdict

ROOT = Path(__file__).parents[1]
CORES = 2
_POLL_S = 0.2
_LEAST_WORDS, _MOST_WORDS = 60, 1000
_LATIN = 0.95
_MOST_PAGES = 6
"""Pages of a file that are looked at."""


@dataclass(frozen=True, slots=True)
class Read:
    """How a page was read: its error against the layer, its mode, its visual tokens."""

    error: float
    mode: str
    visual_tok: int


def usable(path: Path) -> Iterator[tuple[Path, int, str]]:
    """The file's pages whose text is known: file, index, text."""
    try:
        document = PyMuPdfDocument(path, "")
        for index in range(min(document.page_count, _MOST_PAGES)):
            layer = document.render(index, RenderConfig(dpi=72)).text_layer()
            letters = [character for word in layer.words for character in word if character.isalpha()]
            latin = sum(character < "\u0250" for character in letters) >= _LATIN * max(len(letters), 1)
            known = (
                layer.verdict is LayerVerdict.BORN_DIGITAL and _LEAST_WORDS <= len(layer.words) <= _MOST_WORDS
            )
            if known and latin:
                yield path, index, layer.text
    except InputError:
        return


def spread(folder: Path, count: int) -> list[tuple[Path, int, str]]:
    """So many pages: the first of each file, then the second of each, and so on."""
    files = [list(usable(path)) for path in sorted(folder.glob("*.pdf"))]
    found = [page for turn in zip_longest(*files) for page in turn if page is not None]
    return found[:count]


def cut_out(pages: list[tuple[Path, int, str]], folder: Path) -> dict[str, str]:
    """Write each page as a PDF of its own; the texts by their names."""
    import pymupdf

    texts = {}
    folder.mkdir(parents=True, exist_ok=True)
    for path, index, text in pages:
        name = f"{path.stem}-{index + 1}"
        texts[name] = text
        if not (target := folder / f"{name}.pdf").exists():
            with pymupdf.open(path) as source, pymupdf.open() as cut:
                cut.insert_pdf(source, from_page=index, to_page=index)
                cut.save(target)
    return texts


def run(inputs: Path, out: Path, mode: str, options: list[str]) -> None:
    """Read the pages in a mode, or those that are left; what they took is noted as they are done."""
    command = [sys.executable, str(ROOT / "batch_pdf.py"), str(inputs), "--output", str(out), "--mode", mode]
    keys = ["output.report=false", "quality.retries=[]", "engine.replicas=1", *options]
    journal, notes = out / "journal.jsonl", out.with_suffix(".cpu")
    started = psutil.Popen([*command, "--model", "nano", *(f"--set={key}" for key in keys)])
    before = done = lines(journal)
    while started.poll() is None:
        time.sleep(_POLL_S)
        if (now := lines(journal)) > done:
            done = now
            with notes.open("a", encoding="utf-8") as file:
                file.write(f"{started.pid} {done - before} {cpu_of_tree(started):.2f}\n")


def lines(path: Path) -> int:
    """Lines of a file, 0 where there is none."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def cpu_of_tree(process: psutil.Process) -> float:
    """CPU seconds of a process and those that it started, as far as they live."""
    times = []
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times.append(one.cpu_times())
    return sum(one.user + one.system for one in times)


def cpu_s_a_page(notes: Path) -> float:
    """Of all runs, from each one's first finished pages to its last."""
    runs: dict[str, list[tuple[int, float]]] = {}
    for pid, pages, cpu_s in (row.split() for row in notes.read_text(encoding="utf-8").splitlines()):
        runs.setdefault(pid, []).append((int(pages), float(cpu_s)))
    pages_done = sum(noted[-1][0] - noted[0][0] for noted in runs.values())
    return sum(noted[-1][1] - noted[0][1] for noted in runs.values()) / max(pages_done, 1)


def plain(text: str) -> str:
    """Letters and digits alone: what counts, whatever the notation."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def results(out: Path, texts: dict[str, str]) -> dict[str, Read]:
    """How each page was read that is done."""
    found = {}
    rows = map(json.loads, (out / "journal.jsonl").read_text(encoding="utf-8").splitlines())
    for row in rows:
        name = Path(row["document"]).stem
        if row["page"] and name in texts:
            answer = plain((out / name / "pages/0001.md").read_text(encoding="utf-8"))
            error = Levenshtein.normalized_distance(answer, plain(texts[name]))
            found[name] = Read(error, row["mode"], row["vision_tokens"])
    return found


def line(mode: str, pages: dict[str, Read], cpu_s: float) -> str:
    """A mode's line of the table."""
    errors = [page.error for page in pages.values()]
    modes = ", ".join(
        f"{count} {name}" for name, count in Counter(p.mode for p in pages.values()).most_common()
    )
    tokens = fmean(page.visual_tok for page in pages.values())
    numbers = f"{median(errors):.1%} | {fmean(errors):.1%} | {cpu_s:.2f} | {CORES / cpu_s:.2f} | {tokens:.0f}"
    return f"| {mode} | {len(pages)} | {numbers} | {modes} |"


def main() -> None:
    """Run the modes and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.auto_mode", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--modes", nargs="+", default=["gundam", "auto"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for every run")
    parser.add_argument("--each", action="store_true", help="also each page's error in every mode")
    args = parser.parse_args()
    texts = cut_out(spread(args.folder, args.pages), args.out / "pages")
    found: dict[str, dict[str, Read]] = {}
    for mode in args.modes:
        run(args.out / "pages", args.out / mode, mode, args.set)
        found[mode] = results(args.out / mode, texts)
    lines = [
        "| mode | pages | median error | mean | CPU s a page | pages/s | visual tokens | modes |",
        "|---|---|---|---|---|---|---|---|",
        *(line(mode, pages, cpu_s_a_page(args.out / f"{mode}.cpu")) for mode, pages in found.items()),
    ]
    for name in texts if args.each else ():
        lines.append(
            f"{name}: "
            + ", ".join(f"{m} {p[name].error:.1%} ({p[name].mode})" for m, p in found.items() if name in p)
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
