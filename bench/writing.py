"""How many pages a second a run decides on and writes, where opening, rendering and reading take no time.

    python -m bench.writing --pages 4000                  # prints one line of JSON
    python -m bench.writing --each 1                      # documents of one page
    python -m bench.writing --folder /mnt/shared          # on another disk

The pages of a made PDF are prepared and finished before the clock, as render workers do it. Every document of
the run has them, and they come all at once, as many as the window holds. Prints, as medians of the runs:
pages a second; milliseconds of CPU a page of the main process and of the one that writes, whose start is
told apart. Nothing renders and nothing decodes meanwhile: this is what these two processes can do.
"""

import argparse
import asyncio
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

from bench import main_process
from bench.parts.writers import WatchedWriter
from ocr_engine import config as config_module
from ocr_engine.config import Config
from ocr_engine.conversion import groups, writing_processes
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo, page_fingerprint
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.tools import Tools, Window
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.pages import sources
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.attempts import first_task
from ocr_engine.reading.finish import Finished, finished, frozen
from ocr_engine.reading.reader import ReadPage
from ocr_engine.records import (
    Document,
    DocumentKind,
    FinishReason,
    Generation,
    OpenedDocument,
    PageKey,
    PageRef,
)

FAMILY, DOCUMENTS = "deepseek-ocr", 32
SECONDS = {"render": 0.01, "views": 0.02, "engine": 20.0, "total": 21.0}


class ReadBefore:
    """Opens documents, reads pages and draws from them, as all was found before the run."""

    starting, waiting = False, 0

    def __init__(self, config: Config, folder: Path, each: int, model_id: str) -> None:
        """Makes a PDF of `each` pages in `folder`."""
        found = next(iter(sources.find([str(main_process.make_corpus(folder, each))], {DocumentKind.PDF})))
        assert isinstance(found, Document)
        with RenderPool(config.render, "", config.input.max_document_pages) as pool:
            self._opened = pool.open(found).result()
            refs = [self._opened.page(index) for index in range(each)]
            pages = [read_before(config, pool, ref, model_id) for ref in refs]
            drawn = [page.drawing and pool.run(ref, page.drawing).result()
                     for ref, page in zip(refs, pages, strict=True)]  # fmt: skip
        self._arriving, self._drawn = [pickle.dumps(page) for page in pages], drawn

    def documents(self, count: int) -> list[Document]:
        """So many, of the same pages."""
        names = [f"{number // 100:04d}/{number:06d}.pdf" for number in range(count)]
        return [replace(self._opened.document, given=f"in/{name}", relative=PurePosixPath(name))
                for name in names]  # fmt: skip

    def open(self, document: Document) -> "Future[OpenedDocument]":
        return done(replace(self._opened, document=document))

    async def read(self, ref: PageRef, key: PageKey, page_print: str, *, said_before: str = "") -> ReadPage:
        page: Finished = pickle.loads(self._arriving[ref.index])  # noqa: S301 - made above
        return ReadPage(page.brief, "", SECONDS, finished=page)

    def run(self, ref: PageRef, task: object) -> "Future[Any]":
        return done(self._drawn[ref.index])

    def close(self) -> None:
        """Nothing is on its way."""


def read_before(config: Config, pool: RenderPool, ref: PageRef, model_id: str) -> Finished:
    """A page as a render worker gives it, once it is answered."""
    prepared = pool.run(ref, first_task(config, FAMILY)).result()
    text = main_process.answer(ref.index)
    answer = Generation(text, FinishReason.STOP, 273, 273, len(text) // 4, 0.0)
    page = finished(frozen(config), ref, page_fingerprint(config, ref, model_id), prepared.sealed, answer)
    assert page is not None, "one answer is all that such a page needs"
    return page


def done(value: object) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def one(folder: Path, pages: int, each: int, in_flight: int) -> dict[str, float]:
    """One run in this process; milliseconds a page, but for the start."""
    config = config_module.load(main_process.ROOT / "config.yaml", {"mode": "base", "input.same_once": False})
    engine = ReplayEngine(None)
    info = replace(engine.identify(), family=FAMILY)
    before = ReadBefore(config, folder / "in", each, info.model_id)
    root, documents = folder / "out", before.documents(pages // each)
    root.mkdir()
    journal = Journal(root / "journal.jsonl")
    groups.PROCESS_FROM_PAGES = 0
    with Progress(quiet=True) as progress, mock.patch.object(writing_processes, "Worker", WatchedWriter):
        names = OutputNames({}, root)
        tools = Tools(root, engine, info, before, journal, names, progress)  # type: ignore[arg-type]
        conversion = Conversion(config, tools, Redo(), opener=before, reader=before,
                                window=Window(DOCUMENTS, in_flight))  # fmt: skip
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        asyncio.run(conversion.run(documents))
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    assert len(journal.latest()) == len(documents) * each
    writer_s, start_s = WatchedWriter.spent_s, WatchedWriter.start_s
    return {"pages_per_s": len(documents) * each / wall_s, "main_ms": 1000 * cpu_s / pages,
            "writer_ms": 1000 * writer_s / pages, "writer_start_s": start_s}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--each", type=int, default=20, help="pages of a document")
    parser.add_argument("--in-flight", type=int, default=768)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.pages, args.each, args.in_flight)))
        return
    runs = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory(prefix="writing-", dir=args.folder) as name:
            words = [sys.executable, "-m", "bench.writing", "--pages", str(args.pages),
                     "--each", str(args.each), "--in-flight", str(args.in_flight), "--one", name]  # fmt: skip
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=main_process.ROOT)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
    rates = [round(run["pages_per_s"], 1) for run in runs]
    print(json.dumps({"pages": args.pages, "each": args.each, **medians, "pages_per_s_of_each_run": rates,
                      "load": round(os.getloadavg()[0], 1)}))  # fmt: skip


if __name__ == "__main__":
    main()
