"""Where a block is, for who cites it: an id that stays over runs, and its boxes in points."""

from urllib.parse import quote

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import Block, PageGeometry


def block_id(document: SourceDocument, page: int, block: int) -> str:
    """`FOLDER#page=7&block=3`: page from 1, block from 0 as in `blocks` of `pages.jsonl`.

    The folder is percent-encoded, and is a document's own in every run.
    """
    return f"{quote(str(document.folder), errors='surrogateescape')}#page={page}&block={block}"


def boxes_pt(block: Block, geometry: PageGeometry | None) -> list[list[float]]:
    """The block's boxes in points from the top left corner of the page as shown; none without a size."""
    if geometry is None:
        return []
    x, y = geometry.width_pt / BOX_SCALE, geometry.height_pt / BOX_SCALE
    sides = ((box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y) for box in block.boxes)
    return [[round(side, 2) for side in four] for four in sides]
