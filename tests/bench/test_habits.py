"""What the measurement of the habits calls right and wrong, and what it says of the real answers."""

from pathlib import Path

import pytest

from bench.habits import Change, Layer, changes, measure, table
from ocr_engine.config import TextConfig
from ocr_engine.text.habits import HABITS

HYPHENS = next(habit for habit in HABITS if habit.name == "hyphens")
MIN_PRECISION, MIN_RIGHT = 0.995, 50


def test_the_page_says_what_is_right() -> None:
    layer = Layer("One well-known test, a start- und some end, of data-\nbase here")
    (known,) = changes(HYPHENS, "One well- known test")
    assert known == Change("One well", "- ", "-", "known test")
    assert layer.verdict(known) == "right"
    assert layer.verdict(Change("a start", "- ", "-", "und some")) == "wrong"
    assert layer.verdict(Change("of data", "- ", "-", "base here")) == "not clear", "a line ends there"
    assert layer.verdict(Change("not there", "- ", "-", "at all")) == "not clear"


def test_letters_are_compared_too() -> None:
    layer = Layer("the GetFolderItems command; an altem word")
    assert layer.verdict(Change("the GetFolder", "ltem", "Item", "s command")) == "right"
    assert layer.verdict(Change("an a", "ltem", "Item", " word")) == "wrong"


def test_a_folder_is_measured(tmp_path: Path) -> None:
    pymupdf = pytest.importorskip("pymupdf")
    (tmp_path / "a/pages").mkdir(parents=True)
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "One well-known test of a start- bis end")
        document.save(tmp_path / "a.pdf")
    (tmp_path / "a/pages/0001.raw.md").write_text("One well- known test of a start- bis end")
    tallies, pages, words = measure(tmp_path)
    assert (pages, words) == (1, 8)
    assert (tallies["hyphens"].verdicts.total(), tallies["hyphens"].precision) == (1, 1.0)
    assert "| hyphens | 1 | 1 | 0 | 0 | 100.00% | 0 | on |" in list(table(tallies))


def test_what_is_on_by_default_is_right_on_real_answers(shared_data: Path) -> None:
    tallies, pages, _ = measure(shared_data / "real_answers")
    assert pages > 200
    for name in TextConfig().habits:
        tally = tallies[name]
        assert tally.precision is not None and tally.precision > MIN_PRECISION, (name, tally.wrong)
        assert tally.verdicts["right"] >= MIN_RIGHT and not tally.in_true_text
