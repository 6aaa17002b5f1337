"""The journal: round trips, torn lines, faults while writing, memory, claims."""

import errno
import json
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_engine.errors import OutputError
from ocr_engine.outputs.journal import Journal
from ocr_engine.records import JournalRow, PageStatus

MakeRow = Callable[..., JournalRow]


def journal_at(path: Path, *rows: JournalRow) -> Journal:
    journal = Journal(path)
    for row in rows:
        journal.append(row)
    journal.close()
    return journal


def test_a_line_has_exactly_the_promised_keys(tmp_path: Path, row: MakeRow) -> None:
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("ü.pdf", 3))
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch("[0-9a-f]{8}", (values := json.loads(line)).pop("crc32"))
    assert values == {
        "document": "ü.pdf",
        "page": 3,
        "status": "done",
        "reason": "",
        "fingerprint": "read.write",
        "outputs": ["a/pages/0003.md"],
        "attempts": 1,
        "seconds": {"render": 0.25, "total": 1.5},
        "folder": "a",
        "mode": "gundam",
        "chars": 12,
    }
    assert "ü.pdf" in line, "readable without a JSON parser"


def test_rows_come_back_as_they_were(tmp_path: Path, row: MakeRow) -> None:
    rows = [
        row("a.pdf", 1),
        row("broken.pdf", None, status=PageStatus.FAILED, reason="no pages", outputs=()),
        row(os.fsdecode(b"latin-\xe9.pdf"), 2),
        row("new\nline\u2028\u202e.pdf", 2),
    ]
    journal = journal_at(tmp_path / "journal.jsonl", *rows)
    assert list(journal.rows()) == list(journal.latest_rows()) == rows


def test_a_page_that_is_written_again_keeps_the_times_of_its_reading(tmp_path: Path, row: MakeRow) -> None:
    def written(page: int, fingerprint: str, **seconds: float) -> JournalRow:
        ended = {"ended": 100.0 if seconds else 900.0, "chars": len(seconds)}
        return row("a.pdf", page, fingerprint=fingerprint, seconds=seconds, extra=ended)

    journal = journal_at(
        tmp_path / "journal.jsonl",
        written(1, "read.tree", total=5.0),
        written(2, "read.tree", total=7.0),
        written(1, "read.official"),
        written(2, "other.tree"),
        written(1, "read.folders"),
        row("a.pdf", 3, fingerprint="", seconds={}),
        row("a.pdf", 3, fingerprint="", seconds={}),
    )
    two, one, _ = journal.latest_rows()
    assert (one.page, one.fingerprint, one.seconds) == (1, "read.folders", {"total": 5.0})
    assert one.extra == {"ended": 100.0, "chars": 0}
    assert two.seconds == {}, "another reading's times are not its own"


def test_an_extra_cannot_replace_a_key(tmp_path: Path, row: MakeRow) -> None:
    journal = journal_at(tmp_path / "journal.jsonl", row(extra={"status": "failed", "chars": 1}))
    (read,) = journal.rows()
    assert (read.status, read.extra) == (PageStatus.DONE, {"chars": 1})


def test_the_last_row_of_a_page_counts(tmp_path: Path, row: MakeRow) -> None:
    first, other, second = row(reason="first"), row("b.pdf"), row(reason="second")
    journal = journal_at(tmp_path / "journal.jsonl", first, other, second)
    latest = journal.latest()
    assert {key: value.reason for key, value in latest.items()} == {("a.pdf", 1): "second", ("b.pdf", 1): ""}
    assert latest["a.pdf", 1].seconds == {} == latest["a.pdf", 1].extra
    assert list(journal.latest_rows()) == [other, second]


def test_claims_name_the_folder_of_each_document(tmp_path: Path, row: MakeRow) -> None:
    journal = journal_at(
        tmp_path / "journal.jsonl",
        row("in/a.pdf", 1, outputs=("x/a/somewhere/deep/0001.md", "x/a/0001.md"), folder="x/a"),
        row("b.pdf", 1, outputs=("b/.pages/0001.det",), folder="b"),
        row("c.pdf", None, outputs=()),
        row("evil.pdf", 1, folder="../../etc"),
        row("gone.pdf", 1, folder="gone"),
    )
    for folder in ("x/a/somewhere", "b"):
        (tmp_path / folder).mkdir(parents=True)
    assert journal.claims() == {"x/a": "in/a.pdf", "b": "b.pdf"}


def test_rows_of_before_there_was_a_folder_have_it_from_their_first_output(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    line = (
        '{"document": "in/a.pdf", "page": %d, "status": "done", "reason": "", "fingerprint": "r.w",'
        ' "outputs": %s, "attempts": 1, "seconds": {}}\n'
    )
    path.write_text(line % (1, '["x/a/pages/0001.md", "x/a/figures/0001-1.jpg"]') + line % (2, "[]"))
    (tmp_path / "x/a").mkdir(parents=True)
    journal = Journal(path)
    assert [found.folder for found in journal.rows()] == ["x/a", ""]
    assert journal.claims() == {"x/a": "in/a.pdf"}


def test_no_journal_yet_is_an_empty_one_and_nothing_is_made(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "out" / "journal.jsonl")
    assert journal.latest() == {} == journal.claims()
    assert list(journal.rows()) == []
    assert not (tmp_path / "out").exists()


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not a file"):
        Journal(tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), junk=st.binary(max_size=20))
def test_a_torn_tail_costs_at_most_the_torn_line(tmp_path: Path, row: MakeRow, cut: int, junk: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal_at(path, row("a.pdf", 1), row("a.pdf", 2))
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    torn = whole[: second + min(cut, len(whole) - second)] + junk.replace(b"\n", b"")
    path.write_bytes(torn)
    journal = journal_at(path, row("a.pdf", 3))
    pages = [row.page for row in journal.rows()]
    assert pages in ([1, 3], [1, 2, 3])
    survived = torn[second:].startswith(whole[second:]) or torn[second:].strip(b" \t\r\n") == whole[second:-1]
    assert (2 in pages) == survived


def test_opening_mends_and_reading_alone_does_not(tmp_path: Path, row: MakeRow) -> None:
    path = tmp_path / "journal.jsonl"
    journal_at(path, row())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"document": "b.p')
    journal = Journal(path)
    assert len(journal.latest()) == 1
    assert path.read_bytes() != whole
    journal.open()
    journal.close()
    assert path.read_bytes() == whole


def test_junk_in_the_middle_is_skipped(tmp_path: Path, row: MakeRow) -> None:
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("a.pdf", 1))
    with path.open("ab") as file:
        file.write(
            b'\0\0\0\0\n[1]\n{"document": 5}\n\xff\n'
            b'{"document": "x", "page": 1, "outputs": [], "status": "?"}\n'
        )
    journal_at(path, row("a.pdf", 2))
    assert [row.page for row in Journal(path).rows()] == [1, 2]


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_half_line(
    tmp_path: Path, row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(row("a.pdf", 1))
    real_write, calls = os.write, []

    def write_some_then_fail(handle: int, data: memoryview) -> int:
        calls.append(handle)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(handle, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_some_then_fail)
        with pytest.raises(OutputError, match="disk is full"):
            journal.append(row("a.pdf", 2))
    journal.append(row("a.pdf", 3))
    journal.close()
    assert [row.page for row in journal.rows()] == [1, 3]


def test_a_line_is_on_disk_before_append_returns(
    tmp_path: Path, row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    journal_at(path, row())
    assert synced[-1] == path.stat().st_size


def test_names_that_no_file_can_have_are_no_rows(tmp_path: Path, row: MakeRow) -> None:
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("bad byte \udcff.pdf"), row("half \ud800.pdf"), row("other half \udd00.pdf"))
    assert [found.document for found in Journal(path).rows()] == ["bad byte \udcff.pdf"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_edited_line_is_no_row(tmp_path: Path, row: MakeRow, data: st.DataObject) -> None:
    """Of a journal with some bytes changed every row that is left is one that was written.

    The first line stays: it shows that lines of this journal have checksums.
    """
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    written = [row("a.pdf", 1), row("b.pdf", 2, reason="1 of 2"), row("c.pdf", None, outputs=())]
    journal_at(path, *written)
    whole = path.read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(whole.index(b"\n") + 1, len(whole) - 1))
        whole = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    path.write_bytes(whole)
    assert all(found in written for found in Journal(path).rows())


def test_lines_of_before_there_were_checksums_count_only_before_all_others(
    tmp_path: Path, row: MakeRow
) -> None:
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("a.pdf", 1))
    old = b"".join(re.sub(rb', "crc32": "\w+"', b"", line) for line in path.read_bytes().splitlines(True))
    path.write_bytes(old)
    journal_at(path, row("a.pdf", 2))
    with path.open("ab") as file:
        file.write(old.replace(b"a.pdf", b"b.pdf"))
    assert [(found.document, found.page) for found in Journal(path).rows()] == [("a.pdf", 1), ("a.pdf", 2)]


def test_odd_lines_are_said_once_with_the_first_place(
    tmp_path: Path, row: MakeRow, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ocr_engine"), "propagate", True)
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("a.pdf", 1))
    with path.open("ab") as file:
        file.write(b"\n[1]\n" + path.read_bytes().replace(b'"page": 1', b'"page": 4') + b"\0\0\n")
    journal = journal_at(path, row("a.pdf", 2))
    assert [found.page for found in journal.latest_rows()] == [1, 2] == [page for _, page in journal.latest()]
    (said,) = caplog.messages
    assert "3 damaged lines are ignored, the first is line 3" in said


def test_a_line_of_any_length_is_passed_over_in_bounded_memory(
    tmp_path: Path, row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocr_engine.outputs.journal._MAX_LINE_BYTES", 2_000)
    path = tmp_path / "journal.jsonl"
    journal_at(path, row("a.pdf", 1))
    line = path.read_bytes()
    with path.open("ab") as file:
        file.write(b" " * (4_000 - 1) + b"x" + line.replace(b"a.pdf", b"b.pdf"))  # its last piece is a row
    journal = journal_at(path, row("a.pdf", 2))
    assert [(found.document, found.page) for found in journal.rows()] == [("a.pdf", 1), ("a.pdf", 2)]


def test_a_row_is_found_again_with_what_it_keeps(tmp_path: Path, row: MakeRow) -> None:
    written = row("a.pdf", 2, extra={"chars": 5, "record": {"raw": "12", "size": None}})
    journal = journal_at(tmp_path / "journal.jsonl", row("a.pdf", 1), written)
    bare = journal.latest()["a.pdf", 2]
    assert bare.extra == {} and journal.whole(bare) == written
    (tmp_path / "journal.jsonl").unlink()
    assert journal.whole(bare) == bare


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("a/pages/0001.md", True), ("ü" * 90 + "/pages/0001.md", True), ("a..b/..c/pages/0001.md", True),
        ("/etc/passwd", False), ("a/../../b", False), ("..", False), ("", False), ("a/\0", False),
        ("x" * 256 + "/a", False), ("ü" * 128 + "/a", False), ("x/" * 2_048, False),
        ("/".join("x" * 2_000), True),
    ],
)  # fmt: skip
def test_outputs_are_paths_below_the_folder(tmp_path: Path, row: MakeRow, path: str, taken: bool) -> None:
    journal = journal_at(tmp_path / "journal.jsonl", row(outputs=("a/pages/0001.md", path)))
    assert bool(list(journal.rows())) is taken
