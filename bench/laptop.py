"""A laptop and born-digital PDFs: nano's structure with the text layer's characters.

    python -m bench.laptop FOLDER [FOLDER ...] --out WORK [--pages 18] [--read]

Takes pages as `bench.auto_mode` does (born-digital, Latin letters, spread over the files), so many of each
folder, and reads them with nano at gundam on the CPU. Then the stored answers are judged again: a page of
which nano read less than `quality.suspect_recall` gets its text layer instead. Words are compared in any
order, characters (letters and digits) in order; PyMuPDF's layer repairs, PDFium's is the truth. Memory is the
proportional set size of all processes together. CPU seconds are counted from the first page done to the last.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import psutil
from rapidfuzz.distance import Levenshtein

from bench.auto_mode import CORES, ROOT, cpu_of_tree, cut_out, lines, plain, spread
from bench.exact_text import Page, Score, layer_by, mended, read_words, written_words
from bench.parts.documents import document_of
from ocr_engine.text.grounding import parse
from research.nano.tools.real import normal

ONCE = ("quality.retries=[]", "output.report=false")
FALLBACK = ("quality.suspect_recall=0.9", "quality.retry_suspect=true", "quality.text_layer_fallback=true")
STEPS = ("off", "words")
WRITTEN = "words, and the layer for poor pages"


@dataclass(frozen=True, slots=True)
class Result:
    """A page: its words and character error at each step, whether its text is the layer's."""

    name: str
    written: Counter[str]
    read: dict[str, Counter[str]]
    errors: dict[str, float]
    from_layer: bool


@dataclass(slots=True)
class Cost:
    """What a run took."""

    start_s: float = 0.0
    pages_per_s: float = 0.0
    cpu_s_a_page: float = 0.0
    peak_gib: float = 0.0


def run(inputs: Path, out: Path) -> Cost:
    """Read all pages and watch the processes."""
    process = psutil.Popen([*command(inputs, out, "engine.replicas=1"), "--model", "nano"])
    began, peak, seen = time.monotonic(), 0, [(0, 0.0, 0.0)]
    while process.poll() is None:
        time.sleep(0.5)
        peak = max(peak, pss_of_tree(process))
        if (done := lines(out / "journal.jsonl")) > seen[-1][0]:
            seen.append((done, time.monotonic() - began, cpu_of_tree(process)))
    if len(seen) < 3:
        raise SystemExit("too few pages to measure")
    (first, start_s, cpu), (last, end_s, cpu_end) = seen[1], seen[-1]
    pages = last - first
    return Cost(start_s, pages / (end_s - start_s), (cpu_end - cpu) / pages, peak / 2**30)


def command(inputs: Path, out: Path, *keys: str) -> list[str]:
    """A run at gundam, without further attempts."""
    places = (sys.executable, str(ROOT / "batch_pdf.py"), str(inputs), "--output", str(out))
    return [*places, "--mode", "gundam", *(f"--set={key}" for key in (*ONCE, *keys))]


def judge_again(inputs: Path, read: Path, out: Path) -> None:
    """Write the pages from their stored answers, the layer in the place of those that were read badly."""
    keys = ("engine.backend=replay", f"engine.replay_from={read}", *FALLBACK)
    subprocess.run([*command(inputs, out, *keys), "--quiet"], check=True)


def pss_of_tree(process: psutil.Process) -> int:
    """Bytes of a process and those that it started, shared pages counted once."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total


def result(pdf: Path, folder: Path, judged: Path) -> Result:
    """How one page was read and written."""
    document = document_of(pdf)
    blocks = parse((folder / "pages/0001.raw.md").read_text(encoding="utf-8")).blocks
    page = Page(pdf.stem, blocks, layer_by(document, 1, "pymupdf"), layer_by(document, 1, "pdfium"))
    record = json.loads((judged / "pages.jsonl").read_text(encoding="utf-8"))
    at = {step: mended(page, step)[0] for step in STEPS}
    read = {step: read_words(made) for step, made in at.items()}
    texts = {step: "\n".join(block.content for block in made) for step, made in at.items()}
    from_layer = bool(record.get("from_text_layer"))
    texts[WRITTEN] = page.layer.text if from_layer else texts["words"]
    read[WRITTEN] = Counter(page.layer.words) if from_layer else read["words"]
    truth = plain(normal(page.truth.text))
    plain_texts = ((step, plain(normal(text))) for step, text in texts.items())
    errors = {step: Levenshtein.normalized_distance(text, truth) for step, text in plain_texts}
    return Result(pdf.stem, written_words(page), read, errors, from_layer)


def table(found: list[Result]) -> str:
    """A line a step."""
    made = ["| text | words of the page in the text | characters wrong, median | mean |", "|---|---|---|---|"]
    for step in (*STEPS, WRITTEN):
        score, errors = Score(), [page.errors[step] for page in found]
        for page in found:
            score.add(page.written, page.read[step])
        share = score.both / max(score.written, 1)
        made.append(f"| {step} | {share:.1%} | {median(errors):.1%} | {fmean(errors):.1%} |")
    return "\n".join(made)


def main() -> None:
    """Read what is not read yet, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.laptop", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=18, help="of each folder")
    parser.add_argument("--read", action="store_true", help="only count pages that are read already")
    args = parser.parse_args()
    pages, out, judged = args.out / "pages", args.out / "read", args.out / "judged"
    if not args.read:
        cut_out([page for folder in args.folders for page in spread(folder, args.pages)], pages)
        cost = run(pages, out)
        print(f"{cost} (pages/s of {CORES} cores alone: {CORES / cost.cpu_s_a_page:.2f})")
    judge_again(pages, out, judged)
    found = [result(pdf, out / pdf.stem, judged / pdf.stem) for pdf in sorted(pages.glob("*.pdf"))]
    for page in sorted(found, key=lambda page: page.errors["off"]):
        errors = ", ".join(f"{error:.1%}" for error in page.errors.values())
        print(f"{page.name}: {errors}{'; text of the layer' if page.from_layer else ''}")
    for name, some in (
        ("all", found),
        ("nano's reading, mended", [page for page in found if not page.from_layer]),
        ("text of the layer", [page for page in found if page.from_layer]),
    ):
        if some:
            print(f"\n{name}: {len(some)} pages\n{table(some)}")


if __name__ == "__main__":
    main()
