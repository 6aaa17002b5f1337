"""Where a block, cell or word is, for who cites it: an id that stays over runs, and its boxes in points."""

from urllib.parse import quote

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import Block, PageGeometry


def page_id(document: SourceDocument, page: int) -> str:
    """`FOLDER#page=7`, page from 1. The folder is percent-encoded, and the same in every run."""
    return f"{quote(str(document.folder), errors='surrogateescape')}#page={page}"


def block_id(document: SourceDocument, page: int, block: int) -> str:
    """`FOLDER#page=7&block=3`: block from 0 as in `blocks` of `pages.jsonl`."""
    return f"{page_id(document, page)}&block={block}"


def cell_part(table: int, row: int, column: int) -> str:
    """`&cell=0,2`, row and column from 0, after a block's id; `&table=1&cell=0,2` in its second table."""
    return f"{f'&table={table}' if table else ''}&cell={row},{column}"


def word_part(word: int) -> str:
    """`&word=5`, from 0 over all text of the block, after a block's id."""
    return f"&word={word}"


def boxes_pt(block: Block, geometry: PageGeometry | None) -> list[list[float]]:
    """The block's boxes in points from the top left corner of the page as shown; none without a size."""
    if geometry is None:
        return []
    x, y = geometry.width_pt / BOX_SCALE, geometry.height_pt / BOX_SCALE
    sides = ((box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y) for box in block.boxes)
    return [[round(side, 2) for side in four] for four in sides]
