"""Tests of processes."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_workers() -> None:
    """Workers start as the product starts them: they are what is tested."""
