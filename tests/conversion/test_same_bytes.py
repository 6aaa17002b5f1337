"""Documents of equal bytes: the model reads one, each has its files, whatever stops the run between."""

import shutil
from pathlib import Path

import pytest

from ocr_engine.conversion.same_bytes import SameBytes
from ocr_engine.errors import ExitCode
from ocr_engine.records import Document, DocumentKind, OpenedDocument
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf, tree

COPIES = ("again/first.pdf", "other name.pdf")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    first = make_pdf(tmp_path / "in/a/first.pdf", 3)
    make_pdf(tmp_path / "in/different.pdf", 1, "not the same")
    for name in COPIES:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first, tmp_path / "in" / name)
    return tmp_path / "in"


def test_equal_documents_are_read_once_and_have_all_their_files(
    corpus: Path, tmp_path: Path, asked: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_pdf(corpus, "--output", tmp_path / "each", "--set", "input.same_once=false") == ExitCode.OK
    assert len(asked) == 10
    asked.clear()
    assert run_pdf(corpus, "--output", tmp_path / "once") == ExitCode.OK
    assert len(asked) == 4
    assert tree(tmp_path / "once") == tree(tmp_path / "each")
    found = {(row["document"], row["page"]): row.get("same_as") for row in rows(tmp_path / "once")}
    assert len(found) == 10 and sum(bool(name) for name in found.values()) == 6
    assert {name for name in found.values() if name} <= {
        str(corpus / "a/first.pdf"),
        *map(str, corpus.rglob("*.pdf")),
    }
    asked.clear()
    assert run_pdf(corpus, "--output", tmp_path / "once") == ExitCode.OK and not asked


def test_a_copy_that_comes_later_and_a_run_that_was_stopped_ask_for_nothing_twice(
    corpus: Path, tmp_path: Path, asked: list[str]
) -> None:
    out = tmp_path / "out"
    stopped = ("--set", "limits.pages=2", "--set", "engine.in_flight=1")
    assert run_pdf(corpus, "--output", out, *stopped) == ExitCode.LIMIT
    assert run_pdf(corpus, "--output", out) == ExitCode.OK
    shutil.copy(corpus / "a/first.pdf", corpus / "late.pdf")
    assert run_pdf(corpus, "--output", out) == ExitCode.OK
    assert len(asked) == 4
    assert run_pdf(corpus, "--output", tmp_path / "calm", "--set", "input.same_once=false") == ExitCode.OK
    assert tree(out) == tree(tmp_path / "calm")


def test_a_page_that_failed_in_the_one_is_tried_in_the_other(
    corpus: Path, tmp_path: Path, asked: list[str]
) -> None:
    options = ("--set", f"engine.replay_from={tmp_path / 'in'}", "--set", "quality.retries=[]")
    assert run_pdf(corpus, "--output", tmp_path / "out", *options) == ExitCode.PAGES_FAILED
    assert len(asked) == 10 and len(rows(tmp_path / "out")) == 10


def test_of_a_document_that_has_ended_its_place_is_kept_and_nobody_waits_for_it() -> None:
    same = SameBytes()
    one, two = (
        OpenedDocument(Document(name, Path(name), Path(name), DocumentKind.PDF, 1, 1), "id", 1, "pymupdf")  # type: ignore[arg-type]
        for name in ("a.pdf", "b.pdf")
    )
    assert same.begin(one) is None
    first = same.begin(two)
    assert first is not None and first.given == "a.pdf" and not first.ended.is_set()
    same.end(one)
    later = same.begin(two)
    assert later is not None and later.ended.is_set() and (later.given, later.name) == ("a.pdf", "a.pdf")
    assert first.ended.is_set()
    assert same.begin(OpenedDocument(two.document, "another", 1, "pymupdf")) is None
