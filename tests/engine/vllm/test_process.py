import importlib.metadata
import os
import threading
import tomllib
from pathlib import Path

import pytest

from ocr_engine.config import EngineConfig
from ocr_engine.engine.vllm import process as vllm_process
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.engine.vllm.process import Start, clear_environment, set_environment, why_failed
from ocr_engine.errors import EngineError, ExitCode


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "engine.log"
    path.touch()
    return path


def test_the_first_hand_cause_is_found_in_the_log(log):
    log.write_text(
        "INFO starting\n"
        "Traceback (most recent call last):\n"
        '  File "x.py", line 1, in load\n'
        "ValueError: There is no module or parameter named 'model.extra'\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    found = why_failed(RuntimeError("Engine core initialization failed. See root cause above."), log)
    assert found.startswith("ValueError: There is no module") and str(log) in found and "\n" not in found


def test_without_a_log_the_error_itself_is_the_cause(log):
    assert "OSError: no space" in why_failed(OSError("no space"), log)


def test_memory_errors_come_with_a_remedy(log):
    found = why_failed(RuntimeError("x"), log) + why_failed(
        ValueError("Available memory on node 0 is less"), log
    )
    assert "engine.max_num_seqs" in found


def test_hostile_text_stays_on_one_line(log):
    assert "\x1b" not in why_failed(ValueError("a\x1b[2Jb"), log)


def test_values_of_the_user_are_kept(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("VLLM_", "OMP_", "OCR_ENGINE")):
            monkeypatch.delenv(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {"OMP_NUM_THREADS": "7"})
        set_environment(tmp_path, 3, gpu=False)
        assert os.environ["OMP_NUM_THREADS"] == "7"
        assert os.environ["VLLM_NO_USAGE_STATS"] == "1"
        assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "0"
        patch.setattr(os, "environ", {})
        set_environment(tmp_path, 3, gpu=True)
        assert "OMP_NUM_THREADS" not in os.environ
        assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "1"


def test_a_start_that_is_given_up_loses_the_processes_it_starts_later(monkeypatch):
    importing, born, killed = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(vllm_process, "_KILL_EVERY_S", 0.01)
    monkeypatch.setattr(
        vllm_process, "kill_engine_processes", lambda: killed.set() if born.is_set() else None
    )

    def load():
        assert importing.wait(10)
        born.set()
        assert killed.wait(10), "vLLM would wait for its process here"

    start = Start()
    thread = threading.Thread(target=start.run, args=(load,))
    thread.start()
    assert not start.abandoned
    start.abandon()
    assert start.abandoned and not killed.is_set()
    importing.set()
    thread.join(10)
    assert not thread.is_alive()


def test_no_variable_names_a_folder_that_is_gone(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr(os, "environ", {})
    logs = []
    for folder in (first, second):
        folder.mkdir()
        logs.append(set_environment(folder, 1, gpu=False))
    clear_environment(logs[0])
    assert sum(str(second) in value for value in os.environ.values()) == 2
    clear_environment(logs[1])
    assert not [value for value in os.environ.values() if str(tmp_path) in value]


async def test_a_start_without_our_plug_in_says_how_to_install_it(monkeypatch):
    other = importlib.metadata.EntryPoint("other", "vllm.plugins.other:register", vllm_process.PLUGIN_GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [other])
    with pytest.raises(
        EngineError, match=r"ocr_engine\.engine\.vllm\.register:register .* pip install .* -e \.$"
    ) as found:
        await VllmEngine(EngineConfig(model="nano")).start()
    assert found.value.exit_code is ExitCode.ENGINE and "\n" not in str(found.value)


def test_a_plug_in_that_is_switched_off_is_named(monkeypatch):
    ours = importlib.metadata.EntryPoint("ocr_engine", vllm_process.PLUGIN, vllm_process.PLUGIN_GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [ours])
    for allowed in ("", "other"):
        monkeypatch.setenv("VLLM_PLUGINS", allowed)
        with pytest.raises(EngineError, match="VLLM_PLUGINS .* add ocr_engine"):
            vllm_process.check_plugin()
    monkeypatch.setenv("VLLM_PLUGINS", "other,ocr_engine")
    vllm_process.check_plugin()
    monkeypatch.delenv("VLLM_PLUGINS")
    vllm_process.check_plugin()


def test_the_plug_in_that_is_sought_is_the_one_that_is_installed():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert vllm_process.PLUGIN in project["entry-points"][vllm_process.PLUGIN_GROUP].values()
