"""PDFs that a benchmark opens by itself, as a run would."""

from pathlib import Path, PurePosixPath

from ocr_engine.records import Document, DocumentKind


def document_of(pdf: Path) -> Document:
    """A PDF as an input that was given by its name. Raises OSError where it is not there."""
    facts = pdf.stat()
    return Document(
        pdf.name, pdf, PurePosixPath(pdf.name), DocumentKind.PDF, facts.st_size, facts.st_mtime_ns
    )
