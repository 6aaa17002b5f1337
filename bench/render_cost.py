"""CPU time of each thing that a render worker does for a page, in this process: medians.

    python -m bench.render_cost                   # made pages, as in bench.main_process, and their answers
    python -m bench.render_cost FILE.pdf... --pages 40 --mode gundam

Time of the thread, so that a busy machine tells much the same. A page is drawn, its ink measured, its
text layer read, its views cut and put into shared memory, a draft made with nano's tokenizer. Of made pages
the answer is known: what is done with it, but for what is drawn from the page then, is `finished`.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pymupdf

from bench.main_process import NANO, PAGES_A_DOCUMENT, ROOT, answer, make_corpus
from bench.parts.documents import document_of
from ocr_engine import config as config_module
from ocr_engine.config import Config, for_family
from ocr_engine.engine.prompts import TOKENIZER
from ocr_engine.families import OCR
from ocr_engine.pages import pdf_pymupdf, second_look
from ocr_engine.pages.render import open_document, render_page
from ocr_engine.reading import draft, prepare
from ocr_engine.reading.attempts import first_task
from ocr_engine.reading.finish import finished, frozen
from ocr_engine.records import FinishReason, Generation, PageRef

STAGES: tuple[tuple[str, Any, str], ...] = (
    ("page read", pymupdf.Document, "__getitem__"),
    ("drawing recorded", pymupdf.Page, "get_displaylist"),
    ("drawn", pymupdf.DisplayList, "get_pixmap"),
    ("made an image", pdf_pymupdf, "_picture"),
    ("ink", second_look, "measure_ink"),
    ("text layer", pdf_pymupdf, "_text_layer"),
    ("views", prepare, "make_views"),
    ("into shared memory", prepare, "held"),
    ("draft foretold", draft, "predicted_answer"),
    ("draft's tokens", draft, "ids_of"),
)
ALL, FINISHED = "until it is sent", "finished"
Spent = dict[str, list[float]]


def timed(spent: Spent, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, its milliseconds noted."""

    def measured(*args: Any, **keys: Any) -> Any:
        started = time.thread_time_ns()
        result = call(*args, **keys)
        spent[name].append((time.thread_time_ns() - started) / 1e6)
        return result

    return measured


def pages_of(pdf: Path, most: int, config: Config) -> Iterator[PageRef]:
    opened = open_document(document_of(pdf), config.render, "", most)
    return (opened.page(index) for index in range(opened.page_count))


def measured(pdfs: Sequence[Path], most: int, config: Config, *, known: bool) -> Spent:
    """The milliseconds of each stage, a number a page; `known` are the answers of made pages."""
    spent: Spent = defaultdict(list)
    task, kept = first_task(config, OCR, str(NANO / TOKENIZER)), frozen(config)
    refs = [(ref, number) for number, pdf in enumerate(pdfs) for ref in pages_of(pdf, most, config)]
    with ExitStack() as stack:
        for name, owner, call in STAGES:
            stack.enter_context(mock.patch.object(owner, call, timed(spent, name, getattr(owner, call))))
        whole = timed(spent, ALL, lambda ref: task(render_page(ref, config.render, "")))
        for ref, number in (refs[0], *refs):
            page = whole(ref)
            if known:
                text = answer(number * PAGES_A_DOCUMENT + ref.index)
                said = Generation(text, FinishReason.STOP, 0, 0, len(text) // 4, 0.0)
                timed(spent, FINISHED, finished)(kept, ref, "", page.sealed, said)
    # The first page also loads libraries and the tokenizer.
    return {name: values[1:] for name, values in spent.items()}


def main() -> None:
    """Print the medians, and the sum of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pdfs", nargs="*", type=Path)
    parser.add_argument("--pages", type=int, default=40, help="of each document, at most")
    parser.add_argument("--mode", default="gundam")
    arguments = parser.parse_args()
    config = for_family(config_module.load(ROOT / "config.yaml", {"mode": arguments.mode}), OCR)
    with tempfile.TemporaryDirectory(prefix="render-cost-") as name:
        made = [] if arguments.pdfs else sorted(make_corpus(Path(name) / "in", arguments.pages).iterdir())
        spent = measured(arguments.pdfs or made, arguments.pages, config, known=bool(made))
    for stage, values in spent.items():
        print(f"{stage:20} {statistics.median(values):6.1f} ms, mean {statistics.mean(values):6.1f}")
    print(f"{len(spent[ALL])} pages")


if __name__ == "__main__":
    main()
