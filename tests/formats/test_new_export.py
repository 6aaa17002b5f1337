"""A new export is its module and its row: with these a run has its switch, makes it, knows it as its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ocr_engine.formats import EXPORTS
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf

MODULE = """
def write(document, path):
    path.write_text(" ".join(f"{page.record.page}:{page.image is not None}" for page in document.pages()))
"""
ROW = """
from ocr_engine.formats import EXPORTS, Export
EXPORTS["words"] = Export("words", "{name}.words", "words_export:write", needs_pictures=True)
"""


@pytest.fixture
def with_it(tmp_path: Path) -> Mapping[str, str]:
    """Processes with this environment have the export; the row is added before anything reads the rows."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "words_export.py").write_text(MODULE)
    (folder / "sitecustomize.py").write_text(ROW)
    return {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}


def run(env: Mapping[str, str], *words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ocr_engine", "pdf", *map(str, words), *REPLAY]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)


def test_a_run_makes_it_and_knows_it(tmp_path: Path, with_it: Mapping[str, str]) -> None:
    make_pdf(tmp_path / "in/a.pdf", 2)
    make_pdf(tmp_path / "in/b.words.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out")
    switched_on = ("--set", "output.words=true")
    done = run(with_it, *command, *switched_on)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/a/a.words").read_text() == "1:True 2:True"
    assert json.loads((tmp_path / "out/run.json").read_text())["config"]["output"]["words"] is True
    # A document's folder of such a name could stand where a file of the export belongs.
    assert not (tmp_path / "out/b.words").exists()
    official = run(with_it, *command, *switched_on, "--set", "output.layout=official")
    assert official.returncode == 2 and "output.words: needs output.layout: tree" in official.stderr
    make_pdf(tmp_path / "in/a.pdf", 3, "other")
    assert run(with_it, *command).returncode == 0
    assert not (tmp_path / "out/a/a.words").exists()


def test_a_benchmark_switches_it_off(with_it: Mapping[str, str]) -> None:
    code = "from ocr_engine.benchmark.run import PRESET; print(PRESET['output.words'])"
    done = subprocess.run([sys.executable, "-c", code], env=with_it, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("key", EXPORTS)
def test_every_row_names_functions_that_are_there(key: str) -> None:
    export = EXPORTS[key]
    for reference in (export.write, export.remove, export.require):
        assert not reference or callable(export.function(reference))
