"""A page turned or cut before its views are made: a sideways scan, the top half of a full page."""

from dataclasses import dataclass

from PIL import Image

_CLOCKWISE = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Look:
    """What of a page is looked at: turned clockwise, then from `top` to `bottom`, shares of its height."""

    turn_deg: int = 0
    top: float = 0.0
    bottom: float = 1.0


WHOLE = Look()


def apply_look(image: Image.Image, look: Look) -> Image.Image:
    """The part of the page to look at; at least one row of pixels."""
    if look.turn_deg:
        image = image.transpose(_CLOCKWISE[look.turn_deg])
    if (look.top, look.bottom) == (0.0, 1.0):
        return image
    top = min(int(look.top * image.height), image.height - 1)
    return image.crop((0, top, image.width, max(top + 1, round(look.bottom * image.height))))
