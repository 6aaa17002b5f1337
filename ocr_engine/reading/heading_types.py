"""How the headings of a page are set, by the words of the text layer that lie in their boxes."""

from collections.abc import Sequence

import numpy as np

from ocr_engine.records import Block, Box, HeadingType, LayerVerdict, TextLayer
from ocr_engine.text.headings import is_heading

MAX_HEADINGS = 500
"""Headings of one page that are looked up."""


def heading_types(blocks: Sequence[Block], layer: TextLayer) -> tuple[HeadingType, ...]:
    """Size and weight of each heading; headings on which the layer has no word are left out.

    Someone's OCR says nothing of type, so only a document's own text does.
    """
    if layer.verdict is not LayerVerdict.BORN_DIGITAL:
        return ()
    found = [block for block in blocks if block.boxes and is_heading(block)][:MAX_HEADINGS]
    middles, bold = (layer.boxes[:, :2] + layer.boxes[:, 2:]) / 2, layer.is_bold
    types = (_type(block.boxes[0], layer, middles, bold) for block in found)
    return tuple(one for one in types if one is not None)


def _type(
    box: Box,
    layer: TextLayer,
    middles: "np.typing.NDArray[np.floating]",
    bold: "np.typing.NDArray[np.bool_]",
) -> HeadingType | None:
    """Of the words whose middles, (n, 2), are in the box; `bold` says which of all words are."""
    x, y = middles[:, 0], middles[:, 1]
    inside = (box.x1 <= x) & (x <= box.x2) & (box.y1 <= y) & (y <= box.y2) & (layer.sizes_pt > 0)
    if not inside.any():
        return None
    size_pt = round(float(np.median(layer.sizes_pt[inside])), 1)
    return HeadingType(box, size_pt, bool(bold[inside].mean() > 0.5)) if size_pt > 0 else None
