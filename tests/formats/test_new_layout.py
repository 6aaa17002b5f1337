"""A new layout is its module and its row: with these alone documents are read in it, and again in others."""

import json
from pathlib import Path

import pytest

from ocr_engine.formats import LAYOUTS, Layout, Overlay
from tests.conversion.test_pipeline import SAMPLES, rows, run_pdf

PLAIN = Layout(
    "plain",
    "tests.formats.plain_layout:PlainWriter",
    "tests.formats.plain_layout:plain_texts",
    figures=False,
    overlay=Overlay.ALWAYS,
)
IN_IT = ("--set", "output.layout=plain")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "plain", PLAIN)


def test_documents_are_read_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path, *IN_IT) == 0
    folder = tmp_path / "handbook"
    assert (folder / "plain.txt").read_text().startswith("plain: ")
    assert (folder / "drawn.jpg").is_file() and (folder / ".pages/pages.jsonl").is_file()
    assert not (folder / "handbook.md").exists() and not list(folder.glob("**/images/*"))
    assert (row := rows(tmp_path)[0])["chars"] > 10 and row["status"] == "done"
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    assert run_pdf(SAMPLES, "--output", tmp_path, *IN_IT) == 0
    assert run_pdf(SAMPLES, "--output", tmp_path) == 0  # `tree`, from the raw texts that it keeps
    assert (folder / "handbook.md").is_file()


def test_what_is_switched_on_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path, *IN_IT, "--set", "output.html=true") == 2
    assert "output.html: needs output.layout: tree" in capsys.readouterr().err
    assert run_pdf(SAMPLES, "--output", tmp_path, "--set", "output.layout=plane") == 2
    assert "did you mean plain?" in capsys.readouterr().err
    assert run_pdf(SAMPLES, "--output", tmp_path, *IN_IT, "--set", "output.zip=true") == 0
    assert json.loads((tmp_path / "run.json").read_text())["config"]["output"]["layout"] == "plain"


@pytest.mark.parametrize("name", tuple(LAYOUTS))
def test_every_row_names_what_is_there(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.name == name
    assert callable(layout.function(layout.writer)) and callable(layout.function(layout.texts))
