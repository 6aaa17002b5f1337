"""A new family is its record: with one more in `FAMILIES`, a document is read in that family's own mode."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from ocr_engine.engine.weights import expected_tensors
from ocr_engine.families import (
    FAMILIES,
    OCR,
    Family,
    Mode,
    family_of_architecture,
    guessed_family,
    resolve_mode,
)
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf
from tests.places import NANO

THIRD = "third-ocr"


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Family:
    """DeepSeek-OCR with one mode of its own, without newline features, by another name."""
    mode = Mode("pocket", 384, 384, stretch=True, row_newline=False, family=THIRD)
    family = replace(
        FAMILIES[OCR],
        name=THIRD,
        architecture="ThirdForCausalLM",
        modes=MappingProxyType({"pocket": mode}),
        max_tiles=7,
        row_newline=False,
        hints=("third",),
    )
    monkeypatch.setitem(FAMILIES, THIRD, family)
    return family


def test_a_document_is_read_in_its_mode(tmp_path: Path, third: Family) -> None:
    source = make_pdf(tmp_path / "a.pdf", 2)
    assert run_pdf(source, "--output", tmp_path / "first", "--mode", "tiny") == 0
    facts = json.loads((tmp_path / "first/run.json").read_text())
    facts["model"]["family"] = THIRD
    (tmp_path / "first/run.json").write_text(json.dumps(facts))
    again = ("--set", f"engine.replay_from={tmp_path / 'first'}", "--mode", "pocket")
    assert run_pdf(source, "--output", tmp_path / "second", *again) == 0
    assert {(row["status"], row["vision_tokens"]) for row in rows(tmp_path / "second")} == {
        ("done", 6 * 6 + 1)
    }


def test_it_is_known_wherever_a_family_is_looked_up(third: Family) -> None:
    assert family_of_architecture("ThirdForCausalLM") is third
    assert guessed_family("someone/Third-OCR-ft") == THIRD
    assert resolve_mode("pocket", 7, THIRD).max_tiles == 7
    config = json.loads((NANO / "config.json").read_text())
    tensors = expected_tensors(config, THIRD)
    assert expected_tensors(config, OCR).keys() - tensors.keys() == {"model.image_newline"}
