"""One picture a figure that was read again: its page, the figure itself, and what it says, side by side.

Runs inside render workers. Knows no files; what it draws is bounded whatever the text holds.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from ocr_engine.records import Box, PageImage

HEIGHT_PX = 900
PANEL_PX = 640
MAX_LINES = 60
MAX_COLUMNS = 12
_GAP_PX = 16
_FONT_PX = 16
_LINE_PX = 22
_QUALITY = 85
_BACKGROUND, _INK, _RULE, _MARK = (255, 255, 255), (25, 25, 25), (190, 190, 190), (200, 30, 30)
_SHADE = (236, 236, 236)
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class Card:
    """What one card shows: the figure's file name, its box on the page, the lines of its text."""

    name: str
    box: Box
    text: str


def draw_card(page: PageImage, card: Card) -> bytes:
    """The card as JPEG, 900 px high: page with the figure marked, figure, text."""
    parts = (_marked_page(page.image, card.box), _figure(page.image, card.box), _text_panel(card.text))
    width = sum(part.width for part in parts) + _GAP_PX * (len(parts) + 1)
    picture = Image.new("RGB", (width, HEIGHT_PX + 2 * _GAP_PX), _SHADE)
    x = _GAP_PX
    for part in parts:
        picture.paste(part, (x, _GAP_PX + (HEIGHT_PX - part.height) // 2))
        x += part.width + _GAP_PX
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _fitted(image: Image.Image) -> Image.Image:
    """The image no larger than a panel; a small one is enlarged, at most fourfold."""
    factor = min(PANEL_PX / image.width, HEIGHT_PX / image.height, 4.0)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.BILINEAR)


def _marked_page(image: Image.Image, box: Box) -> Image.Image:
    fitted = _fitted(image)
    ImageDraw.Draw(fitted).rectangle(box.to_px(*fitted.size), outline=_MARK, width=4)
    return fitted


def _figure(image: Image.Image, box: Box) -> Image.Image:
    x1, y1, x2, y2 = box.to_px(*image.size)
    return _fitted(image.crop((x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))))


def _text_panel(text: str) -> Image.Image:
    panel = Image.new("RGB", (PANEL_PX, HEIGHT_PX), _BACKGROUND)
    draw, font = ImageDraw.Draw(panel), _font(text.isascii())
    y = _GAP_PX
    for line in list(_lines(text, font))[: min(MAX_LINES, (HEIGHT_PX - 2 * _GAP_PX) // _LINE_PX)]:
        if isinstance(line, tuple):
            _draw_row(draw, font, line, y)
        else:
            draw.text((_GAP_PX, y), line, font=font, fill=_INK)
        y += _LINE_PX
    return panel


def _lines(text: str, font: Font) -> Iterator[str | tuple[str, ...]]:
    """Lines that fit the panel, and rows of tables as their cells; no more than can be drawn."""
    for line in text.split("\n")[: 2 * MAX_LINES]:
        if line.startswith("| ") and line.endswith(" |"):
            cells = [cell.strip().replace("\\|", "|") for cell in line[2:-2].replace("\\|", "\0").split("|")]
            if set("".join(cells)) - set("- "):
                yield tuple(cell.replace("\0", "|") for cell in cells[:MAX_COLUMNS])
        else:
            yield from _wrapped(line, font)


def _wrapped(line: str, font: Font) -> Iterator[str]:
    shown = "".join(character if character.isprintable() else " " for character in line[:4000])
    for _ in range(MAX_LINES):
        count = _fitting(shown, font, PANEL_PX - 2 * _GAP_PX)
        at = shown.rfind(" ", 1, count) if count < len(shown) else count
        at = at if at > 0 else count
        yield shown[:at]
        shown = shown[at:].lstrip()
        if not shown:
            return


def _fitting(text: str, font: Font, width_px: int) -> int:
    """How many characters of `text` fit into the width, at least one."""
    low, high = 1, max(1, min(len(text), width_px))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width_px else (low, middle - 1)
    return low


def _draw_row(draw: ImageDraw.ImageDraw, font: Font, cells: tuple[str, ...], y: int) -> None:
    width = (PANEL_PX - 2 * _GAP_PX) // len(cells)
    for number, cell in enumerate(cells):
        x = _GAP_PX + number * width
        draw.rectangle((x, y - 3, x + width, y + _LINE_PX - 3), outline=_RULE)
        shown = "".join(character for character in cell if character.isprintable())
        shown = shown[: _fitting(shown, font, width - 8)]
        draw.text((x + 4, y), shown, font=font, fill=_INK)


@cache
def _font(ascii_only: bool) -> Font:
    """Pillow's own font; for other scripts the one that comes with PyMuPDF, where that is installed."""
    if not ascii_only:
        try:
            import pymupdf

            return ImageFont.truetype(io.BytesIO(pymupdf.Font("cjk").buffer), _FONT_PX)
        except (ImportError, OSError, RuntimeError):
            pass
    return ImageFont.load_default(_FONT_PX)
