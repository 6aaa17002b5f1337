"""What tests of vLLM's engine share."""

import warnings
from multiprocessing.context import ForkContext, ForkProcess

import pytest


class _Forked(ForkProcess):
    """A child that takes warnings as a spawned one does: pytest's make errors of them."""

    def run(self) -> None:
        warnings.simplefilter("ignore")
        super().run()


class _Forking(ForkContext):
    Process = _Forked


@pytest.fixture(scope="module")
def forked():
    """Engines' processes are forked: a spawned one imports vLLM anew, which is most of its start.

    For tests of what an engine computes. Those of its process and environment spawn it, as the product does.
    """
    from vllm.v1.engine import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "get_mp_context", _Forking)
        yield
