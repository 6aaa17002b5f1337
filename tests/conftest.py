"""Fixtures shared by all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_engine.log import logger

SHARED_DATA = Path(__file__).parent.parent / "../shared/data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several workers share the tests, those of a file stay together, for the sake of its fixtures.

    Those with the group "vllm" go to one worker: one engine at a time is what two cores can carry.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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
