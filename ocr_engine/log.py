"""Logging set-up, called once by the command line. Messages go to stderr, above the progress bar."""

import contextlib
import logging
import sys

from tqdm import tqdm

logger = logging.getLogger("ocr_engine")

ENGINE_LOG_VARIABLE = "OCR_ENGINE_LOG"
"""Environment variable with the file that the engine's own processes write their output to."""


class _AboveProgress(logging.Handler):
    """Writes through tqdm, so that a message does not tear the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


def set_up(level: int) -> None:
    """Send this package's messages of `level` and above to stderr; calling it again replaces the level."""
    handler = _AboveProgress()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def say(text: str) -> None:
    """Write a line to stderr, above the progress bar. Nobody there to read it is no reason to end a run."""
    with contextlib.suppress(OSError):
        tqdm.write(text, file=sys.stderr)


def printable(text: str, limit: int = 300) -> str:
    """`text` safe to show in a terminal or a one-line record.

    Control characters, bidi overrides and undecodable bytes of file names are escaped, so that a
    hostile name can neither move the cursor nor break a line.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    shown = shown.encode("utf-8", "backslashreplace").decode("utf-8")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
