"""Repeated lines: as many as are wanted stay, all else is as it was."""

from ocr_engine.text.equal_lines import limit_equal_lines


def test_a_line_over_and_over_is_kept_as_often_as_is_wanted() -> None:
    assert limit_equal_lines("a\n" + "x\n" * 9 + "b\n", 3) == "a\nx\nx\nx\nb\n"
    assert limit_equal_lines("x\n\nx\n\n  x\n\nx\n\ny", 2) == "x\n\nx\n\ny"
    assert limit_equal_lines("x\nx\nx\n\ny", 1) == "x\n\ny", "a paragraph stays one"
    assert limit_equal_lines("x\nx\ny\nx\nx\n", 1) == "x\ny\nx\n"


def test_lines_that_only_come_back_stay() -> None:
    for text in ("x\ny\nx\ny\nx\n", "x\nx\n\n\n\nx", "\n\n\n", ""):
        assert limit_equal_lines(text, 3) == text
    assert limit_equal_lines("x\n" * 9, 0) == "x\n" * 9
