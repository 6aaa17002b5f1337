"""Which pages are drawn: the curriculum of a whole run, or a fixed mixture for one further segment.

Progress runs from 0 to 1 over a run; a fixed mixture is the same at any progress.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from research.nano.pages.pages import A4, LETTER, Brief

BOOK_SIZES = ((864, 1296), (839, 1191), (1001, 1417), (1080, 1440))
"""Six by nine inches, A5, B5, slides printed upright; px."""
FULL_SIZES = (A4, A4, LETTER, LETTER, *BOOK_SIZES[:3])
"""Pages that are read from top to bottom, paper twice as often as each book; px."""
OTHER_SIZES = ((1684, 1190), (1600, 1200), (1400, 1400), (1280, 720), (900, 1500), (820, 1900))
"""Page sizes in px that are neither A4 nor letter."""
LARGE_SHARE = 0.06
"""The share of pages with type of 18 to 28 pt, as handouts and slides have, in the modes for small type."""


def _edges(rng: random.Random) -> tuple[float, float, float, float] | None:
    """Draw margins: None for the same all around, wide ones as books and papers have, or any."""
    kind = rng.random()
    if kind < 0.4:
        return None
    if kind < 0.75:
        left, top = rng.uniform(0.1, 0.24), rng.uniform(0.08, 0.2)
        right = left if rng.random() < 0.6 else rng.uniform(0.1, 0.24)
        return left, top, right, rng.uniform(0.06, 0.2)
    return rng.uniform(0.05, 0.2), rng.uniform(0.03, 0.2), rng.uniform(0.05, 0.3), rng.uniform(0.03, 0.15)


@dataclass(frozen=True)
class Full:
    """Full pages of one column: sizes of type mostly in the lower half of a range, any length of another."""

    points: tuple[float, float]
    words: tuple[int, int]

    def brief(self, rng: random.Random, size: tuple[int, int], margin: float, *, rich: bool) -> Brief:
        """Draw one."""
        least, most = self.points
        points = rng.triangular(least, most, least + 0.3 * (most - least))
        edges = _edges(rng) if rich else None
        return Brief(size, 2 * points, 1, rng.randint(*self.words), margin, rich, edges=edges)


@dataclass(frozen=True)
class Mixture:
    """What a run draws; without shares it follows the curriculum."""

    shares: Mapping[str, float] | None = None
    """The share of batches of every mode."""
    full: Full | None = None
    full_share: float = 0.0
    """The share of pages at base that are `full`; the others are drawn as in the curriculum."""
    asked_share: float = 0.0
    """The share of batches whose answers are all short: among whole pages' they are hardly any of the tokens,
    and so of what is learned."""

    def modes(self, progress: float) -> Mapping[str, float]:
        """Return the share of batches of every mode."""
        return _curriculum(progress) if self.shares is None else self.shares

    def brief(self, rng: random.Random, mode: str, progress: float, size: tuple[int, int] | None) -> Brief:
        """Choose a varied page that a mode can resolve; size fixes its px."""
        return replace(self._brief(rng, mode, progress, size), varied=True)

    def _brief(self, rng: random.Random, mode: str, progress: float, size: tuple[int, int] | None) -> Brief:
        if self.full is not None and mode == "base" and rng.random() < self.full_share:
            margin, rich = rng.uniform(0.055, 0.12), rng.random() < 0.88
            return self.full.brief(rng, size or rng.choice(FULL_SIZES), margin, rich=rich)
        return draw_brief(rng, mode, 1.0 if self.shares else progress, size)


MIXTURES: Mapping[str, Mixture] = MappingProxyType(
    {
        "curriculum": Mixture(),
        "base": Mixture(
            {"canvas": 0.02, "tiny": 0.04, "small": 0.08, "base": 0.50, "large": 0.04, "gundam": 0.32},
            Full((10.5, 16.5), (180, 520)),
            full_share=0.8,
            asked_share=0.15,
        ),
    }
)
"""`base` is for segments that start from a trained model: full pages at base, some of all else."""


def _curriculum(progress: float) -> dict[str, float]:
    if progress < 0.03:
        return {"canvas": 0.6, "small": 0.1, "base": 0.3}
    if progress < 0.15:
        return {"canvas": 0.15, "tiny": 0.04, "small": 0.08, "base": 0.58, "gundam": 0.15}
    return {
        "canvas": 0.02, "tiny": 0.04, "small": 0.07, "base": 0.54, "large": 0.06, "gundam": 0.27,
    }  # fmt: skip


def _page_size(rng: random.Random) -> tuple[int, int]:
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(OTHER_SIZES if kind < 0.08 else BOOK_SIZES)
    return rng.choice((A4, LETTER))


def _small_type(rng: random.Random, progress: float) -> float:
    """Draw a type size in points: 8 to 14 for most pages once training is under way, large for a few."""
    hard = min(1.0, progress / 0.12)
    if rng.random() < LARGE_SHARE:
        return rng.uniform(18, 28)
    return rng.uniform(8, 13.5) if rng.random() < 0.35 + 0.4 * hard else rng.uniform(11, 20)


def draw_brief(rng: random.Random, mode: str, progress: float, size: tuple[int, int] | None) -> Brief:
    """Choose a page that a mode can resolve."""
    margin, rich = rng.uniform(0.055, 0.12), rng.random() < 0.88
    if mode == "canvas":
        side = rng.choice((320, 360, 400, 440))
        text = rng.uniform(9.5, 20) * side / 320
        return Brief((side, side), text, 1, rng.randint(4, 70), 0.04, rng.random() < 0.5)
    width, height = size or _page_size(rng)
    if mode in ("tiny", "small"):
        least = 17 if mode == "tiny" else 13
        points = rng.uniform(least, 28)
        return Brief((width, height), 2 * points, 1, rng.randint(8, 160), margin, rich)
    points = _small_type(rng, progress)
    many = rng.random() < (0.35 if points < 12 else 0.1)
    columns = rng.choice((2, 2, 3)) if many and width > 1000 else 1
    count = rng.randint(15, 200) if rng.random() < 0.3 else rng.randint(180, 650)
    edges = _edges(rng) if columns == 1 and rich and width < height else None
    return Brief((width, height), 2 * points, columns, count, margin, rich, edges=edges)
