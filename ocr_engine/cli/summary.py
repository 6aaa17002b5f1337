"""What a run says of itself at its end: in words, or as a table on a terminal."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ocr_engine.conversion.counts import Counts
from ocr_engine.conversion.progress import Progress
from ocr_engine.log import logger
from ocr_engine.records import PageStatus


def say(counts: Counts, progress: Progress, root: Path, quiet: bool) -> None:
    """The outcome: a table where a person looks at a terminal, else lines for a log."""
    if not quiet and sys.stderr.isatty():
        _print_table(counts, progress)
    else:
        logger.info("%s", _line(counts, progress))
    if not counts.all_well:
        logger.warning(
            "not all pages were read: %s lists them; to try them again, add --retry %s",
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
        "read with the second prompt, too": counts.read_twice,
        "with text that it added": counts.added_to,
        "read again alone as a dense table": counts.tables_again,
        "better alone than before": counts.tables_replaced,
        "copied from a document with the same bytes": counts.same_bytes,
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
