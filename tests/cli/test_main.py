"""`python -m ocr_engine NAME`: the table, and that every row leads to a command."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_engine.__main__ import SUBCOMMANDS, main, usage

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_row_is_a_function_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = SUBCOMMANDS[name]
    assert callable(getattr(importlib.import_module(command.module), command.function))
    assert f"  {name} " in usage() and command.words in usage()
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0 and "usage:" in capsys.readouterr().out


def test_no_name_prints_the_table_and_a_wrong_one_says_which_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0 == main(["--help"])
    assert "doctor" in capsys.readouterr().out
    assert main(["docter"]) == 2
    assert "one of: pdf, images" in capsys.readouterr().err


def test_it_runs_as_a_module_and_imports_only_what_it_needs() -> None:
    code = "import sys, runpy\nsys.argv = ['x', '--help']\n"
    code += "try: runpy.run_module('ocr_engine', run_name='__main__')\n"
    code += "except SystemExit: print(sorted(name for name in sys.modules if name.startswith('ocr_engine')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.splitlines()[-1] == "['ocr_engine', 'ocr_engine.errors', 'ocr_engine.start']"
