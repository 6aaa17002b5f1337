from pathlib import Path

import pytest

from ocr_engine.errors import InputError
from ocr_engine.evaluation import predictions


def test_names_that_no_file_can_have_are_missing(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    found = predictions.read_all(tmp_path, ["a.jpg", "x" * 300 + ".jpg", "b\0.jpg", ""])
    assert [one.path is None for one in found] == [False, True, True, True]


def test_names_are_looked_for_in_the_evaluator_s_order() -> None:
    assert predictions.file_names("a.pdf_1.jpg") == ("a.pdf_1.md", "a_1.mmd", "a_1.md", "a.pdf_1.jpg.md")
    assert predictions.file_names("a.jpeg")[0] == "a..md"


@pytest.mark.parametrize("name", ["a.pdf_1.md", "a_1.mmd", "a_1.md", "a.pdf_1.jpg.md"])
def test_each_name_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text")
    (found,) = predictions.read_all(tmp_path, ["a.pdf_1.jpg"])
    assert found.markdown == "text"
    assert predictions.unused(tmp_path, [found]) == []


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.md"):
        predictions.read_all(tmp_path, ["a.jpg"])


def test_bytes_that_are_not_utf_8_are_replaced_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"x\xff")
    (found,) = predictions.read_all(tmp_path, ["a.jpg"])
    assert (found.markdown, found.problem) == ("x\ufffd", "not all of it is UTF-8")


def test_loops_and_cut_tables() -> None:
    assert predictions.loops("start " + "over and " * 31)
    assert not predictions.loops("start " + "over and " * 30)
    assert not predictions.loops("")
    assert predictions.is_cut_in_table("<table><tr>")
    assert not predictions.is_cut_in_table("<table></table>")


def test_raw_text_beside_a_prediction_and_pages_outside_the_sample_are_no_strangers(tmp_path: Path) -> None:
    for name in ("a.md", "a_det.md", "b.md", "b_det.md", "c_det.md"):
        (tmp_path / name).write_text("text")
    found = predictions.read_all(tmp_path, ["a.jpg"])
    assert predictions.unused(tmp_path, found) == ["b.md", "b_det.md", "c_det.md"]
    assert predictions.unused(tmp_path, found, ["a.jpg", "b.jpg"]) == ["c_det.md"]
