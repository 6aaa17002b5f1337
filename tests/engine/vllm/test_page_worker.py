"""What the worker's extension changes in vLLM, and leaves where vLLM is another."""

import importlib
import sys

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm import encode_first, guard_v2
from ocr_engine.engine.vllm.shortcuts import BANS, ENCODE_FIRST, SHORTCUTS, Needs

EXTENSION = "ocr_engine.engine.vllm.page_worker"


@pytest.fixture
def imported(monkeypatch):
    """Imports the extension anew: which changes it makes, in order, of which none is made here."""
    made = []
    monkeypatch.setattr(guard_v2, "ban_in_model_logits", lambda: made.append(BANS))
    monkeypatch.setattr(encode_first, "install", lambda: made.append(ENCODE_FIRST))
    monkeypatch.delitem(sys.modules, EXTENSION, raising=False)

    def changes():
        importlib.import_module(EXTENSION)
        return made

    yield changes
    sys.modules.pop(EXTENSION, None)


def test_the_worker_bans_early_and_encodes_first(imported):
    assert imported() == [BANS, ENCODE_FIRST]


@pytest.mark.parametrize(("missing", "left"), [(BANS, ENCODE_FIRST), (ENCODE_FIRST, BANS)])
def test_another_vllm_keeps_its_own_way(imported, monkeypatch, missing, left):
    monkeypatch.setitem(SHORTCUTS, missing, (Needs("GPUModelRunner", "no_such_name"),))
    assert imported() == [left]
