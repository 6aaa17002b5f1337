"""A layout in one module: plain text a page, its figures beside it."""

from ocr_engine.config import Config
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.official_page_writer import Files, OfficialPageWriter
from ocr_engine.records import PageRecord, PageTexts


class PlainWriter(OfficialPageWriter):
    """A file a page; raw texts and records are kept as `OfficialPageWriter` keeps them."""

    def files_of(self, texts: PageTexts, drawn: DrawnPage) -> Files:
        return {"plain.txt": texts.markdown, "drawn.jpg": drawn.overlay}


def plain_texts(config: Config, record: PageRecord, raw: str) -> PageTexts:
    words = " ".join(block.content.strip() for block in record.blocks)
    return PageTexts(raw, markdown=f"{config.output.layout}: {words}")
