"""What tests of vLLM's engine share."""

from collections.abc import Iterator

import pytest

from tests.forked_engines import forked_engines


@pytest.fixture(scope="module")
def forked() -> Iterator[None]:
    """Engines' processes are forked: for tests of what an engine computes."""
    with forked_engines():
        yield
