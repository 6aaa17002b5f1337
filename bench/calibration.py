"""`python -m bench.calibration read|judge FOLDER --out WORK`: what the model's own confidence is worth.

`read` has nano read pages of the folder's PDFs whose text layer is the document's own (those that
`bench.auto_mode` takes), and keeps each answer with its token probabilities; a run that was stopped goes on.
`judge` compares the answers with the layers, word by word and block by block: how well each measure tells
wrong from right (the area under the ROC curve: 0.5 is chance, 1 is perfect), and what share of the words of
each probability is right, as a table and as a plot (--plot FILE).
"""

import argparse
import asyncio
import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.auto_mode import spread
from ocr_engine.config import EngineConfig, RenderConfig
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.evaluation.plots import Axes, Series, draw
from ocr_engine.families import MODES, PROMPTS
from ocr_engine.families.views import make_views
from ocr_engine.layer.agreement import block_agreement
from ocr_engine.layer.alignment import Alignment
from ocr_engine.layer.comparison import compared
from ocr_engine.pages.pdf_pymupdf import PyMuPdfDocument
from ocr_engine.records import BlockAgreement, GenerationRequest, TextLayer, TokenScores
from ocr_engine.text.confidence import ScoredWords, words_of
from ocr_engine.text.grounding import parse

Floats = npt.NDArray[np.float64]
LEAST_WORDS = 3
"""Blocks with fewer words are left out: a page number is right or wrong as its one word is."""
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0001)
MEASURES: dict[str, Callable[[ScoredWords], float]] = {
    "geometric mean of the tokens (1 / perplexity)": lambda one: float(
        np.exp(one.logs.sum() / one.tokens.sum())
    ),
    "mean of the words": lambda one: float(np.mean(np.exp(one.logs))),
    "least probable word": lambda one: float(np.exp(one.logs.min())),
    "words over 0.5, share": lambda one: float(np.mean(one.logs > np.log(0.5))),
    "words over 0.9, share": lambda one: float(np.mean(one.logs > np.log(0.9))),
    "tenth of the words, least probable": lambda one: float(np.exp(np.quantile(one.logs, 0.1))),
    "product of all words": lambda one: float(one.logs.sum()),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A block: its words with their numbers, which of them are right, and how it agrees with the layer."""

    page: str
    words: ScoredWords
    right: npt.NDArray[np.bool_]
    agreement: BlockAgreement


def main() -> None:
    """Read, or judge what was read."""
    parser = argparse.ArgumentParser("python -m bench.calibration", description=__doc__)
    parser.add_argument("what", choices=("read", "judge"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=36)
    parser.add_argument("--mode", default="gundam")
    parser.add_argument("--max-tokens", type=int, default=1500)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "read":
        asyncio.run(read(args))
    else:
        judge(args)


def _file(out: Path, path: Path, index: int) -> Path:
    return out / f"{path.stem}-{index + 1}.json"


async def read(args: argparse.Namespace) -> None:
    """The answers that are not there yet."""
    left = [(path, index) for path, index, _ in spread(args.folder, args.pages)]
    left = [page for page in left if not _file(args.out, *page).exists()]
    engine = VllmEngine(EngineConfig(model="nano", max_num_seqs=8))
    window = asyncio.Semaphore(8)

    async def one(path: Path, index: int) -> None:
        async with window:
            page = PyMuPdfDocument(path, "").render(index, RenderConfig())
            views = make_views(page.image, MODES[args.mode])
            name = f"{path.stem}/pages/{index + 1:04d}"
            asked = GenerationRequest(
                name, views, PROMPTS["markdown"], args.max_tokens, 20, 50, abort_loops=True, scores=True
            )
            answer = await engine.generate(asked)
            found = answer.scores
            values = {
                "pdf": path.name,
                "index": index,
                "text": answer.text,
                "finish_reason": answer.finish_reason,
                "ends": found.ends.tolist() if found else None,
                "logs": found.logs.tolist() if found else None,
            }
            _file(args.out, path, index).write_text(json.dumps(values))
            print(name, answer.output_tokens, answer.finish_reason, flush=True)

    try:
        await engine.start()
        await asyncio.gather(*(one(*page) for page in left))
    finally:
        await engine.stop()


def blocks(args: argparse.Namespace) -> Iterator[Judged]:
    """The blocks of all answers that the layer has words for."""
    for file in sorted(args.out.glob("*.json")):
        values = json.loads(file.read_text())
        if values["ends"] is not None:
            page = PyMuPdfDocument(args.folder / values["pdf"], "").render(
                values["index"], RenderConfig(dpi=72)
            )
            yield from _of_page(file.stem, values, page.text_layer())


def _of_page(name: str, values: dict[str, Any], layer: TextLayer) -> Iterator[Judged]:
    text, parsed = values["text"], parse(values["text"])
    words = words_of(text, TokenScores(array("I", values["ends"]), array("f", values["logs"])))
    found = compared(parsed.blocks, layer)
    for block, (start, end), alignment in zip(parsed.blocks, parsed.spans, found.alignments, strict=True):
        if alignment is None or not alignment.letters or text[start:end] != block.content:
            continue
        yield _judged(name, words.within(start, end), alignment, start)


def _judged(name: str, words: ScoredWords, alignment: Alignment, start: int) -> Judged:
    """Which words' letters are all equal to the layer's; words without letters are left out."""
    equal = np.zeros(len(alignment.prose.letters), np.bool_)
    for run in alignment.runs:
        if run.kind == "equal":
            equal[run.first : run.last] = True
    places = np.array(alignment.prose.places, np.int64) + start
    bounds = np.searchsorted(places, np.append(words.starts, np.iinfo(np.int64).max))
    ranges = list(pairwise(bounds.tolist()))
    kept = np.array([a < b for a, b in ranges], np.bool_)
    right = np.array([bool(equal[a:b].all()) for a, b in ranges if a < b], np.bool_)
    lettered = ScoredWords(words.starts[kept], words.logs[kept], words.tokens[kept])
    return Judged(name, lettered, right, block_agreement(alignment))


def auc(wrong: npt.NDArray[np.bool_], sure: Floats) -> float:
    """The chance that one that is wrong is less sure than one that is right, ties counted half."""
    from scipy.stats import rankdata

    ranks, bad = rankdata(sure), int(wrong.sum())
    good = len(wrong) - bad
    if not bad or not good:
        return float("nan")
    return float(1 - (ranks[wrong].sum() - bad * (bad + 1) / 2) / (bad * good))


def judge(args: argparse.Namespace) -> None:
    """Print the tables, and draw the plot."""
    found = list(blocks(args))
    logs = np.concatenate([one.words.logs for one in found])
    right = np.concatenate([one.right for one in found])
    pages = {one.page for one in found}
    print(f"{len(pages)} pages, {len(found)} blocks, {len(right)} words, {right.mean():.1%} right")
    print(f"a word is wrong: AUC {auc(~right, logs):.3f}")
    large = [one for one in found if len(one.right) >= LEAST_WORDS]
    kinds = {
        "has a wrong word": [not one.right.all() for one in large],
        "over a tenth wrong": [one.right.mean() < 0.9 for one in large],
        "over half wrong": [one.right.mean() < 0.5 for one in large],
        "agreement `many`": [one.agreement is BlockAgreement.MANY for one in large],
    }
    print(f"\nblocks of {LEAST_WORDS} words and more: {len(large)}; AUC where a block ...")
    print("| measure | " + " | ".join(f"{kind} ({np.mean(some):.0%})" for kind, some in kinds.items()) + " |")
    print("|---" * (len(kinds) + 1) + "|")
    for name, measure in MEASURES.items():
        sure = np.array([measure(one.words) for one in large])
        figures = [f"{auc(np.array(some), sure):.3f}" for some in kinds.values()]
        print(f"| {name} | " + " | ".join(figures) + " |")
    _thresholds(large)
    _by_page(found)
    _bands(logs, right)
    if args.plot:
        args.plot.write_bytes(_plot(found))


def _thresholds(large: Sequence[Judged]) -> None:
    """What a limit on a measure would find."""
    bad = np.array([one.right.mean() < 0.5 for one in large])
    for name in ("mean of the words", "words over 0.5, share"):
        sure = np.array([MEASURES[name](one.words) for one in large])
        for limit in (0.5, 0.7, 0.8, 0.9):
            below = sure < limit
            right = f"{(bad & below).sum()} of them over half wrong" if below.any() else "none"
            print(f"{name} < {limit}: {below.sum()} blocks, {right} (of {bad.sum()} in all)")


def _by_page(found: Sequence[Judged]) -> None:
    """Of whole pages: measures against the share of right words."""
    from scipy.stats import spearmanr

    of_page: dict[str, list[Judged]] = {}
    for one in found:
        of_page.setdefault(one.page, []).append(one)
    rights, whole = [], []
    for some in of_page.values():
        columns = ("starts", "logs", "tokens")
        whole.append(
            ScoredWords(*(np.concatenate([getattr(one.words, name) for one in some]) for name in columns))
        )
        rights.append(float(np.concatenate([one.right for one in some]).mean()))
    print(
        f"\npages: {len(rights)}, {min(rights):.0%} to {max(rights):.0%} of words right; correlation of ranks"
    )
    for name, measure in MEASURES.items():
        print(f"| {name} | {spearmanr([measure(one) for one in whole], rights).statistic:.2f} |")


def _bands(logs: Floats, right: npt.NDArray[np.bool_]) -> None:
    print("\n| probability of a word | words | right |\n|---|---|---|")
    for low, high in pairwise(BANDS):
        inside = (np.exp(logs) >= low) & (np.exp(logs) < high)
        if inside.any():
            print(f"| {low:g} to {min(high, 1):g} | {inside.sum():,} | {right[inside].mean():.1%} |")


def _curve(sure: Floats, right: Floats, bins: int = 10) -> Series:
    """The mean of both in groups of equal size."""
    order = np.array_split(np.argsort(sure, kind="stable"), bins)
    return Series("", [float(sure[one].mean()) for one in order], [float(right[one].mean()) for one in order])


def _plot(found: Sequence[Judged]) -> bytes:
    large = [one for one in found if len(one.right) >= LEAST_WORDS]
    words = partial(_named, "words")(
        _curve(
            np.exp(np.concatenate([one.words.logs for one in found])),
            np.concatenate([one.right for one in found]).astype(np.float64),
        )
    )
    sure = np.array([MEASURES["mean of the words"](one.words) for one in large])
    of_blocks = _named(
        "blocks, by the mean of their words", _curve(sure, np.array([one.right.mean() for one in large]))
    )
    ideal = Series("as sure as right", (0.0, 1.0), (0.0, 1.0))
    title = f"nano on {len({one.page for one in found})} pages of PDFs by others: sure and right"
    return draw(Axes(title, "probability", "share of words that are right"), [ideal, words, of_blocks])


def _named(name: str, series: Series) -> Series:
    return Series(name, series.x, series.y)


if __name__ == "__main__":
    main()
