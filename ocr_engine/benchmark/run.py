"""A benchmark's pages through the engine: their images or PDFs in, a folder of predictions for each mode out.

OUT/<mode>/run/          pages, records and journal, as of every conversion: a stopped run goes on from here
OUT/<mode>/predictions/  the markdown that is scored, named as the official scripts name it
OUT/<mode>/made.json     tokens, statuses and speed        OUT/<mode>/speed.jsonl   what each session took
"""

import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ocr_engine import config as config_module
from ocr_engine.benchmark.inputs import Inputs
from ocr_engine.config import Config, fingerprint, for_family, read_keys
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.tools import Tools
from ocr_engine.engine.base import EngineInfo
from ocr_engine.engine.loops import ends_in_loop
from ocr_engine.engine.shared import SharedEngine
from ocr_engine.evaluation import made_file
from ocr_engine.evaluation.request import MadePredictions, Run
from ocr_engine.evaluation.wanted import WantedPage
from ocr_engine.families import FAMILIES, MODES, queries
from ocr_engine.formats import EXPORTS
from ocr_engine.log import logger
from ocr_engine.outputs import run_files
from ocr_engine.outputs.files import write_all_atomic
from ocr_engine.outputs.folder_lock import lock_output
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.jsonl import JsonLines, decode
from ocr_engine.outputs.names import OutputNames
from ocr_engine.outputs.writer import open_writer
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import Document, JournalRow, PageStatus
from ocr_engine.text.official import eval_md

BENCHMARK_PROMPTS = {"omnidocbench": "markdown", "fox": "free", "olmocr-bench": "markdown"}
"""`run_dpsk_ocr_eval_batch.py` asks for markdown; the paper's Fox runs ask for plain text."""
PRESET: Mapping[str, Any] = {
    "preset": "",
    "engine.ngram.size": 40,
    "engine.ngram.window": 90,
    "input.pages": "",
    "input.max_pages": 0,
    "output.layout": "tree",
    "output.merge": False,
    "output.figures": False,
    "output.overlays": False,
    "output.raw": True,
    "output.report": False,
    **{f"output.{key}": False for key in EXPORTS},
    "figures.parse": False,
    "quality.loop_abort": False,
    "quality.retries": [],
    "quality.blank_ink": 0.0,
    "quality.compare_text_layer": False,
    "quality.suspect_recall": 0.0,
    "quality.retry_suspect": False,
    "quality.retry_below_chars": 0,
    "quality.text_layer_fallback": False,
    "quality.confidence": False,
    "quality.second_prompt": "none",
    "quality.dense_tables": "off",
    "text_layer.repair": "off",
}
"""The guard against loops as in the official benchmark script, answers as the model gave them to their end,
and only what scoring needs on disk."""
NO_INPUT = "no input"
Rows = Mapping[WantedPage, JournalRow | None]


def load_configs(
    benchmark: str, file: Path | None, modes: Sequence[str], options: Mapping[str, Any]
) -> list[Config]:
    """One config a mode: the file's, then the benchmark's preset, then `options`. Raises UsageError."""
    overrides = {**PRESET, "prompt": BENCHMARK_PROMPTS[benchmark], **options}
    chosen: Iterable[Mapping[str, Any]] = [{"mode": mode} for mode in dict.fromkeys(modes)] or [{}]
    return [config_module.load(file, {**overrides, **mode}) for mode in chosen]


@dataclass(slots=True)
class BenchmarkRun:
    """All modes over one benchmark's pages, with one engine; the caller opens and closes its tools."""

    benchmark: str
    root: Path
    engine: SharedEngine
    info: EngineInfo
    pool: RenderPool
    redo: Redo
    quiet: bool
    stopping: bool = False
    _conversion: Conversion | None = field(default=None, init=False)

    def stop(self) -> None:
        """Finish the pages in flight, then nothing more."""
        self.stopping = True
        if self._conversion is not None:
            self._conversion.stop()

    async def make(self, configs: Sequence[Config], pages: Sequence[WantedPage], inputs: Inputs) -> list[Run]:
        """Predictions of every mode; after `stop` those of the modes that are complete.

        Raises:
            EngineError: the engine did not start or died; what is done is in the journals.
            OutputError: a folder cannot be written, or another run is writing to it.
        """
        runs = []
        for config in configs:
            if not self.stopping:
                folder = self.root / config.mode
                started = datetime.now(UTC)
                with lock_output(folder):
                    made = await self._make_mode(config, pages, inputs, folder)
                if made is not None:
                    made_file.write(folder, made)
                    self._write_run(config, made, folder / "run", started)
                    runs.append(made_file.run_of(config.mode, folder))
        return runs

    async def _make_mode(
        self, config: Config, pages: Sequence[WantedPage], inputs: Inputs, folder: Path
    ) -> MadePredictions | None:
        root = folder / "run"
        logger.info("%s, mode %s: %s pages", self.benchmark, config.mode, f"{len(pages):,}")
        with contextlib.closing(Journal(root / "journal.jsonl")) as journal:
            journal.open()
            names = OutputNames(journal.claims())
            with Progress(quiet=self.quiet) as progress:
                tools = Tools(root, self.engine, self.info, self.pool, journal, names, progress)
                refused = await self._convert(config, tools, pages, inputs)
            if self.stopping:
                return None
            rows = {(row.document, row.page): row for row in journal.latest_rows()}
        found = {page: _row_of(page, inputs, rows, refused) for page in pages}
        texts = self._texts(config, found, inputs, names, root)
        _publish({folder / made_file.PREDICTIONS / page.prediction: text for page, text in texts.items()})
        return self._made(config, found, texts, folder)

    async def _convert(
        self, config: Config, tools: Tools, pages: Sequence[WantedPage], inputs: Inputs
    ) -> set[tuple[str, int]]:
        """Read what is missing; returns document and page of those whose document could not be read."""
        refused: set[tuple[str, int]] = set()
        waited_s, began_s, read = self.engine.start_s, time.perf_counter(), 0
        for number, documents in _by_page_number(pages, inputs).items():
            if self.stopping:
                break
            some = replace(config, input=replace(config.input, pages=str(number)))
            self._conversion = Conversion(some, tools, self.redo)
            await self._conversion.run(documents)
            counts = self._conversion.counts
            refused |= {(given, number) for given in self._conversion.refused}
            without = sum(number for status, number in counts.pages.items() if not status.has_text)
            read += max(0, sum(counts.pages.values()) - counts.unchanged - without)
        seconds = time.perf_counter() - began_s - (self.engine.start_s - waited_s)
        if read:
            _speed_lines(tools.root.parent).append(
                {"key": self._speed_key(config), "pages": read, "seconds": round(seconds, 3)}
            )
        return refused

    def _speed_key(self, config: Config) -> str:
        return fingerprint(for_family(config, self.info.family), read_keys(config), self.info.model_id)

    def _write_run(self, config: Config, made: MadePredictions, root: Path, started: datetime) -> None:
        run_files.write_run(
            root,
            config=config_module.as_dict(config),
            model=asdict(self.info),
            counts=made.statuses,
            started=started,
            ended=datetime.now(UTC),
        )

    def _texts(
        self, config: Config, found: Rows, inputs: Inputs, names: OutputNames, root: Path
    ) -> dict[WantedPage, str | None]:
        """What the official script would have written for each page; None for a page without text."""
        texts: dict[WantedPage, str | None] = {}
        for page, row in found.items():
            if page.problem:
                continue
            texts[page] = None
            if row is not None and row.page is not None and row.status.has_text:
                document = inputs.documents[page.source]
                place = names.folder_for(document)
                writer = open_writer(root, place, config.output, document.relative.name)
                stored = writer.stored(row.page, row.fingerprint)
                if stored is not None:
                    texts[page] = eval_md(
                        stored[1], remove_center=not FAMILIES[self.info.family].eval_keeps_center
                    )
        return texts

    def _made(
        self, config: Config, found: Rows, texts: Mapping[WantedPage, str | None], folder: Path
    ) -> MadePredictions:
        rows = [row for row in found.values() if row is not None]
        statuses = Counter(_status(row, texts.get(page)) for page, row in found.items())
        mode = MODES.get(config.mode)
        return MadePredictions(
            model=self.info.model,
            mode=config.mode,
            prompt=config.prompt,
            pages=len(found),
            statuses={status: count for status, count in statuses.items() if count},
            vision_tokens=_mean(rows, "vision_tokens"),
            paper_vision_tokens=queries(mode.base_size_px) ** 2 if mode and not mode.crop else None,
            text_tokens=_mean(rows, "text_tokens"),
            pages_per_s=_pages_per_s(folder, self._speed_key(config)),
        )


def _row_of(
    page: WantedPage,
    inputs: Inputs,
    rows: Mapping[tuple[str, int | None], JournalRow],
    refused: Collection[tuple[str, int]],
) -> JournalRow | None:
    """What became of a page: its row, or that of its document; None where there is no file to read."""
    document = inputs.documents.get(page.source)
    if document is None:
        return None
    # A page's row may be of an earlier run, when its document could still be opened.
    number = None if (document.given, page.page) in refused else page.page
    return rows.get((document.given, number))


def _by_page_number(pages: Sequence[WantedPage], inputs: Inputs) -> dict[int, list[Document]]:
    """Documents by the page that is wanted of them; almost always page 1 of all."""
    groups: dict[int, list[Document]] = {}
    for page in pages:
        if page.source in inputs.documents:
            groups.setdefault(page.page, []).append(inputs.documents[page.source])
    return groups


def _status(row: JournalRow | None, text: str | None) -> str:
    """As in the journal, but a cut page that ends in a loop is looped: nothing looks for it while reading."""
    if row is None:
        return NO_INPUT
    if row.status is PageStatus.TRUNCATED and text and ends_in_loop(text):
        return PageStatus.LOOPED.value
    return row.status.value


def _publish(texts: Mapping[Path, str | None]) -> None:
    """Write the predictions that are new or different, take away those of pages without text."""
    for path, text in texts.items():
        if text is None:
            path.unlink(missing_ok=True)
    write_all_atomic(
        [(path, text) for path, text in texts.items() if text is not None and not _holds(path, text)]
    )


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8", "replace")
    except OSError:
        return False


def _mean(rows: Sequence[JournalRow], key: str) -> float | None:
    values = [row.extra.get(key, 0) for row in rows if row.extra.get("vision_tokens")]
    return sum(values) / len(values) if values else None


class _Speed(msgspec.Struct):
    key: str
    pages: Annotated[int, msgspec.Meta(ge=0, le=10**12)]
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e12)]


_SPEED = msgspec.json.Decoder(_Speed)


def _speed_lines(folder: Path) -> JsonLines:
    return JsonLines(folder / "speed.jsonl")


def _pages_per_s(folder: Path, key: str) -> float | None:
    """Over all sessions that read with the same keys and model."""
    found = (decode(line, _SPEED) for _, line in _speed_lines(folder).lines())
    lines = [line for line in found if line is not None and line.key == key]
    seconds = sum(line.seconds for line in lines)
    return sum(line.pages for line in lines) / seconds if seconds else None
