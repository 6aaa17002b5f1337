"""Fixtures shared by all tests, and what a skipped test counts as."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ocr_engine.log import logger
from tests import forked_runs, forked_workers

REQUIRED = os.environ.get("OCR_TESTS_REQUIRE", "")
"""Which skips are failures: words of reasons, with commas between; `all` is any, `-chromium` all but that.

What only other machines have is never a failure: `OPTIONAL`.
"""
OPTIONAL = ("corpora", "x86", "libreoffice", "emulator")
CORPORA = "needs the shared test corpora"
SHARED_DATA = Path(__file__).parent.parent / "../shared/data"

# How long an example takes is how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and hostile test files that are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(CORPORA)
    return SHARED_DATA.resolve()


@pytest.fixture(scope="module", autouse=True)
def quick_workers() -> Iterator[None]:
    """Workers are forked. Where a worker's process is the subject, a fixture of this name does nothing."""
    forked_workers.start_server()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ocr_engine.processes.worker._started", forked_workers.started)
        yield


@pytest.fixture(autouse=True)
def logging_as_imported() -> Iterator[None]:
    """Logging as the package is imported with: a command line that ran in this process has set it up.

    Before each test too: the fixtures of a whole module run before this one.
    """
    _logging_as_imported()
    yield
    _logging_as_imported()


def _logging_as_imported() -> None:
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def is_required(reason: str, required: str = REQUIRED) -> bool:
    """Whether a test that is skipped for this reason counts as failed."""
    words = required.lower().split(",")
    spared = (*OPTIONAL, *(word[1:] for word in words if word.startswith("-")))
    if any(word in reason.lower() for word in spared):
        return False
    return "all" in words or any(word and word in reason.lower() for word in words)


def _judged(report: Any) -> Any:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    if report.skipped and not hasattr(report, "wasxfail") and is_required(reason):
        report.outcome, report.longrepr = "failed", f"{reason} (OCR_TESTS_REQUIRE={REQUIRED})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main() -> Generator[None, Any, Any]:
    with forked_runs.server():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What tests import lives as long as they do: looking for garbage in it would double the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    return _judged((yield))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    if number := sum(CORPORA in reason for reason in skipped):
        terminalreporter.line(
            f"skipped for want of ../shared/data, which is no part of the project: {number}"
        )
