"""A finished document on disk, without a run."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from ocr_engine.config import OutputConfig
from ocr_engine.outputs.drawing import DrawnPage, _jpeg
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.writer import open_writer
from ocr_engine.records import PageRecord, PageTexts

MakeRecord = Callable[..., PageRecord]


def block_texts(record: PageRecord) -> tuple[str, ...]:
    return tuple(block.content.strip() for block in record.blocks)


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., SourceDocument]:
    """Writes pages (record and markdown) as a run would; `pictures` of the given size."""

    def make(
        pages: list[tuple[PageRecord, str]], name: str = "a", pictures: tuple[int, int] | None = None
    ) -> SourceDocument:
        writer = open_writer(tmp_path, PurePosixPath(name), OutputConfig(), f"{name}.pdf")
        picture = _jpeg(Image.new("RGB", pictures, "white"), 80) if pictures else None
        for record, text in pages:
            writer.save_page(record, PageTexts(raw="raw", markdown=text), DrawnPage(page=picture))
        writer.merge()
        return SourceDocument(tmp_path, PurePosixPath(name), f"in/{name}.pdf", "0a1b", block_texts)

    return make
