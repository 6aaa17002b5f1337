"""What rides on vLLM is listed, is there, and steps back where vLLM is another."""

import ast
import logging
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.config import EngineConfig
from ocr_engine.engine.sizes import EngineSizes
from ocr_engine.engine.vllm import contract, internals
from ocr_engine.engine.vllm.args import engine_args
from ocr_engine.engine.vllm.scheduler import GroupScheduler
from ocr_engine.engine.vllm.shortcuts import (
    DECODE_STEPS,
    GROUPS,
    HELD_TOKENS,
    SHORTCUTS,
    SHORTCUTS_KEY,
    Needs,
)
from tests.places import ROOT

GPU_ALONE = "vllm.v1.worker.gpu"
SIZES = EngineSizes("bfloat16", 8192, 8, 4096, None, 1)


def test_nothing_but_the_table_imports_from_vllm() -> None:
    found = []
    for path in (ROOT / "ocr_engine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [f"{path}: {name}" for name in names if (name or "").partition(".")[0] == "vllm"]
    assert not found


@pytest.mark.parametrize("name", internals.SYMBOLS)
def test_every_name_is_there_with_its_reason(name: str) -> None:
    symbol = internals.SYMBOLS[name]
    assert symbol.why
    if not symbol.module.startswith(GPU_ALONE):
        assert getattr(internals, name) is not None


def test_every_name_is_used() -> None:
    text = "".join(
        path.read_text()
        for path in Path(internals.__file__).parent.glob("*.py")
        if path.name not in ("internals.py", "shortcuts.py")
    )
    assert [name for name in internals.SYMBOLS if name not in text] == []


def test_a_name_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ImportError):
        from ocr_engine.engine.vllm.internals import Scheduler  # noqa: F401


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_the_installed_vllm_fits(shortcut: str) -> None:
    assert contract.first_difference(shortcut) == ""


BROKEN = [
    (GROUPS, "PauseState", {"names": "UNPAUSED PAUSED_SOME"}, "PauseState has no PAUSED_SOME"),
    (
        DECODE_STEPS,
        "Request",
        {"names": "num_tokens_with_luck"},
        "Request has no num_tokens_with_luck",
    ),
    (DECODE_STEPS, "CachedRequestData", {"fields": "req_ids"}, "has other fields: all_token_ids"),
    (HELD_TOKENS, "AsyncScheduler", {"method": "schedule", "parameters": "self steps"}, "expected"),
    (HELD_TOKENS, "Reqeust", {}, "Reqeust is missing"),
]


@pytest.mark.parametrize(("shortcut", "symbol", "needs", "words"), BROKEN)
def test_another_vllm_loses_that_shortcut_alone(
    shortcut: str,
    symbol: str,
    needs: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    changed = SHORTCUTS | {shortcut: (Needs(symbol, **needs),)}
    monkeypatch.setattr(contract, "SHORTCUTS", changed)
    with caplog.at_level(logging.WARNING):
        safe = contract.safe_shortcuts()
    assert set(safe) == set(SHORTCUTS) - {shortcut}
    (line,) = caplog.messages
    assert shortcut in line and words in line and "vLLM's own code" in line


def test_without_shortcuts_the_scheduler_is_vllms() -> None:
    args = engine_args(EngineConfig(), Path("m"), SIZES, gpu=True, shortcuts=())
    assert "scheduler_cls" not in args
    args = engine_args(EngineConfig(), Path("m"), SIZES, gpu=True, shortcuts=(GROUPS,))
    assert args["scheduler_cls"].endswith("GroupScheduler")
    assert args["additional_config"][SHORTCUTS_KEY] == [GROUPS]


@pytest.mark.parametrize("left_out", SHORTCUTS)
def test_each_shortcut_can_be_left_out_and_every_answer_has_its_length(left_out: str) -> None:
    from bench.parts.scheduling import make

    runs = []
    for allowed in (list(SHORTCUTS), [one for one in SHORTCUTS if one != left_out]):
        run = make(GroupScheduler, 16, 16 * 300, 4, batched=512, shortcuts=allowed)
        for number in range(24):
            run.add(f"page-{number}", 5 + number * 3, 100)
        run.run()
        runs.append(run)
    lengths = [{name: len(tokens) for name, tokens in run.tokens.items()} for run in runs]
    assert lengths[0] == lengths[1] and runs[0].finished == runs[1].finished
    assert runs[1].scheduler._has_short_way is (left_out != DECODE_STEPS)
    assert runs[1].scheduler._may_hold is (left_out != HELD_TOKENS)
    assert runs[1].scheduler._group == (1 if left_out == GROUPS else 4)


def test_an_untested_version_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(contract, "installed_version", lambda: "0.99.1")
    with caplog.at_level(logging.WARNING):
        contract.warn_of_version()
    (line,) = caplog.messages
    assert "0.99.1" in line and contract.TESTED[0] in line
