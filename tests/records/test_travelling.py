"""Records that go from process to process with every page: the main process pickles them without Python.

A frozen dataclass with slots is pickled by a function of the standard library that is written in Python.
"""

import pickle
import sys
from pathlib import Path, PurePosixPath
from types import FrameType

import pytest

from ocr_engine.conversion.page_saving import PageToSave
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.processes.sealed import Sealed
from ocr_engine.processes.worker import _Reply
from ocr_engine.reading.finish import Finished
from ocr_engine.reading.prepare import PreparedPage
from ocr_engine.records import (
    A4,
    Document,
    DocumentKind,
    FinishReason,
    Generation,
    GenerationRequest,
    PageRecord,
    PageRef,
    PageStatus,
    PageTexts,
)

DOCUMENT = Document("a.pdf", Path("a.pdf"), PurePosixPath("a.pdf"), DocumentKind.PDF, 1, 2)
RECORD = PageRecord(1, PageStatus.DONE, "", "f.g", "base", "markdown", geometry=A4)
READY = ReadyPage(RECORD, PageTexts("raw"))
PREPARED = PreparedPage(None, b"", 0.1, 0.1, 0.5, Sealed(None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "record",
    [
        PageRef(DOCUMENT, "id", 0, 1, "pymupdf"),
        GenerationRequest("a/pages/0001", None, "", 1, 20, 50),  # type: ignore[arg-type]
        Generation("text", FinishReason.STOP, 1, 2, 3, 0.1),
        PREPARED,
        Finished(RECORD, Sealed(READY), None),
        PageToSave("a.pdf", "id", PurePosixPath("a"), "a.pdf", Sealed(READY), DrawnPage(), {}),
        _Reply(READY),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_travels_with_each_page_is_pickled_without_python(record: object) -> None:
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "dataclass" in frame.f_code.co_name:
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        there = pickle.loads(pickle.dumps(record, protocol=5))  # noqa: S301 - made here
    finally:
        sys.setprofile(None)
    assert type(there) is type(record)
    assert not called, f"{type(record).__name__}, or a record in it, has slots"
