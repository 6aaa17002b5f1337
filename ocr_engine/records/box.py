"""A place on a page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the rendered page, in model units 0..999, with x1 <= x2 and y1 <= y2."""

    x1: int
    y1: int
    x2: int
    y2: int

    @classmethod
    def around(cls, boxes: Sequence["Box"]) -> "Box":
        """The smallest box that holds these, of which there is at least one."""
        return cls(
            min(box.x1 for box in boxes),
            min(box.y1 for box in boxes),
            max(box.x2 for box in boxes),
            max(box.y2 for box in boxes),
        )

    def __reduce__(self) -> "tuple[type[Box], tuple[int, int, int, int]]":
        """Pickled by its values: dataclasses' own way takes several times as long, and a page has many."""
        return Box, (self.x1, self.y1, self.x2, self.y2)

    def to_px(self, width: float, height: float) -> tuple[int, int, int, int]:
        """Scale to `width` x `height` pixels: `int(value / 999 * size)`, as the official scripts do."""
        return (
            int(self.x1 / 999 * width),
            int(self.y1 / 999 * height),
            int(self.x2 / 999 * width),
            int(self.y2 / 999 * height),
        )
