"""Views as they travel from the worker that cut them to the engine: mapped where their pixels are needed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ocr_engine.processes.shared_memory import LetGo, Parcel
from ocr_engine.records import PageViews

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class HeldViews(PageViews):
    """Views whose pixels are in a parcel. A process that only hands them on does not map them."""

    __slots__ = ("_parcel", "_sides_px")
    _parcel: Parcel
    _sides_px: tuple[int, int]

    def __init__(self, parcel: Parcel, sides_px: tuple[int, int], grid: tuple[int, int], png: bytes) -> None:
        """`sides_px` of the global view and of a tile, 0 without tiles."""
        for name, value in (("_parcel", parcel), ("_sides_px", sides_px), ("grid", grid), ("page_png", png)):
            object.__setattr__(self, name, value)

    @property
    def global_view(self) -> "npt.NDArray[np.uint8]":
        """See `PageViews`."""
        return self._pixels[0]

    @property
    def tiles(self) -> "npt.NDArray[np.uint8]":
        """See `PageViews`."""
        return self._pixels[1]

    @property
    def _pixels(self) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]":
        found: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] = self._parcel.opened()
        return found

    @property
    def sides_px(self) -> tuple[int, int]:
        """See `PageViews`."""
        return self._sides_px

    def __reduce__(self) -> tuple[Callable[..., PageViews], tuple[Any, ...]]:
        if (sent := self._parcel.sent_along()) is not None:
            return _arrived, (sent, self._sides_px, self.grid, self.page_png)
        return PageViews, (self.global_view, self.tiles, self.grid, self.page_png)


def _arrived(
    sent: tuple[bytes, list[int], int], sides_px: tuple[int, int], grid: tuple[int, int], png: bytes
) -> HeldViews:
    return HeldViews(Parcel.arrived(*sent), sides_px, grid, png)


def let_go(views: PageViews) -> object:
    """To be sent to a process that is to free these views, of which nobody here needs the pixels any more."""
    return LetGo(views._parcel) if isinstance(views, HeldViews) else None


def held(views: PageViews) -> PageViews:
    """The same views, in a parcel where there can be one."""
    parcel = Parcel.of((views.global_view, views.tiles))
    return views if parcel is None else HeldViews(parcel, views.sides_px, views.grid, views.page_png)
