"""Pillow's bicubic resize of a page, the same bytes for less CPU: paper is not computed, and grey ink once.

A resize is two passes, along the rows and then along the columns. The channels do not mix, so what has no
colour is resized as one channel. Pixels far away do not matter, so a page is resized in bands, in each only
the columns that hold ink, and all else stays paper.

A part's weights must be those of the whole page. Pillow computes them in doubles from where the part begins,
a float32, and rounds them to 22 bits. So parts begin only where that number is exact. A size with a weight
so near a rounding's edge that the last bits of a double could matter is resized in one piece.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
_USUAL_PX, _USUAL_RATIO = 16_000_000, 16
"""Larger or thinner pages are not looked at, and resized in one piece."""
_BETWEEN_PX, _BETWEEN_RATIO = 16_000_000, 4
"""What a resize may hold between its two passes: so many pixels, or so many times the image's own."""
_REACH_PX = 2.0
"""Source pixels that bicubic looks at to either side; more where it shrinks."""
_UNITS = 1 << 22
_EDGE_ULP = 2e8
"""A weight, in units, moves by less than 2e7 last places of a page's side where a part begins elsewhere."""
_LEAST_STEP_PX = 12
"""Rows of a band: a call takes the time of as many."""
_WORTH_PARTING, _MOSTLY = 0.6, 0.5


class Piece(NamedTuple):
    """A part of a resized page, uint8 (n, m) where it is grey, else (n, m, 3), and where it begins."""

    top: int
    left: int
    pixels: Pixels


class Span(NamedTuple):
    """Some rows, or columns, of a side."""

    start: int
    stop: int


class _Wide(NamedTuple):
    """Rows of the page from `top` on, resized along these alone: columns `left` and those behind it."""

    image: Image.Image
    left: int
    top: int
    page_height: int

    def holds(self, columns: Span) -> bool:
        return self.left <= columns.start and columns.stop <= self.left + self.image.width


class Resizable:
    """A page, RGB or grey (L), of which it is known where it holds ink and where colour."""

    def __init__(self, image: Image.Image) -> None:
        self._image, self._grey, self.size = image, image, image.size
        self.paper = 0
        """The grey of what no part covers, 0 to 255."""
        self.channels = 1 if image.mode == "L" else 3
        """1 where nothing is known to have colour: all parts are grey then."""
        self._ink = self._colour = np.ones((0, 0), np.bool_)
        short, long = sorted(image.size)
        if short * long <= _USUAL_PX and long <= _USUAL_RATIO * short:
            self._look()

    def _look(self) -> None:
        if self._image.mode == "RGB" and _is_full_of_colour(self._image):
            return
        self._grey, *others = self._image.split()
        grey = np.asarray(self._grey)
        self.paper = int(grey[0, 0])
        self._ink = grey != self.paper
        for other in others:
            differs = np.asarray(other) != grey
            self._colour = self._colour | differs if self._colour.size else differs
        if self._colour.size:
            self._ink |= self._colour
            self.channels = 3 if self._colour.any() else 1

    def parts(self, size: tuple[int, int]) -> Iterator[Piece]:
        """What `image.resize(size, BICUBIC)` gives, without paper; later parts lie on earlier ones."""
        step = _row_step(*self.size, *size) if self._ink.size else 0
        if not step:
            yield Piece(0, 0, np.asarray(resized(self._grey if self.channels == 1 else self._image, size)))
            return
        for rows, is_coloured in self._bands(size[1], step):
            source = _source(self.size[1], size[1], rows)
            inked = _touched(self._ink[source.start : source.stop], size[0])
            if is_coloured:
                coloured = _touched(self._colour[source.start : source.stop], size[0])
                yield from self._with_colour(size, rows, inked, coloured)
            else:
                yield _along_columns(_along_rows(self._grey, size, rows, inked), size, rows, inked)

    def _with_colour(self, size: tuple[int, int], rows: Span, inked: Span, coloured: Span) -> Iterator[Piece]:
        """A band with colour: all of it as RGB, or what of it is coloured on the rest in grey."""
        if coloured.stop - coloured.start > _WORTH_PARTING * (inked.stop - inked.start):
            yield _along_columns(_along_rows(self._image, size, rows, inked), size, rows, inked)
            return
        wide = _along_rows(self._image, size, rows, coloured)
        if wide.holds(inked):
            grey = wide._replace(image=wide.image.getchannel(0))
        else:
            grey = _along_rows(self._grey, size, rows, inked)
        yield _along_columns(grey, size, rows, inked)
        yield _along_columns(wide, size, rows, coloured)

    def _bands(self, height: int, step: int) -> Iterator[tuple[Span, bool]]:
        """The rows of a result of this height that hold ink, in bands with colour and bands without."""
        scale, reach = self.size[1] / height, _reach(self.size[1], height)
        starts = np.arange(0, height, step)
        first = np.floor(starts * scale - reach).clip(0).astype(np.int64)
        behind = np.ceil((starts + step) * scale + reach).clip(None, self.size[1]).astype(np.int64)
        kinds = _any_row(self._ink, first, behind) + _any_row(self._colour, first, behind)
        edges = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
        for first, behind in zip(edges, edges[1:], strict=False):
            if kinds[first]:
                yield Span(first * step, min(behind * step, height)), bool(kinds[first] == 2)


def _is_full_of_colour(image: Image.Image) -> bool:
    """Whether most of 64 x 64 pixels of a page have colour, as on a photograph or tinted paper."""
    red, green, blue = np.asarray(image.resize((64, 64), Image.Resampling.NEAREST)).reshape(-1, 3).T
    return float(((red != green) | (red != blue)).mean()) > _MOSTLY


def _any_row(mask: Mask, first: Places, behind: Places) -> "npt.NDArray[np.int8]":
    """1 for each span of rows in which anything is set, else 0; nothing is set in an empty mask."""
    if not mask.size:
        return np.zeros(len(first), np.int8)
    until = np.concatenate(([0], np.cumsum(mask.any(axis=1))))
    return (until[behind] > until[first]).astype(np.int8)


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image.resize(size, BICUBIC)`, its height first where the usual order would take memory without need.

    Pillow changes the width first and holds all rows at the new width: gigabytes for 1 x 1,000,000 pixels.
    """
    between_px = size[0] * image.height
    if between_px > max(_BETWEEN_PX, _BETWEEN_RATIO * image.width * image.height):
        image = image.resize((image.width, size[1]), Image.Resampling.BICUBIC)
    return image.resize(size, Image.Resampling.BICUBIC)


def _reach(source: int, side: int) -> float:
    return _REACH_PX * max(source / side, 1.0) + 1


def _source(source: int, side: int, span: Span) -> Span:
    """What of a source's side a span of the result is made of, with a pixel to spare."""
    scale, reach = source / side, _reach(source, side)
    first, behind = math.floor(span.start * scale - reach), math.ceil(span.stop * scale + reach)
    return Span(max(0, first), min(behind, source))


def _touched(mask: Mask, width: int) -> Span:
    """The columns of a result of this width that depend on what is set; something is."""
    columns = np.flatnonzero(mask.any(axis=0))
    scale, reach = mask.shape[1] / width, _reach(mask.shape[1], width)
    first, behind = math.floor((columns[0] - reach) / scale), math.ceil((columns[-1] + 1 + reach) / scale)
    return Span(max(0, first), min(behind, width))


def _along_rows(image: Image.Image, size: tuple[int, int], rows: Span, columns: Span) -> _Wide:
    """The first pass for a part of the resized image, with all columns where they may not be parted.

    One pass a call: both in one may come in another order.
    """
    step = _step(image.width, size[0]) or size[0]
    wide = Span(columns.start // step * step, min(-(-columns.stop // step) * step, size[0]))
    across, down = _source(image.width, size[0], wide), _source(image.height, size[1], rows)
    part = _cropped(image, across, down)
    left, right = (at * image.width / size[0] - across.start for at in wide)
    part = _resized_box(part, (wide.stop - wide.start, part.height), (left, 0, right, part.height))
    return _Wide(part, wide.start, down.start, image.height)


def _along_columns(wide: _Wide, size: tuple[int, int], rows: Span, columns: Span) -> Piece:
    """The second pass."""
    within = Span(columns.start - wide.left, columns.stop - wide.left)
    part = _cropped(wide.image, within, Span(0, wide.image.height))
    top, bottom = (at * wide.page_height / size[1] - wide.top for at in rows)
    part = _resized_box(part, (part.width, rows.stop - rows.start), (0, top, part.width, bottom))
    return Piece(rows.start, columns.start, np.asarray(part))


def _cropped(image: Image.Image, columns: Span, rows: Span) -> Image.Image:
    """A part of an image, without a copy where that is the whole."""
    if (columns, rows) == ((0, image.width), (0, image.height)):
        return image
    return image.crop((columns.start, rows.start, columns.stop, rows.stop))


def _resized_box(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC, box)


@lru_cache(256)
def _row_step(source_width: int, source_height: int, width: int, height: int) -> int:
    """Rows after which a band may begin; 0 where this resize is to be done in one piece."""
    # Pillow shrinks the height first where more than twice as many rows go as columns.
    if source_height > height and source_height - height > 2 * (source_width - width):
        return 0
    return _step(source_height, height)


@lru_cache(256)
def _step(source: int, side: int) -> int:
    """Pixels of a resized side after which a part may begin with the whole's weights; 0 where none may."""
    step = side // math.gcd(source, side)
    while step % 2 == 0:
        step //= 2
    step *= -(-_LEAST_STEP_PX // step)
    begins = np.arange(0, side, step) * (source / side)
    is_exact = bool((begins.astype(np.float32) == begins).all())
    return step if is_exact and _nearest_edge(source, side) > _EDGE_ULP * math.ulp(source) else 0


def _nearest_edge(source: int, side: int) -> float:
    """How near a weight comes to where its rounding changes, in units."""
    scale = source / side
    shrinks = max(scale, 1.0)
    centres = (np.arange(side) + 0.5) * scale
    first = (centres - _REACH_PX * shrinks + 0.5).astype(np.int64).clip(0)
    behind = (centres + _REACH_PX * shrinks + 0.5).astype(np.int64).clip(None, source)
    places = first[:, None] + np.arange(int((behind - first).max()))
    away = np.abs(places - centres[:, None] + 0.5) / shrinks
    weights = np.where(places < behind[:, None], _bicubic(away), 0.0)
    units = weights / weights.sum(axis=1, keepdims=True) * _UNITS
    return float(np.abs(units - np.floor(units) - 0.5).min())


def _bicubic(away: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weight of what is so far away, with Pillow's a = -0.5."""
    near = (1.5 * away - 2.5) * away * away + 1
    far = (((away - 5) * away + 8) * away - 4) * -0.5
    return np.where(away < 1, near, np.where(away < 2, far, 0.0))
