"""What engines wrote to the temporary folder is gone with the run, unless its last words name it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from ocr_engine.config import EngineConfig
from ocr_engine.engine.log_folder import VARIABLE, logs_of_run, new_folder
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import EngineError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def left(folder: Path) -> list[Path]:
    return sorted(folder.glob("ocr-engine-*"))


def engine_log() -> Path:
    log = new_folder() / "engine.log"
    log.write_text("CUDA error")
    return log


def test_logs_of_engines_that_died_go_with_the_run(temporary: Path) -> None:
    with logs_of_run():
        assert left(temporary) == []
        logs = [engine_log() for _ in range(3)]
        code = "from ocr_engine.engine.log_folder import new_folder; print(new_folder())"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        (folder,) = left(temporary)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {log.parent.parent for log in logs} == {folder} == {Path(child.stdout.strip()).parent}
    assert left(temporary) == [] and VARIABLE not in os.environ


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_a_log_stays_where_the_end_of_the_run_names_it(temporary: Path, named: bool, grouped: bool) -> None:
    with pytest.raises((EngineError, ExceptionGroup)), logs_of_run():
        log = engine_log()
        error = EngineError(f"the engine did not start: no memory (log: {log})" if named else "refused")
        raise ExceptionGroup("tasks", [EngineError("also"), error]) if grouped else error
    assert [path.is_dir() for path in left(temporary)] == ([True] if named else [])
    assert log.exists() is named and VARIABLE not in os.environ


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_stopped_leaves_none(temporary: Path, end: type[BaseException]) -> None:
    with pytest.raises(end), logs_of_run():
        engine_log()
        raise end
    assert left(temporary) == []


def test_without_a_run_each_engine_has_a_folder_of_its_own(temporary: Path) -> None:
    assert {new_folder(), new_folder()} == set(left(temporary))


@pytest.fixture
def engine(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> VllmEngine:
    if find_spec("vllm") is None:
        pytest.skip("needs vllm")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return VllmEngine(EngineConfig(model="nano"))


def test_an_engine_that_did_not_start_names_its_log_which_stays(
    temporary: Path, engine: VllmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        try:
            await engine.start()
        finally:
            await engine.stop()

    def fail(plan: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(engine, "_load", fail)
    with pytest.raises(EngineError, match="did not start: RuntimeError: no memory") as caught, logs_of_run():
        asyncio.run(run())
    (log,) = temporary.rglob("engine.log")
    assert f"(log: {log})" in str(caught.value)


def test_a_start_that_is_stopped_leaves_no_log(
    temporary: Path, engine: VllmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(plan: object) -> None:
        begun.set()
        ended.wait()

    async def run() -> None:
        start = asyncio.create_task(engine.start())
        await asyncio.to_thread(begun.wait)
        assert left(temporary)
        start.cancel()
        await asyncio.wait((start,))
        ended.set()
        await engine.stop()

    monkeypatch.setattr(engine, "_load", wait)
    asyncio.run(run())
    assert left(temporary) == []
