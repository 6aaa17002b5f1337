"""What text a PDF page has of its own: where it is to be seen, where it is hidden, and that gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_engine.families import BOX_SCALE
from ocr_engine.records import Block, BlockLine

if TYPE_CHECKING:
    import numpy.typing as npt

    Points = npt.NDArray[np.float64]

MAX_WORDS = 20_000
"""Words of a page that are looked at; a newspaper page has 8,000."""
_INVISIBLE = 3
Point = tuple[float, float]
_OWN_SHARE = 0.5
MAX_LETTERS = 200_000
MAX_BLOCKS = 1_000
"""A page with more is a loop: its words are not looked for one by one."""
_LOOKS_ZOOM, _LOOKS_PX = 0.5, 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class OwnText:
    """The letters of a page: where they begin, float64 (n, 2), in model units 0..999 of the page as shown."""

    shown: "Points"
    hidden: "Points"

    @property
    def is_hidden(self) -> bool:
        """Whether most of it is not to be seen, as in what OCR programs wrote."""
        return len(self.hidden) > len(self.shown)

    @property
    def all(self) -> "Points":
        """Of both kinds."""
        return np.concatenate([self.shown, self.hidden])


def has_text(points: "Points", block: Block) -> bool:
    """Whether so many of these letters stand in the block that its text is there."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), np.bool_)
    for box in block.boxes:
        inside |= (box.x1 <= x) & (x <= box.x2) & (box.y1 <= y) & (y <= box.y2)
    found, letters = int(inside.sum()), sum(map(str.isalnum, block.content))
    return found > 0 and found >= _OWN_SHARE * letters


def own_text(page: Any) -> OwnText:
    """The letters of a `pymupdf.Page`; those drawn with no opacity count as hidden."""
    shown: list[Point] = []
    hidden: list[Point] = []
    scale = _scale(page)
    for span in page.get_texttrace():
        unseen = span["type"] == _INVISIBLE or span["opacity"] == 0
        into = hidden if unseen else shown
        if len(shown) + len(hidden) < MAX_LETTERS:
            into += [scale(char[2]) for char in span["chars"] if char[0] > 32]
    return OwnText(*(np.array(points, np.float64).reshape(-1, 2) for points in (shown, hidden)))


def lines_in(page: Any, blocks: Sequence[Block]) -> list[tuple[BlockLine, ...]]:
    """For each block, the lines of words in it that the page has, hidden ones too, in the file's order."""
    import pymupdf

    scale = _scale(page)
    if len(blocks) > MAX_BLOCKS:
        return [()] * len(blocks)
    words: list[tuple[float, float, float, float, str, tuple[int, int]]] = []
    for x1, y1, x2, y2, text, block, line, _ in page.get_text("words")[:MAX_WORDS]:
        (left, top), (right, bottom) = (
            scale(point) for point in (pymupdf.Point(x1, y1), pymupdf.Point(x2, y2))
        )
        sides = *sorted((left, right)), *sorted((top, bottom))
        words.append((sides[0], sides[2], sides[1], sides[3], text, (block, line)))
    return [tuple(_lines(block, words)) for block in blocks]


def _lines(block: Block, words: Sequence[tuple[Any, ...]]) -> Iterator[BlockLine]:
    lines: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for word in words:
        middle = (word[0] + word[2]) / 2, (word[1] + word[3]) / 2
        if any(_is_in(box, middle) for box in block.boxes):
            lines.setdefault(word[5], []).append(word)
    for some in lines.values():
        sides = tuple(side for word in some for side in (word[0], word[2]))
        top, bottom = min(word[1] for word in some), max(word[3] for word in some)
        yield BlockLine(tuple(word[4] for word in some), sides, top, bottom)


def remove_hidden(page: Any) -> bool:
    """Take the invisible text out of a page; False, and all as it was, where that would change its looks."""
    import pymupdf

    mupdf, document, number = pymupdf.mupdf, page.parent, page.xref
    keys = ("Contents", "Resources", "Annots")
    before = {key: document.xref_get_key(number, key)[1] for key in keys}
    looks = _looks(page)
    page.add_redact_annot(page.rect * page.derotation_matrix)
    page.apply_redactions(
        images=mupdf.PDF_REDACT_IMAGE_NONE,
        graphics=mupdf.PDF_REDACT_LINE_ART_NONE,
        text=mupdf.PDF_REDACT_TEXT_REMOVE_INVISIBLE,
    )
    # What is redacted takes links and fields along.
    document.xref_set_key(number, "Annots", before["Annots"])
    again = document.reload_page(page)
    if not len(own_text(again).hidden) and _looks(again) == looks:
        return True
    for key, value in before.items():
        document.xref_set_key(number, key, value)
    return False


def _looks(page: Any) -> bytes:
    import pymupdf

    area = max(page.rect.width * page.rect.height, 1.0)
    zoom = min(_LOOKS_ZOOM, sqrt(_LOOKS_PX / area))
    return bytes(page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom)).samples)


def _scale(page: Any) -> Any:
    """From points of the page as it is written to model units as it is shown."""
    import pymupdf

    rect, turn = page.rect, page.rotation_matrix

    def scaled(point: Any) -> Point:
        at = pymupdf.Point(point) * turn
        return BOX_SCALE * at.x / max(rect.width, 1), BOX_SCALE * at.y / max(rect.height, 1)

    return scaled


def _is_in(box: Any, point: Point) -> bool:
    return bool(box.x1 <= point[0] <= box.x2 and box.y1 <= point[1] <= box.y2)
