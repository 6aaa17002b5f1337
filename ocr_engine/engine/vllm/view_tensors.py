"""The uint8 views of pages as they travel to the model, checked. Knows sizes, not pixels' meaning."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ocr_engine.errors import RequestError
from ocr_engine.families import FAMILIES, OCR
from ocr_engine.records import PageViews

FIELDS = ("global_views", "tiles", "grids")


def tensors_of(views: PageViews, *more: PageViews) -> dict[str, Tensor]:
    """The fields of the pages of a request, as `check_views` wants them; of a single page no pixel is copied.

    Raises:
        RequestError: pages of different sizes.
    """
    pages = (views, *more)
    if len({(page.global_view.shape[:-1], page.tiles.shape[:-1]) for page in pages}) > 1:
        raise RequestError("pages of one request: their views have different sizes; take one mode for all")
    return {
        "global_views": _batch([page.global_view for page in pages]),
        "tiles": _batch([page.tiles for page in pages]),
        "grids": torch.tensor([page.grid for page in pages], dtype=torch.int64),
    }


def _batch(arrays: "list[np.ndarray[Any, np.dtype[np.uint8]]]") -> Tensor:
    if len(arrays) == 1:
        return torch.from_numpy(arrays[0][None])
    channels = max(array.shape[-1] for array in arrays)
    return torch.from_numpy(np.stack([np.broadcast_to(one, (*one.shape[:-1], channels)) for one in arrays]))


def one_by_one(data: Mapping[str, Tensor]) -> dict[str, list[list[Tensor]]]:
    """The fields of `check_views` with each page's in a list of its own, which vLLM does not join to a batch.

    The model sends them to the device itself, while it encodes (`model/view_batches.py`).
    """
    return {name: [[page] for page in pages] for name, pages in data.items()}


def joined(field: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """A field of several pages as the model gets it from vLLM, without these lists."""
    return [page for (page,) in field]


def global_sizes_px(family: str) -> frozenset[int]:
    """Sizes of a global view that a mode of the family has."""
    return frozenset(mode.base_size_px for mode in FAMILIES[family].modes.values())


def tile_sizes_px(family: str) -> frozenset[tuple[int, int]]:
    """Pairs of global view and tile sizes that a mode of the family has."""
    modes = FAMILIES[family].modes.values()
    return frozenset((mode.base_size_px, mode.tile_size_px) for mode in modes if mode.crop)


def check_views(data: Mapping[str, Any], family: str = OCR) -> None:
    """Refuse anything but the views of a page, or of as many as it may read together, of a model family.

    Args:
        data: for p pages `global_views` uint8 (p, S, S, C), C = 3, or 1 where all channels are equal; `tiles`
            uint8 (p, n, T, T, C), n = 0 for untiled pages; `grids` int64 (p, 2), columns and rows, 1 x 1 for
            an untiled page. Several are untiled.

    Raises:
        RequestError: names what is wrong.
    """
    missing = [name for name in FIELDS if name not in data]
    if missing or len(data) != len(FIELDS):
        raise RequestError(f"image: expected the fields {', '.join(FIELDS)}, got {', '.join(sorted(data))}")
    global_views, tiles, grids = (data[name] for name in FIELDS)
    pages = _page_count(global_views, family)
    _check_pixels("global view", global_views, pages, ndim=4)
    _check_pixels("tiles", tiles, pages, ndim=5)
    if not isinstance(grids, Tensor) or grids.dtype != torch.int64 or grids.shape != (pages, 2):
        raise RequestError(f"grid: expected int64 ({pages}, 2), columns and rows")
    if pages > 1 and tiles.shape[1]:
        raise RequestError(f"tiles: {tiles.shape[1]} a page; several pages of one request have none")
    for columns, rows in grids.tolist():
        _check_sizes(family, global_views.shape[1], tiles.shape[1], tiles.shape[2], columns, rows)


def _page_count(global_views: object, family: str) -> int:
    """How many pages there are, at most as many as the family reads together; 1 for what is no tensor."""
    found = global_views.shape[0] if isinstance(global_views, Tensor) and global_views.ndim else 1
    return max(1, min(int(found), FAMILIES[family].max_pages))


def _check_pixels(name: str, pixels: object, pages: int, ndim: int) -> None:
    if not isinstance(pixels, Tensor):
        raise RequestError(f"{name}: expected a tensor, got {type(pixels).__name__}")
    if pixels.dtype != torch.uint8:
        raise RequestError(f"{name}: expected uint8 pixels, got {str(pixels.dtype).removeprefix('torch.')}")
    shape = tuple(pixels.shape)
    if len(shape) != ndim or shape[0] != pages or shape[-1] not in (1, 3) or shape[-2] != shape[-3]:
        expected = f"({pages}, S, S, 3)" if ndim == 4 else f"({pages}, n, T, T, 3)"
        raise RequestError(f"{name}: expected shape {expected} or with 1 channel, got {shape}")


def _check_sizes(family: str, base_px: int, count: int, tile_px: int, columns: int, rows: int) -> None:
    if base_px not in global_sizes_px(family):
        known = ", ".join(map(str, sorted(global_sizes_px(family))))
        raise RequestError(f"global view: {base_px} px, a size no mode has (one of: {known})")
    if columns < 1 or rows < 1:
        raise RequestError(f"grid: {columns} x {rows} is not a grid")
    if count == 0 and columns * rows != 1:
        raise RequestError(f"grid: {columns} x {rows}, but the page has no tiles")
    if count == 0:
        return
    most = FAMILIES[family].max_tiles
    if columns * rows != count or not 2 <= count <= most:
        raise RequestError(
            f"tiles: {count} for a grid of {columns} x {rows}; expected 2 to {most}, one a cell"
        )
    if (base_px, tile_px) not in tile_sizes_px(family):
        raise RequestError(f"tiles: {tile_px} px beside a global view of {base_px} px, which no mode has")


def count_tokens(global_view: Tensor, tiles: Tensor, grid: Tensor, family: str = OCR) -> int:
    """Visual tokens of one checked page: (S, S, C), (n, T, T, C) and (2,)."""
    columns, rows = grid.tolist()
    return FAMILIES[family].view_tokens(global_view.shape[0], tiles.shape[1], columns, rows)


def blank_pages(count: int, family: str) -> dict[str, Tensor]:
    """Blank views of so many pages that are read together."""
    together = FAMILIES[family].together
    side_px = FAMILIES[family].modes[together.mode].base_size_px if together else 0
    return {
        "global_views": torch.zeros(count, side_px, side_px, 3, dtype=torch.uint8),
        "tiles": torch.zeros(count, 0, side_px, side_px, 3, dtype=torch.uint8),
        "grids": torch.ones(count, 2, dtype=torch.int64),
    }


def largest_page(family: str = OCR) -> tuple[dict[str, Tensor], int]:
    """Blank views of the page with the most visual tokens any mode of the family allows, and that number."""
    base_px, tile_px = max(tile_sizes_px(family))
    columns, rows = 1, FAMILIES[family].max_tiles
    views = {
        "global_views": torch.zeros(1, base_px, base_px, 3, dtype=torch.uint8),
        "tiles": torch.zeros(1, columns * rows, tile_px, tile_px, 3, dtype=torch.uint8),
        "grids": torch.tensor([[columns, rows]]),
    }
    return views, FAMILIES[family].view_tokens(base_px, tile_px, columns, rows)
