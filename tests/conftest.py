"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parent.parent / "../shared/data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and hostile test files that are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the shared test corpora")
    return SHARED_DATA.resolve()
