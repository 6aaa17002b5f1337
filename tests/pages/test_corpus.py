"""Real and hostile files through the pool: each gives pages or one clear error, and nothing hangs."""

from concurrent.futures import Future
from itertools import islice
from pathlib import Path

import pytest

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageRef
from tests.pages import bad_tasks
from tests.pages.documents import document

PAGES_OF_EACH = 2
MAX_DOCUMENT_PAGES = 5_000


def inputs(folder: Path) -> list[Document]:
    """All files, whatever they are called: fuzzed ones have no suffix."""
    kind = DocumentKind.PDF if folder.name.startswith("pdf") else DocumentKind.IMAGE
    found = [document(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [Document(d.given, d.path, d.relative, kind, d.size_bytes, d.mtime_ns) for d in found]


def outcomes(folder: Path, timeout_s: float) -> dict[str, list[str]]:
    """For each file: `document: reason`, or one entry a page: the renderer's name or `page: reason`."""
    config = RenderConfig(workers=2, timeout_s=timeout_s, dpi=72, max_pixels=2_000_000)
    with RenderPool(config, "", MAX_DOCUMENT_PAGES) as pool:
        opening = [(item, pool.open(item)) for item in inputs(folder)]
        pages = [(item, pages_of(pool, item, future)) for item, future in opening]
        return {item.path.name: [entry for page in found for entry in page()] for item, found in pages}


def pages_of(pool: RenderPool, item: Document, future: "Future[OpenedDocument]") -> list["Outcome"]:
    try:
        opened = future.result(120)
    except DocumentError as error:
        return [Outcome(None, f"document: {error}")]
    assert 1 <= opened.page_count <= min(opened.claimed_pages, MAX_DOCUMENT_PAGES)
    refs = (PageRef(item, "", i, opened.page_count, opened.backend) for i in range(opened.page_count))
    return [Outcome(pool.run(ref, bad_tasks.backend), "") for ref in islice(refs, PAGES_OF_EACH)]


class Outcome:
    def __init__(self, future: "Future[str] | None", text: str) -> None:
        self.future, self.text = future, text

    def __call__(self) -> list[str]:
        if self.future is not None:
            try:
                self.text = self.future.result(120)
            except PageError as error:
                self.text = f"page: {error}"
        assert "\n" not in self.text and "Traceback" not in self.text
        return [self.text]


@pytest.mark.parametrize(("folder", "at_least"), [("pdf_real", 60), ("images_real", 70)])
def test_every_page_of_every_good_file_is_rendered(shared_data: Path, folder: str, at_least: int) -> None:
    found = outcomes(shared_data / "corpus" / folder, 60)
    assert len(found) >= at_least
    failed = {name: entries for name, entries in found.items() if any(":" in entry for entry in entries)}
    assert set(failed) <= {"pillow__hopper.heif"}, failed


def test_bad_images_give_pages_or_clear_errors(shared_data: Path) -> None:
    found = outcomes(shared_data / "corpus/images_bad", 20)
    assert len(found) >= 40
    assert found["jpeg_named.png"] == found["two_jpegs.jpg"] == ["pillow"]
    assert found["svg.png"] == ["document: not an image: the file is SVG"]
    assert found["trunc_half.jpg"] == ["pillow"]
    assert "too large to decode" in found["bomb_50000x50000_1bit.png"][0]


def test_bad_pdfs_give_pages_or_clear_errors(shared_data: Path) -> None:
    found = outcomes(shared_data / "corpus/pdf_bad", 3)
    assert len(found) >= 140
    assert "took longer than 3 s" in found["bomb_billion_laughs_forms.pdf"][0]
    assert found["html_login_page.pdf"] == ["document: not a PDF: the file is HTML"]
    assert found["qpdf__append-xref-loop.pdf"] == ["pdfium", "pdfium"]
    assert found["kids_depth_6000.pdf"] == ["pymupdf"]
    assert found["same_page_50000_times.pdf"] == ["pdfium", "pdfium"]
    locked = "samplefiles__libreoffice-writer-password.pdf"
    assert found[locked] == ["document: encrypted: give its password as input.password"]
    rendered = sum(entries[0] in ("pymupdf", "pdfium") for entries in found.values())
    # One of them was drawn empty only because it is damaged, and is `failed` since that is told.
    assert rendered >= 84
