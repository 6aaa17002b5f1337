"""What the worker's extension changes in vLLM, and leaves where vLLM is another."""

import importlib
import sys

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm import encode_first, guard_v2, small_steps
from ocr_engine.engine.vllm.shortcuts import BANS, ENCODE_FIRST, SHORTCUTS, SMALL_STEPS, Needs

EXTENSION = "ocr_engine.engine.vllm.page_worker"


@pytest.fixture
def imported(monkeypatch):
    """Imports the extension anew: which changes it makes, in order, of which none is made here."""
    made = []
    monkeypatch.setattr(guard_v2, "ban_in_model_logits", lambda: made.append(BANS))
    monkeypatch.setattr(encode_first, "install", lambda: made.append(ENCODE_FIRST))
    monkeypatch.setattr(small_steps, "install", lambda: made.append(SMALL_STEPS))
    monkeypatch.delitem(sys.modules, EXTENSION, raising=False)

    def changes():
        importlib.import_module(EXTENSION)
        return made

    yield changes
    sys.modules.pop(EXTENSION, None)


def test_the_worker_bans_early_encodes_first_and_has_small_steps(imported):
    assert imported() == [BANS, ENCODE_FIRST, SMALL_STEPS]


@pytest.mark.parametrize("missing", [BANS, ENCODE_FIRST, SMALL_STEPS])
def test_another_vllm_keeps_its_own_way(imported, monkeypatch, missing):
    monkeypatch.setitem(SHORTCUTS, missing, (Needs("GPUModelRunner", "no_such_name"),))
    assert imported() == [one for one in (BANS, ENCODE_FIRST, SMALL_STEPS) if one != missing]
