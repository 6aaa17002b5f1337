"""The outline of a PDF: the same from both libraries, bounded, and never in the way of the pages."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pymupdf
import pytest

from ocr_engine.config import RenderConfig
from ocr_engine.pages import bookmarks as module
from ocr_engine.pages.bookmarks import MAX_TITLE_CHARS, bookmarks_of
from ocr_engine.pages.pdf_pdfium import PdfiumDocument
from ocr_engine.pages.pdf_pymupdf import PyMuPdfDocument
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.render import open_document
from ocr_engine.records import Bookmark
from tests.pages.documents import document, pdf

OUTLINE = [[1, "One", 1], [2, "One.One", 1], [2, "One.Two", 2], [1, "Two", 3], [1, "Nowhere", -1]]


def made(path: Path) -> Path:
    plain = pdf(path.with_name("plain.pdf"), "a", "b", "c")
    with pymupdf.open(plain) as opened:
        opened.set_toc(OUTLINE)
        opened.save(path)
    return path


@pytest.mark.parametrize("library", [PyMuPdfDocument, PdfiumDocument])
def test_both_libraries_read_it(tmp_path: Path, library: type[PyMuPdfDocument]) -> None:
    assert bookmarks_of(library(made(tmp_path / "a.pdf"), "")) == {
        0: (Bookmark(1, "One"), Bookmark(2, "One.One")),
        1: (Bookmark(2, "One.Two"),),
        2: (Bookmark(1, "Two"),),
    }


def test_pages_get_theirs_where_it_is_asked_for(tmp_path: Path) -> None:
    path = made(tmp_path / "a.pdf")
    opened = open_document(document(path), RenderConfig(), "", 100, bookmarks=True)
    assert opened.page(1).bookmarks == (Bookmark(2, "One.Two"),) and opened.page(1).number == 2
    assert not open_document(document(path), RenderConfig(), "", 100).page(1).bookmarks


class Odd:
    page_count = 2

    def bookmarks(self) -> Iterator[tuple[int, int, str]]:
        yield 1, 0, "x" * 10_000_000
        yield -5, 1, "\ud800kept\u202e"
        yield 10**9, 1, "deep"
        yield 1, 7, "past the end"
        yield 1, 1, " \x00 "
        raise RuntimeError("a cycle")


def test_odd_entries_are_bounded_and_an_error_keeps_what_was_before() -> None:
    found = bookmarks_of(Odd())  # type: ignore[arg-type]
    assert len(found[0][0].title) == MAX_TITLE_CHARS
    assert found[1] == (Bookmark(1, "kept"), Bookmark(99, "deep"))


def test_a_worker_that_dies_over_an_outline_costs_the_outline_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def submit(self: RenderPool, attempts: list[object], timeout_s: float, error: object) -> "Future[None]":
        tried.extend(attempts)
        return Future()

    monkeypatch.setattr(RenderPool, "_submit", submit)
    RenderPool(RenderConfig(workers=1), "", 9, bookmarks=True).open(document(made(tmp_path / "a.pdf")))
    assert [attempt.keywords.get("bookmarks", False) for attempt in tried] == [True, False, False]  # type: ignore[attr-defined]


def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BOOKMARKS", 1)
    assert set(bookmarks_of(Odd())) == {0}  # type: ignore[arg-type]
