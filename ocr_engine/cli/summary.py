"""What a run says of itself in words: before it (`--dry-run`), and after it, as a table on a terminal."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.conversion.counts import Counts
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.resume import Plan
from ocr_engine.engine import checkpoint
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.families import guessed_family
from ocr_engine.log import logger
from ocr_engine.records import PageStatus


def planned_engine(config: Config, engine: Engine) -> EngineInfo:
    """What would run. Unlike `Engine.identify` it downloads nothing: weights that are not here are named.

    Raises what `Engine.identify` raises.
    """
    if config.engine.backend == "vllm":
        try:
            checkpoint.resolve(config.engine.model, config.engine.revision, download=False)
        except checkpoint.NotDownloadedError as error:
            reason = f"model: {error.hub_id}, to be downloaded first"
            family = guessed_family(error.hub_id)
            return EngineInfo(error.hub_id, reason, "", 0, 1, "", family)
    return engine.identify()


def plan_words(counts: dict[Plan, int]) -> str:
    """How many pages need what."""
    return (
        f"{counts[Plan.READ]:,} pages to read, {counts[Plan.WRITE]:,} to write again from stored text, "
        f"{counts[Plan.NOTHING]:,} unchanged"
    )


def plan_head(config: Config, info: EngineInfo) -> Iterator[str]:
    """What the pages would be read with, and where to."""
    yield info.reason
    output = f"{config.output.path} (layout: {config.output.layout})"
    yield f"mode: {config.mode}; prompt: {config.prompt}; output: {output}"


def say(counts: Counts, progress: Progress, root: Path, quiet: bool) -> None:
    """The outcome: a table where a person looks at a terminal, else lines for a log."""
    if not quiet and sys.stderr.isatty():
        _print_table(counts, progress)
    else:
        logger.info("%s", _line(counts, progress))
    if not counts.all_well:
        logger.warning(
            "not everything was read: see %s; to try again: --retry %s",
            root / "failures.csv",
            ",".join(PageStatus.poor()),
        )
    logger.info("markdown is in %s", root)


def _line(counts: Counts, progress: Progress) -> str:
    words = ", ".join(f"{number:,} {status}" for status, number in counts.pages.items() if number)
    documents = f"{counts.documents:,} document{'' if counts.documents == 1 else 's'}"
    unreadable = f", {counts.unreadable:,} more could not be read" if counts.unreadable else ""
    return (
        f"{documents}{unreadable}, pages: {words or 'none'} ({counts.unchanged:,} unchanged);"
        f" {progress.pages_per_s:.1f} pages/s"
        + "".join(f"; {number:,} {what}" for what, number in _remarks(counts))
    )


def _remarks(counts: Counts) -> Iterator[tuple[str, int]]:
    """What happened to pages besides their status; see docs/quality.md."""
    found = {
        "read more than once": counts.retried,
        "suspect (unlike their PDF's own text, or damaged)": counts.suspect,
        "taken from the PDF's own text": counts.from_text_layer,
    }
    yield from ((what, number) for what, number in found.items() if number)


def _print_table(counts: Counts, progress: Progress) -> None:
    """Colours follow the terminal: rich leaves them out where NO_COLOR is set or TERM is dumb."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value, colour in _rows(counts, progress):
        table.add_row(Text(name, colour), Text(value, colour))
    Console(stderr=True, highlight=False).print(table)


def _rows(counts: Counts, progress: Progress) -> Iterator[tuple[str, str, str]]:
    """Name, value and colour of each row that has something to say."""
    yield "documents", f"{counts.documents:,}", ""
    if counts.unreadable:
        yield "documents that could not be read", f"{counts.unreadable:,}", "red"
    for status, number in counts.pages.items():
        if number:
            yield f"pages {status}", f"{number:,}", status.facts.terminal
    if counts.unchanged:
        yield "of them unchanged", f"{counts.unchanged:,}", "dim"
    for what, number in _remarks(counts):
        yield what, f"{number:,}", "yellow"
    yield "time", f"{progress.elapsed_s:,.0f} s", ""
    yield "pages/s", f"{progress.pages_per_s:,.2f}", ""
    yield "tokens/s", f"{progress.tokens_per_s:,.0f}", ""
