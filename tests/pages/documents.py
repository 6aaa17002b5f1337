"""Builders of test documents."""

from pathlib import Path, PurePosixPath

import pymupdf

from ocr_engine.config import RenderConfig
from ocr_engine.pages.render import open_document, render_page
from ocr_engine.records import Document, DocumentKind, PageImage


def document(path: Path) -> Document:
    status = path.stat()
    kind = DocumentKind.PDF if path.suffix == ".pdf" else DocumentKind.IMAGE
    return Document(str(path), path, PurePosixPath(path.name), kind, status.st_size, status.st_mtime_ns)


def page(path: Path, index: int = 0, config: RenderConfig | None = None, password: str = "") -> PageImage:
    """Open and render, as the pool does."""
    config = config or RenderConfig()
    opened = open_document(document(path), config, password, 1000)
    ref = opened.page(index)
    return render_page(ref, config, password)


def pdf(path: Path, *texts: str, size: tuple[float, float] = (200, 100), **save: object) -> Path:
    """A PDF of one page a text."""
    with pymupdf.open() as made:
        for text in texts:
            made.new_page(width=size[0], height=size[1]).insert_text((20, 50), text)
        made.save(path, **save)
    return path


def raw_pdf(path: Path, page_keys: str, content: str = "0 0 50 50 re f") -> Path:
    """A one-page PDF with the given keys in its page dictionary, as a hostile producer would write it."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/Contents 4 0 R {page_keys}>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
    ]
    body = "%PDF-1.7\n"
    offsets = []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_text(f"{body}xref\n0 5\n0000000000 65535 f \n{table}{trailer}")
    return path
