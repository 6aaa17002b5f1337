"""A page beside what was read of it, for people to judge."""

import textwrap

from PIL import Image, ImageDraw, ImageFont

WIDTH_PX, HEIGHT_PX, TYPE_PX, COLUMNS = 850, 1200, 15, 100


def side_by_side(page: Image.Image, text: str) -> Image.Image:
    """Return the page on the left and the raw answer, wrapped and cut to the height, on the right; RGB."""
    sheet = Image.new("RGB", (2 * WIDTH_PX, HEIGHT_PX), "white")
    shown = page.copy()
    shown.thumbnail((WIDTH_PX, HEIGHT_PX))
    sheet.paste(shown, (0, 0))
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, COLUMNS) or [""]]
    font = ImageFont.load_default(TYPE_PX)
    most = HEIGHT_PX // (TYPE_PX + 4) - 1
    draw = ImageDraw.Draw(sheet)
    draw.multiline_text((WIDTH_PX + 10, 5), "\n".join(lines[:most]), fill="black", font=font, spacing=3)
    return sheet
