"""CPU time that a page's text layer takes more: reading it, comparing and mending with it, handing it over.

    python -m bench.layer_cost FOLDER [--pages N]

FOLDER as in `bench.exact_text`. CPU time of this process, so that a busy machine tells much the same; the
median over pages, the first left out. The main process unpacks the layer that came with a page, packs it for
the worker that compares, unpacks what comes back, and writes it into the record's line.
"""

import argparse
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.parts.documents import document_of
from ocr_engine.config import Config, RenderConfig
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.record_lines import to_values
from ocr_engine.pages.render import open_document, render_page
from ocr_engine.reading.witness import layer_use, with_agreement, with_repairs, witness
from ocr_engine.records import Block, PageImage, PageRecord, PageStatus
from ocr_engine.text.grounding import parse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of one page."""

    read_ms: float
    compare_ms: float
    main_ms: float


def drawn(folder: Path, most: int) -> Iterator[tuple[PageImage, tuple[Block, ...]]]:
    """The pages of all documents with the blocks of their answers."""
    config = RenderConfig()
    for pdf in sorted(folder.glob("*.pdf")):
        document = document_of(pdf)
        opened = open_document(document, config, "", 10_000)
        for answer in sorted((folder / pdf.stem / "pages").glob("*.raw.md"))[:most]:
            ref = opened.page(int(answer.name.split(".")[0]) - 1)
            yield render_page(ref, config, ""), parse(answer.read_text(encoding="utf-8")).blocks


def cost(page: PageImage, blocks: tuple[Block, ...], config: Config) -> Cost:
    """What one page takes."""
    layer, read_ms = _timed(page.text_layer)
    packed = pickle.dumps(layer, pickle.HIGHEST_PROTOCOL)
    task = partial(witness, blocks, layer, layer_use(config))
    found, compare_ms = _timed(task)
    answer = pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
    record = PageRecord(1, PageStatus.DONE, "", "", "gundam", "markdown", blocks)
    _, main_ms = _timed(lambda: (pickle.loads(packed), pickle.dumps(task, pickle.HIGHEST_PROTOCOL)))  # noqa: S301
    back, unpack_ms = _timed(lambda: pickle.loads(answer))  # noqa: S301
    told = with_agreement(with_repairs(record, back), back, config.quality.suspect_recall)
    _, with_ms = _timed(lambda: encode(to_values(told)))
    _, without_ms = _timed(lambda: encode(to_values(replace(told, agreement=None, text_repairs=()))))
    return Cost(read_ms, compare_ms, main_ms + unpack_ms + with_ms - without_ms)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time_ns()
    result = call()
    return result, (time.process_time_ns() - started) / 1e6


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=10_000, help="of each document, at most")
    arguments = parser.parse_args()
    config = Config()
    found = [cost(page, blocks, config) for page, blocks in drawn(arguments.folder, arguments.pages)][1:]
    for name in ("read_ms", "compare_ms", "main_ms"):
        values = np.array([getattr(one, name) for one in found])
        print(f"{name:11} median {np.median(values):.2f}, 95 % within {np.quantile(values, 0.95):.2f}")
    worker = np.array([one.read_ms + one.compare_ms for one in found])
    print(
        f"worker      median {np.median(worker):.2f} ms a page, mean {worker.mean():.2f}, {len(found)} pages"
    )


if __name__ == "__main__":
    main()
