"""A rendered page and its blocks in, JPEG bytes out: cropped figures and the page with its boxes drawn.

Runs inside render workers, so that pixels of a page never travel. Knows no files.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ocr_engine.outputs.cards import Card, draw_card
from ocr_engine.records import Block, Box, PageImage

FIGURE_QUALITY = 75
"""Pillow's default, as the official scripts save their crops."""
OVERLAY_QUALITY = 90
PAGE_QUALITY = 80
MAX_DRAWN_BOXES = 2_000
"""Boxes drawn on one page; more is a loop, and would only cover the page."""
MAX_FULL_CROPS = 16
"""Pages' worth of pixels that the figures of one page may hold; after that they are saved small."""
SMALL_FIGURE_PX = 256
_FILL_ALPHA = 20
_TITLE_LINE_PX = 4
_LINE_PX = 2
_MAX_LABEL_CHARS = 40
_PALETTE = {
    "title": (200, 30, 30),
    "sub_title": (214, 96, 16),
    "text": (30, 90, 200),
    "list": (20, 130, 140),
    "image": (20, 140, 60),
    "image_caption": (90, 150, 30),
    "table": (140, 40, 170),
    "table_caption": (180, 60, 150),
    "table_footnote": (150, 90, 130),
    "equation": (170, 120, 0),
    "header": (110, 110, 110),
    "footer": (110, 110, 110),
    "page_number": (110, 110, 110),
}
_OTHER_COLORS = ((0, 120, 170), (160, 50, 90), (70, 100, 20), (90, 70, 180), (150, 80, 40), (0, 130, 110))
_LIGHT, _DARK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class DrawnPage:
    """What was cut and drawn of a page: figures as (name, JPEG), the page with its boxes as JPEG."""

    figures: tuple[tuple[str, bytes], ...] = ()
    overlay: bytes | None = None
    page: bytes | None = None
    """The page as it was rendered, as JPEG."""
    cards: tuple[tuple[str, bytes], ...] = ()


def draw_outputs(
    page: PageImage,
    blocks: tuple[Block, ...],
    figures: bool,
    overlay: bool,
    image: bool = False,
    cards: tuple[Card, ...] = (),
) -> DrawnPage:
    """Figures, overlay, picture and cards of one page, as asked for."""
    return DrawnPage(
        tuple(crop_figures(page, blocks)) if figures else (),
        draw_layout(page, blocks) if overlay else None,
        _jpeg(page.image, PAGE_QUALITY) if image else None,
        tuple((card.name, draw_card(page, card)) for card in cards),
    )


def crop_figures(page: PageImage, blocks: tuple[Block, ...]) -> list[tuple[str, bytes]]:
    """Every figure of the page as (name, JPEG), in order.

    Corners are `int(value / 999 * size)` as in the official scripts; a thinner box gets one pixel.
    """
    width, height = page.image.size
    budget_px = MAX_FULL_CROPS * width * height
    found: list[tuple[str, bytes]] = []
    for block in blocks:
        for name, box in zip(block.figures, block.boxes, strict=False):
            crop = crop_box(page.image, box)
            budget_px -= crop.width * crop.height
            if budget_px < 0:
                crop.thumbnail((SMALL_FIGURE_PX, SMALL_FIGURE_PX), Image.Resampling.NEAREST)
            found.append((name, _jpeg(crop, FIGURE_QUALITY)))
    return found


def crop_box(image: Image.Image, box: Box) -> Image.Image:
    """The part of a page in a box, at least one pixel."""
    return image.crop(_at_least_a_pixel(box.to_px(*image.size), *image.size))


def draw_layout(page: PageImage, blocks: tuple[Block, ...]) -> bytes:
    """The page as JPEG with each block's boxes and label in the colour of that label."""
    boxes = [(block.label, box) for block in blocks for box in block.boxes][:MAX_DRAWN_BOXES]
    image = page.image.convert("RGB")
    areas = [(label, _at_least_a_pixel(box.to_px(*image.size), *image.size)) for label, box in boxes]
    image = _filled(image, areas)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(12, image.height // 110))
    for label, area in areas:
        draw.rectangle(area, outline=color_of(label), width=_TITLE_LINE_PX if label == "title" else _LINE_PX)
    for label, area in areas:
        _draw_label(draw, font, label, area)
    return _jpeg(image, OVERLAY_QUALITY)


def color_of(label: str) -> tuple[int, int, int]:
    """The fixed colour of a label, the same in every run."""
    return _PALETTE.get(label) or _OTHER_COLORS[sum(label.encode("utf-8", "replace")) % len(_OTHER_COLORS)]


def _filled(image: Image.Image, areas: Sequence[tuple[str, tuple[int, int, int, int]]]) -> Image.Image:
    overlay = Image.new("RGBA", image.size, (0, 0, 0, 0))
    fill = ImageDraw.Draw(overlay)
    for label, area in areas:
        fill.rectangle(area, fill=(*color_of(label), _FILL_ALPHA))
    image.paste(overlay, (0, 0), overlay)
    return image


def _draw_label(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    label: str,
    area: tuple[int, ...],
) -> None:
    """The label above its box, inside the page, on a plate of its colour."""
    text = "".join(c if c.isprintable() else " " for c in label[:_MAX_LABEL_CHARS])
    if not text.strip():
        return
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = int(right - left) + 4, int(bottom - top) + 4
    x = max(0, min(area[0], draw.im.size[0] - width))
    y = max(0, area[1] - height)
    color = color_of(label)
    draw.rectangle((x, y, x + width, y + height), fill=color)
    draw.text((x + 2 - left, y + 2 - top), text, font=font, fill=_LIGHT if _luminance(color) < 140 else _DARK)


def _luminance(color: tuple[int, int, int]) -> float:
    """Perceived brightness 0..255 (ITU-R BT.601)."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def _at_least_a_pixel(area: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1 = min(area[0], width - 1), min(area[1], height - 1)
    return x1, y1, max(area[2], x1 + 1), max(area[3], y1 + 1)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
