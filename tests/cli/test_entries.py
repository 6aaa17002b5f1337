"""The command line as a new user meets it: help, wrong arguments, exit codes, one line an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from ocr_engine import cli
from ocr_engine.cli import entries
from ocr_engine.errors import ExitCode

ROOT = Path(__file__).parents[2]
REPLAY = ("--set", "engine.backend=replay", "--set", "render.workers=1")


def script(*args: str, cwd: Path = ROOT, name: str = "batch_pdf.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / name), *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize("name", ["batch_pdf.py", "batch_images.py"])
def test_help_explains_options_and_exit_codes(name: str) -> None:
    run = script("--help", name=name)
    assert run.returncode == 0 and run.stderr == ""
    for word in ("--pages", "--mode", "--retry", "--dry-run", "gundam-m", "Exit codes", "Example"):
        assert word in run.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--set", "engine.max_num_sequences=3"], 2, ["engine.max_num_seqs"]),
        (["--mode", "gundum"], 2, ["did you mean gundam?"]),
        (["--pages", "3-x"], 2, ["3-x"]),
        (["--retry", "lost"], 2, ["--retry lost", "failed"]),
        (["--config", "none.yaml"], 2, ["none.yaml", "--config"]),
        (["--set", "mode"], 2, ["KEY=VALUE"]),
        (["--set", "input.path="], 2, ["input.path"]),
        (["--model", "/no/such/model", "--set", "engine.backend=vllm"], 2, ["/no/such/model"]),
        (["--find", ""], 2, ["locate needs the text to find"]),
        (["--find", "Total", "--prompt", "ocr"], 2, ["find: needs prompt: locate"]),
        (["missing.pdf"], 3, ["missing.pdf"]),
        (["samples/images"], 3, ["samples/images"]),
    ],
)
def test_a_mistake_is_one_clear_line_and_its_exit_code(
    tmp_path: Path, args: list[str], code: int, words: list[str]
) -> None:
    run = script(*REPLAY, "--output", str(tmp_path / "out"), *args)
    assert run.returncode == code
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in run.stderr


def test_an_encrypted_pdf_says_what_to_give(tmp_path: Path) -> None:
    import pymupdf

    document = pymupdf.open()
    document.new_page().insert_text((50, 50), "secret")
    document.save(tmp_path / "a.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open", owner_pw="o")
    args = [*REPLAY, "--output", str(tmp_path / "out"), str(tmp_path / "a.pdf")]
    without = script(*args)
    assert without.returncode == 3 and "input.password" in without.stderr
    wrong = script(*args, "--set", "input.password=shut")
    assert wrong.returncode == 3 and "password" in wrong.stderr
    assert script(*args, "--set", "input.password=open").returncode == 0


def test_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path: Path) -> None:
    run = script("samples", *REPLAY, "--dry-run", "--output", str(tmp_path / "out"))
    assert run.returncode == 0
    assert "in all: 5 pages to read" in run.stdout
    assert not (tmp_path / "out").exists()


def test_a_second_run_on_the_same_folder_says_so_and_stops(tmp_path: Path) -> None:
    from ocr_engine.outputs.folder_lock import lock_output

    with lock_output(tmp_path):
        run = script("samples", *REPLAY, "--output", str(tmp_path))
    assert run.returncode == 2 and str(tmp_path) in run.stderr and "Traceback" not in run.stderr


def test_an_output_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    run = script("samples", *REPLAY, "--output", str(tmp_path / "out"))
    assert run.returncode == 2 and "Traceback" not in run.stderr


def test_ctrl_c_while_the_program_loads_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == "ocr_engine.cli.run":
                raise KeyboardInterrupt

    monkeypatch.delattr(cli, "run", raising=False)
    monkeypatch.delitem(sys.modules, "ocr_engine.cli.run", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted, *sys.meta_path])
    assert entries.batch_pdf(["samples"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "batch_pdf.py: stopped before it began\n"
