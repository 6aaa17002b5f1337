"""A command started by the wrong Python says so in one line, with what to run instead."""

import subprocess
import sys
from pathlib import Path

import pytest

from ocr_engine import start
from ocr_engine.__main__ import main
from ocr_engine.errors import ExitCode

ROOT = Path(__file__).parents[1]
REMEDY = "from a checkout, run `bash scripts/run.sh` once and then"


@pytest.mark.parametrize("script", ["batch_pdf.py", "batch_images.py", "eval_batch.py"])
def test_a_python_without_the_packages_is_told_what_to_run(script: str) -> None:
    # -S -E: no site-packages, as in a Python that the set-up never saw.
    run = subprocess.run(
        [sys.executable, "-S", "-E", str(ROOT / script), "samples"], capture_output=True, text=True
    )
    assert run.returncode == ExitCode.USAGE
    assert len(run.stderr.splitlines()) == 1
    assert f"is not installed in {sys.executable}; {REMEDY} `.venv/bin/python {script}`" in run.stderr


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(start, "OLDEST", (99, 0))
    with pytest.raises(SystemExit) as stopped:
        start.command("ocr_engine.cli.entries", "batch_pdf", "batch_pdf.py")
    assert stopped.value.code == ExitCode.USAGE
    assert "needs Python 99.0 or newer; this is 3." in capsys.readouterr().err


def test_a_fault_of_our_own_is_not_taken_for_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        start.command("ocr_engine.no_such_room", "main", "batch_pdf.py")


def test_subcommands_start_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == ExitCode.OK
    assert "gundam" in capsys.readouterr().out
