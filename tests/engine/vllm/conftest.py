"""What tests of vLLM's engine share."""

import sys
import warnings
from multiprocessing.context import ForkContext, ForkProcess

import pytest


class _Forked(ForkProcess):
    """A child that is as a spawned one where it matters: vLLM goes through all modules when it starts."""

    def run(self) -> None:
        warnings.simplefilter("ignore")  # pytest's make errors of them
        for name, module in list(sys.modules.items()):
            if not _can_be_gone_through(module):
                del sys.modules[name]
        super().run()


def _can_be_gone_through(module):
    """Whether no value of it complains about being looked at, as other tests' web servers' do."""
    try:
        for value in list(vars(module).values()):
            hasattr(value, "__dict__")
    except Exception:  # noqa: BLE001 - whatever it complains of
        return False
    return True


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
