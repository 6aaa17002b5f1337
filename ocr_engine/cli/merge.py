"""`deepseek-ocr merge`: what several drivers wrote becomes the output folder of one run."""

import argparse
import contextlib
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocr_engine import log, urls
from ocr_engine.cli.output_root import output_root
from ocr_engine.config import Config, as_dict
from ocr_engine.config import options as config_options
from ocr_engine.conversion import exports, report
from ocr_engine.conversion.counts import Counts
from ocr_engine.errors import ExitCode, OcrError
from ocr_engine.log import logger
from ocr_engine.outputs import run_files
from ocr_engine.outputs.folder_lock import lock_output
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.mirror import mirrored
from ocr_engine.outputs.retry import Command
from ocr_engine.sharing import places
from ocr_engine.sharing.board import Board, board_at
from ocr_engine.sharing.claims import not_ended, who_finished
from ocr_engine.sharing.merge import DriverRun, Merged, check_drivers, merge
from ocr_engine.sharing.shard import missing

_SHOWN = 8
EPILOG = """Example: deepseek-ocr merge --output /shared/out
Give the config and --set of the drivers: exports and the report are made as they say. Drivers may still be
running, and may go on; merging again brings what is new. Their own folders stay (OUT/.drivers)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the subcommand; returns the exit code."""
    args = _parser().parse_args(argv)
    log.set_up(logging.ERROR if args.quiet else logging.INFO)
    try:
        config = config_options.load_given(args, {"output.path": args.output})
        return int(_merge(config))
    except OcrError as error:
        sys.stderr.write(f"merge: {error}\n")
        return int(error.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deepseek-ocr merge",
        description="Merge the results of several runs (drivers.shard, drivers.claim) into those of one run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output", metavar="DIR", help="the folder or URL that was given to the runs [output.path]"
    )
    config_options.add_options(parser.add_argument)
    parser.add_argument("--quiet", action="store_true", help="show errors only")
    return parser


def _merge(config: Config) -> ExitCode:
    exports.check(config)
    started, output = datetime.now(UTC), config.output.path
    check_drivers(places.drivers_of(output), log.printable(output))
    with ExitStack() as stack:
        root = stack.enter_context(output_root(config))
        stack.enter_context(lock_output(root))
        journal = stack.enter_context(contextlib.closing(Journal(root / "journal.jsonl")))
        journal.open()
        runs = list(_runs(stack, output))
        board = board_at(places.claims_of(output))
        merged = merge(root, journal, runs, who_finished(board))
        _say(merged, len(runs))
        _say_what_is_missing(board, runs)
        _write_about(root, journal, config, runs, started)
    return ExitCode.PAGES_FAILED if merged.problems else ExitCode.OK


def _runs(stack: ExitStack, output: str) -> Iterator[DriverRun]:
    """Each driver's run as a local folder."""
    for driver in places.drivers_of(output):
        where = places.run_of(output, driver)
        if urls.is_url(where):
            yield DriverRun(
                driver, stack.enter_context(mirrored(where, Path(tempfile.gettempdir()), 1.0, to_write=False))
            )
        else:
            yield DriverRun(driver, Path(urls.local_path(where)).expanduser())


def _say(merged: Merged, drivers: int) -> None:
    logger.info(
        "merged: %s documents of %s drivers; %s were merged before",
        f"{merged.brought:,}",
        f"{drivers:,}",
        f"{merged.there:,}",
    )
    if merged.twice:
        logger.info(
            "%s documents were read by two drivers, one after the other's death; one copy is kept",
            f"{merged.twice:,}",
        )


def _say_what_is_missing(board: Board, runs: Sequence[DriverRun]) -> None:
    waiting = set(not_ended(board)) | {run.name for run in runs if not _about(run).get("ended")}
    if names := sorted(waiting & {run.name for run in runs}):
        words = "%s: not ended, running or dead; merge again once all that is missing is done"
        logger.warning(words, ", ".join(names))
    if shards := missing(run.name for run in runs):
        some = ", ".join(shards[:_SHOWN]) + (", ..." if len(shards) > _SHOWN else "")
        logger.warning("%s shards have no run here: %s (drivers.shard)", f"{len(shards):,}", some)


def _write_about(
    root: Path, journal: Journal, config: Config, runs: Sequence[DriverRun], started: datetime
) -> None:
    """The files about a run, as a single one leaves them."""
    counts = Counts()
    latest = journal.latest()
    for (_, page), row in latest.items():
        if page is None:
            counts.unreadable += row.status.is_poor
        else:
            counts.add_unchanged(row.status)
    counts.documents = len({given for given, page in latest if page is not None})
    run_files.write_run(
        root,
        config=as_dict(config),
        model=_model_of(runs),
        counts=counts.as_dict(),
        started=started,
        ended=datetime.now(UTC),
    )
    command = Command("batch_pdf.py", config.output.path, (), ())
    run_files.write(root, journal, command)
    if config.output.report:
        report.write_report(root, journal, config, command, None)
    exports.make(root, journal, config, lambda: False)


def _model_of(runs: Sequence[DriverRun]) -> dict[str, Any]:
    return next((dict(model) for run in runs if isinstance(model := _about(run).get("model"), dict)), {})


def _about(run: DriverRun) -> dict[str, Any]:
    """Its `run.json`; empty where there is none."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads((run.root / "run.json").read_bytes())
        return found if isinstance(found, dict) else {}
    return {}
