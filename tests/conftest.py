"""Fixtures shared by all tests."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_engine.log import logger

SHARED_DATA = Path(__file__).parent.parent / "../shared/data"

# A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and hostile test files that are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the shared test corpora")
    return SHARED_DATA.resolve()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A test that runs a command line in this process sets logging up; the next test finds it as it was."""
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)
