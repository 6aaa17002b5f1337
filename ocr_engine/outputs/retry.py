"""The commands that a report and `failures.csv` tell people to type."""

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocr_engine import sheets
from ocr_engine.records import JournalRow, PageStatus

MAX_NAMED_DOCUMENTS = 8
"""A command names this many documents at most; for more it takes the run's own inputs."""
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half characters that stand for no byte of a name: no file has them."""


@dataclass(frozen=True, slots=True)
class Command:
    """How this run was started: script, inputs, and the options that a rerun needs to mean the same."""

    script: str
    output: str
    inputs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    """The options that choose pages: without them a rerun would read pages that were left out."""

    def again(self, documents: Sequence[str], statuses: Sequence[PageStatus]) -> str:
        """A line for a shell that tries the pages of these documents again that ended with these statuses.

        No document, or too many for one line, means all inputs of the run. Without a status, documents that
        could not be opened are tried: every run does that.
        """
        named = documents if 0 < len(documents) <= MAX_NAMED_DOCUMENTS else self.inputs
        words = [
            "python",
            self.script,
            *map(_not_an_option, named),
            "--output",
            self.output,
            *self.options,
            *self.selection,
        ]
        if statuses:
            words += ["--retry", ",".join(status.value for status in statuses)]
        return _line(words)

    def row_again(self, row: JournalRow) -> str:
        """A line for a shell that does this page, or this whole document, again."""
        words = ["python", self.script, _not_an_option(row.document), "--output", self.output, *self.options]
        if row.page is None:
            return _line([*words, *self.selection])
        return _line([*words, "--pages", str(row.page), "--retry", row.status.value])


def _line(words: Iterable[str]) -> str:
    return " ".join(map(shell_word, words))


def shell_word(word: str) -> str:
    """The word quoted for a shell.

    With `$'...'` where it holds bytes or controls that HTML cannot show, or what a spreadsheet would run.
    """
    quoted = shlex.quote(word)
    if word.isprintable() and sheets.cell(f"x {quoted}") == f"x {quoted}":
        return quoted
    return f"$'{''.join(map(_escaped_byte, os.fsencode(_NO_BYTE.sub(chr(0xFFFD), word))))}'"


def _escaped_byte(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b"'\\;"
    return chr(byte) if plain else f"\\x{byte:02x}"


def _not_an_option(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
