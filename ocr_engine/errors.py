"""Every error this project raises on purpose, and the exit code each one ends a run with.

    OcrError
    |-- UsageError         wrong arguments or config          exit 2
    |-- InputError         an input that cannot be read       exit 3 (when nothing else could be read)
    |   |-- DocumentError  a document that cannot be opened (encrypted, damaged, no pages)
    |   `-- PageError      one page that cannot be rendered
    |-- EngineError        the engine did not start or died   exit 4
    |   `-- RequestError   one request the engine refuses (wrong sizes, too long)
    `-- OutputError        the output folder cannot be used   exit 2

A message says what, where and what to do. `InputError`s never end a run: they become records.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the three entry scripts."""

    OK = 0
    USAGE = 2
    NO_INPUT = 3
    ENGINE = 4
    PAGES_FAILED = 5
    LIMIT = 6
    INTERRUPTED = 130


class OcrError(Exception):
    """Base of every error raised on purpose."""

    exit_code = ExitCode.USAGE


class UsageError(OcrError):
    """Arguments or config that cannot be carried out."""


class InputError(OcrError):
    """An input that cannot be read."""

    exit_code = ExitCode.NO_INPUT


class DocumentError(InputError):
    """A document that cannot be opened: encrypted, damaged, without pages, not what its name says."""


class PageError(InputError):
    """One page that cannot be rendered; the other pages of its document may be fine."""


class EngineError(OcrError):
    """The engine did not start, or died."""

    exit_code = ExitCode.ENGINE


class RequestError(EngineError):
    """One request the engine refuses; other requests are not affected."""


class OutputError(OcrError):
    """The output folder cannot be used: not writable, locked by another run, full."""
