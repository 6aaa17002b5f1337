"""Exports of single documents, each in a worker process with a clock and a memory limit."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.errors import OutputError
from ocr_engine.formats import Export
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.processes.pool import Call, WorkerPool
from ocr_engine.processes.worker import WorkerDiedError, WorkerTimeoutError

MAX_WORKERS = 4
BASE_TIMEOUT_S, PAGE_TIMEOUT_S = 120.0, 2.0
_JOBS_AT_ONCE = 64
Stopping = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One export of one document."""

    given: str
    folder: str
    key: str
    """What the document was when the export was asked for."""
    pages: int
    export: Export
    source: SourceDocument
    target: Path


def in_workers(
    config: Config, jobs: Sequence[ExportJob], stopping: Stopping
) -> Iterator[tuple[ExportJob, str, Sequence[str]]]:
    """Each job with what went wrong with it, or "", and what to say of it. Begins no more once stopped."""
    count = max(1, min(config.render.workers or MAX_WORKERS, MAX_WORKERS, os.cpu_count() or 1, len(jobs)))
    pool = WorkerPool(count, config.render.worker_memory_mb, name="export")
    try:
        for at in range(0, len(jobs), _JOBS_AT_ONCE):
            if stopping():
                return
            some = jobs[at : at + _JOBS_AT_ONCE]
            futures = [pool.submit(partial(_write, job)) for job in some]
            for job, future in zip(some, futures, strict=True):
                yield job, *future.result()
    finally:
        # What has begun is finished: a worker killed while it writes would leave a temporary file.
        pool.cancel()
        pool.close()


def _write(job: ExportJob, call: Call) -> tuple[str, Sequence[str]]:
    write = job.export.function(job.export.write)
    try:
        notes = call(partial(write, job.source, job.target), _timeout_s(job.pages))
    except (WorkerTimeoutError, WorkerDiedError) as error:
        if job.source.original is not None:
            problem, notes = _write(replace(job, source=replace(job.source, original=None)), call)
            return problem, [*notes, f"its pages are pictures: with the original the export {error}"]
        return f"the export {error}", ()
    except (OutputError, MemoryError, ValueError, OSError) as error:
        return " ".join(str(error).split()) or type(error).__name__, ()
    return "", notes or ()


def _timeout_s(pages: int) -> float:
    return BASE_TIMEOUT_S + pages * PAGE_TIMEOUT_S
