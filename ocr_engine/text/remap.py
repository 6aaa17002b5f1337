"""Raw answers about a turned page or a part of one, rewritten as if they were about the whole page."""

import re
from collections.abc import Callable

from ocr_engine.families import BOX_SCALE, TOKENS

Corners = tuple[int, int, int, int]
_DET = re.compile(
    rf"{re.escape(TOKENS.det_open)}.{{0,200000}}?(?:{re.escape(TOKENS.det_close)}|(?=<\|)|\Z)", re.DOTALL
)
_BOX = re.compile(r"\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]")
_BLOCK = re.compile(rf"(?={re.escape(TOKENS.ref_open)})")
_MAX_SHARED_LINES = 40
_MAX_BOXES = 200


def turned_back(raw: str, turn_deg: int) -> str:
    """The answer about a page that was turned clockwise by `turn_deg`, its boxes as on the page itself."""
    return _mapped(raw, lambda box: _turned_back(box, turn_deg)) if turn_deg else raw


def _turned_back(box: Corners, turn_deg: int) -> Corners:
    x1, y1, x2, y2 = box
    if turn_deg == 90:
        return y1, BOX_SCALE - x2, y2, BOX_SCALE - x1
    if turn_deg == 270:
        return BOX_SCALE - y2, x1, BOX_SCALE - y1, x2
    return BOX_SCALE - x2, BOX_SCALE - y2, BOX_SCALE - x1, BOX_SCALE - y1


def joined(top: str, bottom: str, top_end: float, bottom_start: float) -> str:
    """One answer from those about the page's top (0 to `top_end`) and bottom (`bottom_start` to 1).

    Both saw the strip between, if there is one: a block of the bottom that lies on one of the top is left
    out, and lines without boxes that end the one and begin the other stand once.
    """
    above = _mapped(top, lambda box: _scaled(box, 0.0, top_end))
    below = _mapped(bottom, lambda box: _scaled(box, bottom_start, 1.0))
    strip = bottom_start * BOX_SCALE
    known = [box for block in _BLOCK.split(above) for box in _boxes(block) if box[3] >= strip]
    below = "".join(block for block in _BLOCK.split(below) if not _all_known(_boxes(block), known))
    return f"{above.rstrip()}\n\n{_without_shared_start(above, below).lstrip()}"


def _scaled(box: Corners, start: float, end: float) -> Corners:
    x1, y1, x2, y2 = box
    low, high = (round(start * BOX_SCALE + y * (end - start)) for y in (y1, y2))
    return x1, low, x2, high


def _mapped(raw: str, function: Callable[[Corners], Corners]) -> str:
    def replaced(box: re.Match[str]) -> str:
        x1, y1, x2, y2 = function((_clamped(box[1]), _clamped(box[2]), _clamped(box[3]), _clamped(box[4])))
        return f"[{x1}, {y1}, {x2}, {y2}]"

    return _DET.sub(lambda det: _BOX.sub(replaced, det[0]), raw)


def _clamped(digits: str) -> int:
    return min(int(digits), BOX_SCALE)


def _boxes(block: str) -> list[Corners]:
    det = _DET.search(block)
    groups = _BOX.findall(det[0])[:_MAX_BOXES] if det else []
    return [(_clamped(a), _clamped(b), _clamped(c), _clamped(d)) for a, b, c, d in groups]


def _all_known(boxes: list[Corners], known: list[Corners]) -> bool:
    return bool(boxes) and all(any(_covers(other, box) for other in known[:_MAX_BOXES]) for box in boxes)


def _covers(other: Corners, box: Corners) -> bool:
    """Whether more than half of `box` lies in `other`."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return width > 0 and height > 0 and 2 * width * height > area


def _without_shared_start(above: str, below: str) -> str:
    """`below` without the lines it begins with that `above` ends with."""
    ours = [" ".join(line.split()) for line in above.splitlines() if line.strip()]
    lines = below.splitlines(keepends=True)
    places = [at for at, line in enumerate(lines) if line.strip()]
    theirs = [" ".join(lines[at].split()) for at in places]
    for count in range(min(len(ours), len(theirs), _MAX_SHARED_LINES), 0, -1):
        if ours[-count:] == theirs[:count]:
            return "".join(lines[places[count - 1] + 1 :])
    return below
