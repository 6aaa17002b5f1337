"""The memory table's lines: what is counted while a file grows, and which samples are shown."""

from pathlib import Path

from bench.memory_flat import Lines, Sample, make, tenths


def test_lines_are_counted_as_they_come(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "journal.jsonl")
    assert lines.count() == 0
    (tmp_path / "journal.jsonl").write_bytes(b"one\ntwo\nhal")
    assert lines.count() == 2
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b"f\n")
    assert lines.count() == 3


def test_a_line_a_tenth_and_the_last_are_shown() -> None:
    found = [Sample(float(page), page, 80.0, 100.0, 40.0) for page in range(0, 36, 5)]
    assert [one.pages for one in tenths(found, 100)] == [10, 20, 30, 35], "a run that was ended early"
    assert str(found[2]) == "| 10 | 10 | 80 | 100 | 40 |"


def test_no_two_documents_are_equal(tmp_path: Path) -> None:
    make(tmp_path, 3, 2)
    assert len({path.read_bytes() for path in tmp_path.rglob("*.pdf")}) == 3
