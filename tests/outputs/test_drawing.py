"""Figures and overlays: the right pixels, bounded work, picklable for render workers."""

import io
import pickle
from functools import partial

import numpy as np
import pytest
from PIL import Image

from ocr_engine.outputs import drawing
from ocr_engine.outputs.drawing import color_of, crop_figures, draw_layout, draw_outputs
from ocr_engine.records import Block, Box, PageGeometry, PageImage


def page(width: int = 400, height: int = 600, color: str = "white") -> PageImage:
    return PageImage(
        Image.new("RGB", (width, height), color), PageGeometry(width, height, 1.0, 1.0, 72.0), "pillow"
    )


def figure(box: Box, name: str = "0001-1.jpg") -> tuple[Block, ...]:
    return (Block("image", (box,), "", (name,)),)


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def test_a_figure_is_the_official_crop() -> None:
    source = page()
    source.image.paste("red", (100, 150, 300, 450))
    ((name, jpeg),) = crop_figures(source, figure(Box(250, 250, 750, 750)))
    assert name == "0001-1.jpg"
    crop = opened(jpeg)
    assert crop.size == (
        int(750 / 999 * 400) - int(250 / 999 * 400),
        int(750 / 999 * 600) - int(250 / 999 * 600),
    )
    assert np.abs(np.asarray(crop, int)[5:-5, 5:-5] - (254, 0, 0)).max() < 4


def test_figures_come_in_order_under_the_names_of_their_blocks() -> None:
    blocks = (
        Block("image", (Box(0, 0, 500, 500), Box(0, 0, 999, 999)), "", ("0001-1.jpg", "0001-2.jpg")),
        Block("text", (Box(0, 0, 999, 999),), "x"),
        Block("image", (Box(0, 0, 10, 10),), "", ("0001-3.jpg",)),
        Block("image", (Box(0, 0, 10, 10),), ""),
    )
    found = crop_figures(page(), blocks)
    assert [name for name, _ in found] == ["0001-1.jpg", "0001-2.jpg", "0001-3.jpg"]
    assert opened(found[1][1]).size == (400, 600)


@pytest.mark.parametrize("box", [Box(0, 0, 1, 1), Box(998, 998, 999, 999), Box(999, 0, 999, 999)])
def test_a_box_thinner_than_a_pixel_still_gives_a_file(box: Box) -> None:
    ((_, jpeg),) = crop_figures(page(20, 20), figure(box))
    assert min(opened(jpeg).size) >= 1


def test_many_full_page_figures_are_saved_small_after_the_budget() -> None:
    count = drawing.MAX_FULL_CROPS + 5
    names = tuple(f"0001-{k}.jpg" for k in range(count))
    found = crop_figures(page(), (Block("image", (Box(0, 0, 999, 999),) * count, "", names),))
    widths = [opened(jpeg).size[0] for _, jpeg in found]
    assert len(widths) == count
    assert widths.count(400) == drawing.MAX_FULL_CROPS
    assert max(widths[drawing.MAX_FULL_CROPS :]) <= drawing.SMALL_FIGURE_PX


def test_boxes_are_drawn_in_the_colour_of_their_label_titles_thicker() -> None:
    blocks = (Block("title", (Box(100, 100, 900, 300),), ""), Block("text", (Box(100, 500, 900, 900),), ""))
    pixels = np.asarray(opened(draw_layout(page(), blocks)), int)
    for label, y, thickness in (("title", int(100 / 999 * 600), 4), ("text", int(500 / 999 * 600), 2)):
        # Right of the label's plate, from the top edge of the box down.
        column = pixels[y : y + 8, 300]
        close = np.abs(column - color_of(label)).max(axis=1) < 60
        assert close[:thickness].all()
        assert not close[thickness + 1 :].any()
    inside, outside = pixels[150, 200], pixels[450 - 200, 10]
    assert outside.min() > 250
    assert 225 < inside.min() < 254, "a light fill"


def test_labels_have_contrast_and_stay_inside_the_page() -> None:
    blocks = (
        Block("title", (Box(990, 0, 999, 20),), ""),
        Block("\nх漢<script>" * 20, (Box(0, 0, 9, 9),), ""),
    )
    assert opened(draw_layout(page(), blocks)).size == (400, 600)
    for label in ("title", "equation", "page_number", "anything else"):
        assert color_of(label) == color_of(label)
        assert abs(drawing._luminance(color_of(label)) - 255) > 100


def test_a_flood_of_boxes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_DRAWN_BOXES", 3)
    blocks = (Block("text", (Box(0, 0, 400, 400),) * 3, ""), Block("title", (Box(500, 500, 900, 900),), ""))
    pixels = np.asarray(opened(draw_layout(page(), blocks)))
    assert pixels[310:, 210:].min() > 250, "the fourth box is not drawn"


def test_any_mode_of_image_becomes_jpeg() -> None:
    grey = PageImage(Image.new("L", (50, 50), 7), PageGeometry(50, 50, 1.0, 1.0, 72.0), "pillow")
    drawn = draw_outputs(grey, figure(Box(0, 0, 999, 999)), figures=True, overlay=True)
    assert drawn.overlay is not None
    assert opened(drawn.overlay).mode == opened(drawn.figures[0][1]).mode == "RGB"


def test_only_what_is_asked_for_is_drawn_and_it_travels_between_processes() -> None:
    blocks = figure(Box(0, 0, 999, 999))
    task = pickle.loads(pickle.dumps(partial(draw_outputs, blocks=blocks, figures=True, overlay=False)))  # noqa: S301
    drawn = pickle.loads(pickle.dumps(task(page())))  # noqa: S301
    assert drawn.overlay is None
    assert len(drawn.figures) == 1
    assert draw_outputs(page(), blocks, figures=False, overlay=False) == drawing.DrawnPage()
