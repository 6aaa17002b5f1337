"""The doctor finds what is wrong with a machine, and says what to do about it."""

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ocr_engine import config as config_module
from ocr_engine.cli import doctor, machine
from ocr_engine.cli.doctor import Check, Level, examine, line
from ocr_engine.config import Config
from ocr_engine.engine import devices, hub
from ocr_engine.outputs.exports import ghostscript
from ocr_engine.pages import office
from tests.places import NANO

GPU = machine.GpuHere("NVIDIA X", "580.1", 81920, 80000, 9.0)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_module.load(None, {"output.path": str(tmp_path / "out"), "engine.model": "nano"})


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_gpu_visible", lambda: True)
    monkeypatch.setattr(machine, "gpus", lambda: [GPU])
    monkeypatch.setattr(machine, "torch_trouble", lambda: "")


def found(config: Config, name: str) -> Check:
    return next(check for check in examine(config) if check.name == name)


def test_a_good_machine_fails_nothing_and_leaves_no_trace(config: Config, tmp_path: Path) -> None:
    checks = list(examine(config))
    assert not [check for check in checks if check.level is Level.FAIL]
    assert {
        "python",
        "vllm",
        "torch",
        "gpu",
        "weights",
        "memory",
        "disk",
        "output",
        "renderers",
        "fonts",
    } <= {check.name for check in checks}
    assert list(tmp_path.iterdir()) == []


def test_a_good_gpu_is_ok(config: Config, with_gpu: None) -> None:
    gpu = found(config, "gpu")
    assert gpu.level is Level.OK and "NVIDIA X" in gpu.found and "580.1" in gpu.found
    assert found(config, "cuda").level is Level.OK


@pytest.mark.parametrize(
    ("changes", "level", "fix"),
    [
        ({"capability": 6.1}, Level.FAIL, "another GPU"),
        ({"total_mb": 6000.0}, Level.FAIL, "engine.quantization"),
        ({"total_mb": 12000.0, "free_mb": 11900.0}, Level.WARN, "mode: base"),
        ({"free_mb": 30000.0}, Level.WARN, "gpu_memory_utilization"),
    ],
)
def test_a_weak_gpu_is_told(
    config: Config, with_gpu: None, monkeypatch: pytest.MonkeyPatch, changes: Any, level: Level, fix: str
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: [dataclasses.replace(GPU, **changes)])
    gpu = found(config, "gpu")
    assert gpu.level is level and fix in gpu.fix


def test_a_driver_that_does_not_answer_or_does_not_fit_fails(
    config: Config, with_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "torch_trouble", lambda: "driver too old")
    assert found(config, "cuda").level is Level.FAIL
    monkeypatch.setattr(machine, "gpus", list)
    assert found(config, "gpu").level is Level.FAIL


def test_why_there_is_no_gpu(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "unset" in found(config, "gpu").fix
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(devices, "cuda_gpu_visible", lambda: False)
    monkeypatch.setattr(devices, "nvidia_device", lambda: True)
    assert "CPU build" in found(config, "gpu").found
    monkeypatch.setattr(devices, "nvidia_device", lambda: False)
    assert found(config, "gpu").level is Level.WARN


def test_versions_are_compared_with_the_tested_ones(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.tested_versions().keys() == {"vllm", "torch"}
    monkeypatch.setattr(machine, "tested_versions", lambda: {"vllm": ("0.1",), "torch": ("1.0",)})
    assert found(config, "vllm").level is Level.WARN and "0.1" in found(config, "vllm").fix
    monkeypatch.setattr(machine, "version", lambda *names: "")
    assert found(config, "torch").level is Level.FAIL
    monkeypatch.setattr(machine, "plugin_installed", lambda: False)
    assert found(config, "plug-in").level is Level.FAIL


def test_replay_needs_neither_vllm_nor_weights(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "version", lambda *names: "1.0" if "pymupdf" in names else "")
    replay = dataclasses.replace(config, engine=dataclasses.replace(config.engine, backend="replay"))
    checks = list(examine(replay))
    assert not {"vllm", "torch", "gpu", "weights"} & {check.name for check in checks}
    assert not [check for check in checks if check.level is Level.FAIL]


@pytest.mark.parametrize(("free_gib", "level"), [(100, Level.WARN), (2, Level.FAIL)])
def test_weights_that_are_not_here_yet(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_gib: int, level: Level
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free_gib << 30))
    monkeypatch.setattr(hub, "trouble", lambda *_: "")
    absent = dataclasses.replace(config, engine=dataclasses.replace(config.engine, model="someone/model"))
    weights = found(absent, "weights")
    assert weights.level is level and "someone/model" in weights.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("GatedRepoError", "set HF_TOKEN"),
        ("RepositoryNotFoundError", "check the name"),
        ("ConnectError", "the hub cannot be reached: check the network, HF_ENDPOINT and proxies"),
        ("", "HF_HUB_OFFLINE is set"),
    ],
)
def test_weights_that_cannot_be_had_are_told_before_a_run(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: str, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise type(error, (Exception,), {})

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", not error)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", refuse)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100 << 30))
    absent = dataclasses.replace(config, engine=dataclasses.replace(config.engine, model="someone/model"))
    weights = found(absent, "weights")
    assert weights.level is Level.FAIL and words in weights.fix


def test_half_a_checkpoint_fails_with_what_is_missing(config: Config, tmp_path: Path) -> None:
    shutil.copytree(NANO, tmp_path / "half")
    (tmp_path / "half/model.safetensors").write_bytes(b"12345678")
    half = dataclasses.replace(
        config, engine=dataclasses.replace(config.engine, model=str(tmp_path / "half"))
    )
    weights = found(half, "weights")
    assert weights.level is Level.FAIL and "incomplete" in weights.found


def test_memory_disk_files_and_fonts_have_limits(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 << 30))
    monkeypatch.setattr(machine, "free_memory_bytes", lambda: 1 << 30)
    monkeypatch.setattr(machine, "open_files_limit", lambda: 512)
    monkeypatch.setattr(machine, "fonts", lambda: (0, False))
    assert found(config, "disk").level is Level.WARN
    assert found(config, "memory").level is Level.FAIL
    assert found(config, "open files").level is Level.WARN and "ulimit" in found(config, "open files").fix
    assert "fonts-dejavu" in found(config, "fonts").fix
    monkeypatch.setattr(machine, "fonts", lambda: (3, False))
    assert "noto-cjk" in found(config, "fonts").fix


def test_an_output_folder_that_cannot_be_written_fails(config: Config, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    output = found(config, "output")
    assert output.level is Level.FAIL and "--output" in output.fix


def test_ghostscript_is_asked_for_only_where_it_is_needed(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "ghostscript" not in {check.name for check in examine(config)}
    chosen = {"searchable_pdf": True, "searchable_pdfa": True, "searchable_kind": "original"}
    wanted = dataclasses.replace(config, output=dataclasses.replace(config.output, **chosen))
    for body, level in (("echo 10.0", Level.OK), ("exit 1", Level.FAIL)):
        (tmp_path / "gs").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "gs").chmod(0o755)
        monkeypatch.setattr(ghostscript, "program", lambda: str(tmp_path / "gs"))
        assert found(wanted, "ghostscript").level is level
    monkeypatch.setattr(ghostscript, "program", lambda: "")
    assert "apt install ghostscript" in found(wanted, "ghostscript").fix


def test_a_missing_renderer(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "version", lambda *names: "5.1" if "pypdfium2" in names else "")
    assert found(config, "renderers").level is Level.WARN
    only = dataclasses.replace(config, render=dataclasses.replace(config.render, backend="pymupdf"))
    assert found(only, "renderers").level is Level.FAIL


def test_libreoffice_is_told_of_where_office_files_are_read(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(office, "program", lambda: "")
    assert found(config, "office").level is Level.WARN and "apt install" in found(config, "office").fix
    for body, level in (("echo LibreOffice 9", Level.OK), ("exit 1", Level.WARN)):
        (tmp_path / "soffice").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "soffice").chmod(0o755)
        monkeypatch.setattr(office, "program", lambda: str(tmp_path / "soffice"))
        assert found(config, "office").level is level
    off = dataclasses.replace(config, input=dataclasses.replace(config.input, office="off"))
    assert "office" not in {check.name for check in examine(off)}


def test_exit_codes_and_colours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.main(["--output", str(tmp_path / "out"), "--model", "nano"]) == 0
    assert "ok    weights" in (shown := capsys.readouterr().out) and "\033" not in shown
    (tmp_path / "out").write_text("a file")
    assert doctor.main(["--output", str(tmp_path / "out"), "--model", "nano"]) == 1
    assert doctor.main(["--config", "none.yaml"]) == 2
    assert doctor.main(["--set", "engine.backnd=replay"]) == 2
    assert "engine.backend?" in capsys.readouterr().err
    assert "\033[31m" in line(Check("disk", Level.FAIL, "full", "make room"), colours=True)
    monkeypatch.setattr(doctor.os, "environ", {"TERM": "xterm"})
    assert doctor._colours(True) and not doctor._colours(False)
    monkeypatch.setattr(doctor.os, "environ", {"TERM": "xterm", "NO_COLOR": "1"})
    assert not doctor._colours(True)


def test_nvidia_smi_is_read_and_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 0, "NVIDIA H200, 580.1, 143771, 143000, 9.0\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: answer)
    assert machine.gpus() == [machine.GpuHere("NVIDIA H200", "580.1", 143771.0, 143000.0, 9.0)]
    answer.stdout = "NVIDIA H200, [N/A], [N/A]\n"
    assert machine.gpus() == []

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 60)

    monkeypatch.setattr(subprocess, "run", hang)
    assert machine.gpus() == [] and "did not answer" in machine.torch_trouble()


@pytest.mark.parametrize(
    ("code", "out", "err", "words"),
    [(0, "", "", ""), (0, "too old\n", "", "too old"), (1, "", "x\nImportError: no\n", "ImportError: no"),
     (-11, "", "", "torch ended with -11")],
)  # fmt: skip
def test_what_torch_says_of_the_gpu(
    monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str, words: str
) -> None:
    answer = subprocess.CompletedProcess([], code, out, err)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: answer)
    assert machine.torch_trouble() == words


def test_a_folder_that_is_not_there_yet_is_tried_in_the_one_above(tmp_path: Path) -> None:
    machine.try_to_write(tmp_path / "a/b")
    assert machine.nearest_folder(tmp_path / "a/b") == tmp_path and not list(tmp_path.iterdir())
