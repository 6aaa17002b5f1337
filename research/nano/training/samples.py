"""One training sample per call: a page for a mode, its prompt and answer as tokens, its supervision.

Which pages are drawn is decided by a mixture (research/nano/training/mixture.py).
"""

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from research.nano.model.tokenizer import BOS, EOS, token_id
from research.nano.model.views import Turn, View, damage, view
from research.nano.pages import answers
from research.nano.pages.answers import Answer
from research.nano.pages.blocks import Block
from research.nano.pages.canvas import Grey
from research.nano.pages.pages import Brief, Page, make_blank, make_chart_page, make_page
from research.nano.training.mixture import Mixture

BATCH = {"canvas": 224, "tiny": 112, "small": 80, "base": 40, "large": 20, "gundam": 12}
"""Pages per batch and GPU."""
MAX_TOKENS = 1500
BLANKS, CHARTS, CHARTS_BRIEFLY = 0.012, 0.028, 0.25
"""Shares of pages; more charts where all answers are short."""
QUESTIONS = 6
"""Questions to a page where all answers are short, so that its picture is encoded once for all of them."""
SLOTS = 128
"""The raster loss sees 16 x 8 slots of 4 x 8 px in every visual token's 64 x 64 px."""


@dataclass(frozen=True)
class Sample:
    """A page as the model is fed it."""

    view: View
    prompt: tuple[int, ...]
    """BOS and the prompt's tokens; the visual tokens go in after BOS."""
    answer: tuple[int, ...]
    """The answer's tokens and EOS."""
    cells: tuple[int, ...]
    """For each answer token but EOS, the visual token (newlines counted) it is read from."""
    sought: tuple[int, ...]
    """For each prompt token, the visual token where that part of a phrase is printed, -1 for none."""
    raster: NDArray[np.int32]
    """(n, 2) of slot number (cell * 128 + slot, newlines not counted) and character class."""
    text: str

    @property
    def length_tok(self) -> int:
        """Return the tokens of prompt and answer, without the visual ones."""
        return len(self.prompt) + len(self.answer)


def _ask(rng: random.Random, page: Page) -> Answer:
    """Choose a prompt for a page: mostly the two document prompts; a chart's own for a chart."""
    kind = rng.random()
    if page.chart is not None:
        ask = (answers.figure if kind < 0.7 else answers.describe) if kind < 0.85 else None
        return ask(page) if ask else answers.locate(page, rng)
    if kind < 0.55:
        return answers.document(page, grounded=True)
    if kind < 0.85:
        return answers.document(page, grounded=False)
    if kind < 0.915:
        return answers.lines(page)
    if kind < 0.965:
        return answers.locate(page, rng)
    return answers.describe(page) if kind < 0.985 else answers.figure(page)


def _ask_briefly(rng: random.Random, page: Page) -> list[Answer]:
    """Ask for everything with a short answer, mostly for phrases."""
    phrases = [answers.locate(page, rng) for _ in range(QUESTIONS - 2)]
    return [answers.describe(page), answers.figure(page), *phrases]


def _draw_page(rng: random.Random, mode: str, brief: Brief, charts: float) -> Page:
    kind = rng.random()
    if kind < BLANKS:
        return make_blank(brief.size)
    if kind < BLANKS + charts and mode != "canvas":
        return make_chart_page(rng, brief)
    return make_page(rng, brief)


def _damaged_page(rng: random.Random, mode: str, brief: Brief, charts: float) -> tuple[Page, Turn]:
    """Draw a page as a scanner might give it, and by how much it was turned."""
    page = _draw_page(rng, mode, brief, charts)
    turn = Turn(0.0, page.pixels.shape[1], page.pixels.shape[0])
    if mode != "canvas" and page.blocks:
        pixels, turn = damage(rng, page.pixels)
        page = _turned(page, pixels, turn)
    return page, turn


def _turned_box(block: Block, turn: Turn) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = block.box
    corners = turn.points(np.array([(x0, y0), (x1, y0), (x0, y1), (x1, y1)], np.float32))
    (a, b), (c, d) = corners.min(0).tolist(), corners.max(0).tolist()
    return a, b, c, d


def _turned(page: Page, pixels: Grey, turn: Turn) -> Page:
    """Return the damaged page; block boxes follow a turn, single rows and glyphs are moved later."""
    found = tuple(replace(block, box=_turned_box(block, turn)) for block in page.blocks)
    return replace(page, pixels=pixels, blocks=found)


def _to_view(xy: NDArray[np.float32], seen: View, turn: Turn) -> NDArray[np.int64]:
    """Map (n, 2) page px to whole px of the supervised view."""
    moved = turn.points(xy) * np.array(seen.scale) + np.array(seen.shift)
    limit = np.array(seen.cells) * 64 - 1
    return np.clip(moved, 0, limit).astype(np.int64)


def raster_targets(
    centres: list[tuple[float, float, int]], seen: View, turn: Turn, rng: random.Random
) -> NDArray[np.int32]:
    """Return up to 1500 printed slots and 300 random ones with their character classes."""
    columns, rows = seen.cells
    table = np.array(centres, np.float32).reshape(-1, 3)
    where = _to_view(table[:, :2], seen, turn)
    cell = (where[:, 1] // 64) * columns + where[:, 0] // 64
    slot = cell * SLOTS + (where[:, 1] % 64) // 8 * 16 + (where[:, 0] % 64) // 4
    classes = np.zeros(columns * rows * SLOTS, np.int32)
    classes[slot] = table[:, 2].astype(np.int32)
    random_numbers = np.random.default_rng(rng.getrandbits(32))
    if len(slot) > 1500:
        slot = random_numbers.choice(slot, 1500, replace=False)
    asked = np.concatenate([slot, random_numbers.integers(0, len(classes), 300)])
    return np.stack([asked, classes[asked]], 1).astype(np.int32)


def answer_cells(
    places: list[tuple[float, float]], starts: list[int], seen: View, turn: Turn
) -> tuple[int, ...]:
    """Return for tokens that start at characters `starts` the visual token they are read from."""
    if not places:
        return ()
    where = _to_view(np.array(places, np.float32), seen, turn) // 64
    cells = where[:, 1] * (seen.cells[0] + 1) + where[:, 0]
    return tuple(int(cells[min(start, len(cells) - 1)]) for start in starts)


def _sought(answer: Answer, starts: list[int], seen: View, turn: Turn) -> tuple[int, ...]:
    """Return for the prompt's tokens, which start at characters `starts`, what `Sample.sought` holds."""
    found = [start for start in starts if start in answer.sought]
    cells = answer_cells([answer.sought[start] for start in found], [*range(len(found))], seen, turn)
    cell_of = dict(zip(found, cells, strict=True))
    return tuple(cell_of.get(start, -1) for start in starts)


def _build(
    page: Page, mode: str, asked: list[Answer], turn: Turn, tokenizer: Tokenizer, rng: random.Random,
    widened: float = 1.0,
) -> list[Sample]:  # fmt: skip
    """Return a sample of every answer, all of one view."""
    seen = view(page.pixels, mode, widened)
    raster = raster_targets(page.centres, seen, turn, rng)
    begin, end = token_id(tokenizer, BOS), token_id(tokenizer, EOS)
    found = []
    for answer in asked:
        text, places = answer.finish()
        prompt = tokenizer.encode(answer.prompt, add_special_tokens=False)
        encoded = tokenizer.encode(text, add_special_tokens=False)
        starts = [start for start, _ in encoded.offsets]
        found.append(
            Sample(
                view=seen,
                prompt=(begin, *prompt.ids),
                answer=(*encoded.ids, end),
                cells=answer_cells(places, starts, seen, turn),
                sought=(-1, *_sought(answer, [start for start, _ in prompt.offsets], seen, turn)),
                raster=raster,
                text=text,
            )
        )
    return found


def _widened(rng: random.Random, mode: str) -> float:
    """Draw how much wider a page's letters are made: not at all for every second page.

    Not at gundam, where all pages of a batch share their tiles' grid.
    """
    if mode not in ("base", "large") or rng.random() < 0.5:
        return 1.0
    return min(1.15, max(0.87, rng.gauss(1, 0.06)))


def draw_sample(
    rng: random.Random, tokenizer: Tokenizer, mode: str, progress: float, mixture: Mixture,
    size: tuple[int, int] | None = None,
) -> Sample:  # fmt: skip
    """Draw pages until one's answer fits; size fixes the page's px, as one tile grid per batch asks."""
    while True:
        page, turn = _damaged_page(rng, mode, mixture.brief(rng, mode, progress, size), CHARTS)
        # Boxes of single rows do not follow a turn, so a turned page is only asked as a whole.
        answer = answers.document(page, grounded=True) if turn.angle else _ask(rng, page)
        sample = _build(page, mode, [answer], turn, tokenizer, rng, _widened(rng, mode))[0]
        if sample.length_tok <= MAX_TOKENS:
            return sample


def draw_asked(
    rng: random.Random, tokenizer: Tokenizer, mode: str, progress: float, mixture: Mixture,
    size: tuple[int, int] | None = None,
) -> list[Sample]:  # fmt: skip
    """Draw an upright page and return QUESTIONS samples of it, all with short answers."""
    while True:
        page, turn = _damaged_page(rng, mode, mixture.brief(rng, mode, progress, size), CHARTS_BRIEFLY)
        if not turn.angle:
            asked, widened = _ask_briefly(rng, page), _widened(rng, mode)
            found = _build(page, mode, asked, turn, tokenizer, rng, widened)
            if max(sample.length_tok for sample in found) <= MAX_TOKENS:
                return found


def held_sample(
    rng: random.Random, tokenizer: Tokenizer, mode: str, brief: Brief, *, grounded: bool
) -> Sample:
    """Draw an undamaged page for evaluation."""
    page = make_page(rng, brief)
    turn = Turn(0.0, *brief.size)
    return _build(page, mode, [answers.document(page, grounded=grounded)], turn, tokenizer, rng)[0]
