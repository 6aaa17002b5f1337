"""Born-digital PDF pages that nano is made for, found by rules, with their text layer as the truth.

A page is taken when it is upright, English, of one column, without large pictures, and long enough.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image

from research.nano.pages.formulas import FUNCTIONS, LATEX, SPACED
from research.nano.tools.metrics import plain

DPI = 144
LEAST_WORDS, MOST_WORDS, MOST_PAGES = 100, 700, 200
MARGIN = 0.07
"""Short blocks within this share of the height from an edge, and the outermost ones that hold a number, are
running headers and page numbers, which no prompt reads."""
MARGIN_WORDS = 14
STOP_WORDS = frozenset(
    {
        "the",
        "of",
        "and",
        "to",
        "in",
        "a",
        "is",
        "that",
        "for",
        "it",
        "as",
        "was",
        "with",
        "be",
        "by",
        "on",
        "are",
    }
)
SAME = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "\u00ad": ""})


@dataclass(frozen=True)
class RealPage:
    """One page: where it is, its text, the size of most of its type in points of an A4 page."""

    path: Path
    number: int
    truth: str
    points: float

    @property
    def name(self) -> str:
        """Return the file's name and the page's number from 1."""
        return f"{self.path.name} p. {self.number}"

    def picture(self) -> Image.Image:
        """Render the page at DPI."""
        with pymupdf.open(self.path) as document:
            pixmap = document[self.number - 1].get_pixmap(dpi=DPI, alpha=False)
            return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


_FORMULA = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_SIGNS = {command.strip(): sign for sign, command in LATEX.items() if command.startswith("\\")}


def _sign(match: re.Match[str]) -> str:
    """Return the sign of a LaTeX command; the space that ends the command counts only around operators."""
    sign = _SIGNS.get(match[1], match[1][1:])
    return sign + match[2] if sign in SPACED or sign in FUNCTIONS or match[1] in ("\\{", "\\}") else sign


def _printed(match: re.Match[str]) -> str:
    """Return a formula as a text layer has it: its characters in order, scripts without marks."""
    text = match[1] or match[2] or ""
    text = re.sub(r"\\tag\{([^{}]*)\}", r" (\1)", text)
    for _ in range(3):
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r" \1 \2 ", text)
        text = re.sub(r"[\^_]\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(\\(?:[A-Za-z]+|[{}]))( ?)", _sign, text)
    return f" {text} " if match[1] is None else text


def normal(text: str) -> str:
    """Return text as it is compared: NFKC, straight quotes and plain dashes, no markup, single spaces.

    Of a formula's LaTeX the printed characters stay, in their order.
    """
    text = re.sub(
        r"\\[()\[\]]|^#+ |[*_`|]|!\[[^\]]*\]\([^)]*\)", " ", _FORMULA.sub(_printed, plain_lines(text)),
        flags=re.MULTILINE,
    )  # fmt: skip
    text = unicodedata.normalize("NFKC", text.translate(SAME))
    return " ".join(text.split())


def plain_lines(text: str) -> str:
    """Return text without grounding and tags, lines kept where `plain` would join them."""
    return "\n".join(plain(line) for line in text.split("\n"))


def choose(pages: Iterable[RealPage], most: int) -> list[RealPage]:
    """Return at most so many pages of every file, spread evenly, and no text twice."""
    files: dict[str, list[RealPage]] = {}
    for page in {page.truth: page for page in reversed(list(pages))}.values():
        files.setdefault(page.path.name, []).append(page)
    found: list[RealPage] = []
    for name in sorted(files):
        members = sorted(files[name], key=lambda page: page.number)
        count = min(most, len(members))
        found += [members[(2 * i + 1) * len(members) // (2 * count)] for i in range(count)]
    return found


def find_pages(folder: Path) -> Iterator[RealPage]:
    """Yield the pages of the kind of every PDF under a folder; files that do not open are passed by."""
    # They would stand between the tables that are printed.
    pymupdf.TOOLS.mupdf_display_errors(False)
    for path in sorted(folder.rglob("*.pdf")):
        try:
            document = pymupdf.open(path)
        except (pymupdf.FileDataError, pymupdf.EmptyFileError):
            continue
        with document:
            if document.needs_pass or document.page_count > MOST_PAGES:
                continue
            for page in document:
                found = _page(path, page)
                if found is not None:
                    yield found


def _page(path: Path, page: pymupdf.Page) -> RealPage | None:
    blocks = [b for b in page.get_text("blocks", sort=False) if b[6] == 0 and b[4].strip()]
    height, width = page.rect.height, page.rect.width
    edges = (min((b[1] for b in blocks), default=0), max((b[3] for b in blocks), default=0))
    body = [b for b in blocks if not _marginal(b, height, edges)]
    # A file may hold its text in any order; one column is read from top to bottom.
    body.sort(key=lambda block: (block[1], block[0]))
    text = "\n".join(b[4] for b in body)
    words = text.split()
    upright = page.rotation == 0 and height > width and _upright(page)
    if not upright or not LEAST_WORDS <= len(words) <= MOST_WORDS:
        return None
    if not _english(words) or _columns(page) or _pictured(page):
        return None
    return RealPage(path, page.number + 1, normal(re.sub(r"(\w)-\n(?=[a-z])", r"\1", text)), _points(page))


def _marginal(
    block: tuple[float, float, float, float, str], height: float, edges: tuple[float, float]
) -> bool:
    """Say whether a block is short and at an edge of the paper, or the page's outermost with a number."""
    words = block[4].split()
    near = block[3] < MARGIN * height or block[1] > (1 - MARGIN) * height
    outermost = block[1] == edges[0] or block[3] == edges[1]
    return len(words) <= MARGIN_WORDS and (near or (outermost and any(w.isdigit() for w in words)))


def _upright(page: pymupdf.Page) -> bool:
    lines = [line for block in page.get_text("dict")["blocks"] for line in block.get("lines", [])]
    return sum(line["dir"][0] > 0.99 for line in lines) >= 0.98 * len(lines)


def _english(words: list[str]) -> bool:
    letters = [c for word in words for c in word if c.isalpha()]
    common = sum(word.lower().strip(".,;:()") in STOP_WORDS for word in words)
    return common >= 0.18 * len(words) and sum(c.isascii() for c in letters) >= 0.98 * len(letters)


def _columns(page: pymupdf.Page) -> bool:
    """Say whether a tenth of the lines of three words or more stand beside another: columns or tables."""
    lines = [line for block in page.get_text("dict")["blocks"] for line in block.get("lines", [])]
    boxes = [line["bbox"] for line in lines if len(_line_text(line).split()) >= 3]
    return sum(any(_beside(a, b, page.rect.width) for b in boxes) for a in boxes) > 0.1 * len(boxes)


def _line_text(line: dict[str, Any]) -> str:
    return "".join(span["text"] for span in line["spans"])


def _beside(a: Sequence[float], b: Sequence[float], width: float) -> bool:
    shared = min(a[3], b[3]) - max(a[1], b[1])
    gap = max(b[0] - a[2], a[0] - b[2])
    return shared > 0.4 * min(a[3] - a[1], b[3] - b[1]) and gap > 0.015 * width


def _pictured(page: pymupdf.Page) -> bool:
    area = sum(abs(pymupdf.Rect(image["bbox"]) & page.rect) for image in page.get_image_info())
    return bool(area > 0.2 * abs(page.rect))


def _points(page: pymupdf.Page) -> float:
    """Return the median size of the page's characters, as if the page were as high as A4."""
    sizes: list[float] = []
    for block in page.get_text("dict")["blocks"]:
        for line in block.get("lines", []):
            for span in line["spans"]:
                sizes += [span["size"]] * len(span["text"])
    return round(sorted(sizes)[len(sizes) // 2] * 842 / page.rect.height, 1)
