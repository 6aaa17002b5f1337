"""Where an engine's processes write what they say: gone with the run, unless its last words name it."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "OCR_ENGINE_LOGS"
"""Environment variable with the folder of all logs of a run; engines' own processes inherit it."""
_PREFIX = "ocr-engine-"


def new_folder() -> Path:
    """A folder for the log of one engine, readable by this user alone. Raises OSError."""
    above = os.environ.get(VARIABLE)
    if above:
        Path(above).mkdir(mode=0o700, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))


@contextlib.contextmanager
def logs_of_run() -> Iterator[None]:
    """All logs of the engines that start meanwhile are removed at the end, also those of engines that died.

    They stay where an error ends the run that names one of them.
    """
    # Not made yet: a run whose engine writes no log leaves nothing, however it ends.
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(8)}"
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder)
    named = False
    try:
        yield
    except BaseException as error:
        named = _names(error, str(folder))
        raise
    finally:
        _put_back(before)
        if not named:
            shutil.rmtree(folder, ignore_errors=True)


def _names(error: BaseException, folder: str) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_names(each, folder) for each in error.exceptions)
    return folder in str(error)


def _put_back(value: str | None) -> None:
    if value is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = value
