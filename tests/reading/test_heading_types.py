"""The type of headings, from the words of the text layer in their boxes."""

from dataclasses import replace

import numpy as np

from ocr_engine.reading.heading_types import heading_types
from ocr_engine.records import Block, Box, HeadingType, LayerVerdict, no_layer
from tests.text_layers import layer_of

HEADING = Block("sub_title", (Box(90, 90, 600, 115),), "\n## 1 Scope\n")
TEXT = Block("text", (Box(90, 118, 600, 140),), "of words\n")


def test_size_and_weight_of_a_heading_and_of_nothing_else() -> None:
    layer = layer_of("1 Scope\nof words")
    sizes = np.where(layer.lines == 0, 18, 10).astype(np.float32)
    bold = replace(
        layer, sizes_pt=sizes, fonts=("Sans", "Sans-Bold"), font_of=(layer.lines == 0).astype(np.uint16)
    )
    assert heading_types((TEXT, HEADING), bold) == (HeadingType(HEADING.boxes[0], 18.0, bold=True),)
    assert heading_types((HEADING,), replace(bold, fonts=("Sans", "Serif")))[0].bold is False


def test_a_layer_that_is_not_the_documents_own_says_nothing() -> None:
    layer = layer_of("1 Scope\nof words")
    assert heading_types((HEADING,), replace(layer, verdict=LayerVerdict.OCR)) == ()
    assert heading_types((HEADING,), no_layer()) == ()
    assert heading_types((replace(HEADING, boxes=(Box(700, 700, 800, 800),)),), layer) == ()
    assert heading_types((replace(HEADING, boxes=()),), layer) == ()
