"""The commands that a report and `failures.csv` tell people to type."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_engine.records import PageStatus

MAX_NAMED_DOCUMENTS = 8
"""A command names this many documents at most; for more it takes the run's own inputs."""


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
        return " ".join(map(shell_word, words))


def shell_word(word: str) -> str:
    """The word quoted for a shell; with `$'...'` where it holds bytes or controls that HTML cannot show."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped_byte, os.fsencode(word)))}'"


def _escaped_byte(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b"'\\"
    return chr(byte) if plain else f"\\x{byte:02x}"


def _not_an_option(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
