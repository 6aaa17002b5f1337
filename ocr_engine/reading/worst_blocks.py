"""The blocks of a page that are most unlike the page's own text; runs in the render worker that drew it."""

from collections.abc import Iterator, Sequence

from ocr_engine.layer.comparison import compared
from ocr_engine.layer.differences import differences
from ocr_engine.outputs.exports.review_changes import text_as_read
from ocr_engine.outputs.text_marks import MAX_CHARS
from ocr_engine.outputs.worst_block import WorstBlock, crop_jpeg
from ocr_engine.records import Block, PageImage
from ocr_engine.text.clean import clean

MAX_BLOCKS = 3
"""Blocks shown of one page."""


def worst_blocks(page: PageImage, blocks: Sequence[Block]) -> tuple[WorstBlock, ...]:
    """The worst blocks with a place, each with its picture and both texts."""
    return tuple(_worst(page, blocks))


def _worst(page: PageImage, blocks: Sequence[Block]) -> Iterator[WorstBlock]:
    found = differences(compared(blocks, page.text_layer()))
    for one in [one for one in found if blocks[one.block].boxes][:MAX_BLOCKS]:
        block = blocks[one.block]
        read = text_as_read(clean(block.content[: 2 * MAX_CHARS]))
        yield WorstBlock(block.label[:60], read, one.text, crop_jpeg(page, block.boxes))
