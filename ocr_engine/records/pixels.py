"""A page as pixels: rendered, measured, and cut into the views that the model sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocr_engine.records.layer import TextLayer, no_layer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


@dataclass(frozen=True)
class PageGeometry:
    """The rendered page's size, and the size of the page in points (pixels for images)."""

    width_px: int
    height_px: int
    width_pt: float
    height_pt: float
    dpi: float
    """Dots per inch actually rendered at: lower than asked where the page was clamped."""


A4 = PageGeometry(width_px=1190, height_px=1684, width_pt=595.0, height_pt=842.0, dpi=144.0)
"""Stands for the size of a page that could not be rendered."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A rendered page, upright, with the renderer that made it and the seconds it took.

    `image` is RGB, or L where nothing of it has colour: then all three channels are that one.
    `text_layer()` is the text the file itself holds of this page, `doubt()` why an empty drawing of it need
    not be a blank page, "" where it does not. Both stay in the process that rendered the page.
    """

    image: "Image"
    geometry: PageGeometry
    backend: str
    seconds: float = 0.0
    text_layer: Callable[[], TextLayer] = no_layer
    damage: str = ""
    """What of the page is missing or doubtful, one line; "" where nothing is known to be."""
    doubt: Callable[[], str] = str
    ink: "Ink | None" = None
    """Of the whole page, where it was measured when it was drawn."""


@dataclass(frozen=True, slots=True)
class Ink:
    """What is on a page: the share of it that is ink, and whether its lines run down it (a sideways scan).

    `gap` is where, as a share of the height, a gap between lines near the middle is; None without one.
    """

    share: float
    lines_down: bool
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class TypeSize:
    """The smaller type of a page, and how much there is of all: `length_em` is that of its lines in ems."""

    size_px: float
    length_em: float


@dataclass(frozen=True, slots=True)
class PageViews:
    """What the model sees of a page, before normalisation.

    `global_view` is uint8 (S, S, C), `tiles` uint8 (n, T, T, C) in row-major order, n = 0 where the page is
    not tiled; C is 3, or 1 where nothing of the page has colour and all channels are that one. `grid` is
    (columns, rows), (1, 1) where not tiled. `page_png` is the page itself, only where a server is to cut it
    (`engine.server.images: png`).
    """

    global_view: "npt.NDArray[np.uint8]"
    tiles: "npt.NDArray[np.uint8]"
    grid: tuple[int, int]
    page_png: bytes = b""

    @property
    def sides_px(self) -> tuple[int, int]:
        """The side of the global view and that of a tile; 0 without tiles."""
        return self.global_view.shape[0], self.tiles.shape[1] if len(self.tiles) else 0

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self.global_view.nbytes + self.tiles.nbytes
