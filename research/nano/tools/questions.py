"""Held-out pages asked by the prompts beside the document's two, and how right an answer is."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from research.nano.pages import answers
from research.nano.pages.answers import Answer
from research.nano.pages.pages import A4, Brief, Page, make_blank, make_chart_page, make_page
from research.nano.tools.evaluate import Trial, trial_brief
from research.nano.tools.metrics import boxes

PAGES = Trial("questions", "gundam", "text", grounded=False, points=(10, 14), words=(150, 250))
"""What pages of text are like, and charts' text."""
BOX_OFF = 10
"""How far each side of a located box may be off, in units of 999: less than a line of type is high."""
_BOX = re.compile(r"\[\[\d+(?:, *\d+){3}\]\]")
_ROW = re.compile(r"<tr>(.*?)</tr>")


@dataclass(frozen=True)
class Question:
    """A page, what is asked of it, and the right answer."""

    kind: str
    page: Page
    prompt: str
    """As the engine takes it, `<image>` first."""
    truth: str


def _text_page(rng: random.Random) -> Page:
    return make_page(rng, trial_brief(rng, PAGES))


def _chart_page(rng: random.Random) -> Page:
    return make_chart_page(rng, Brief(A4, 2 * rng.uniform(*PAGES.points), 1, 100, 0.09, True, PAGES.held))


def _blank_page(_: random.Random) -> Page:
    return make_blank(A4)


def _locate(page: Page, rng: random.Random, *, there: bool) -> Answer:
    """Ask for a phrase that is on the page, or for one that is not; `answers.locate` draws either."""
    while True:
        answer = answers.locate(page, rng)
        if ("<|ref|>" in answer.finish()[0]) is there:
            return answer


def _figure(page: Page, _: random.Random) -> Answer:
    return answers.figure(page)


def _describe(page: Page, _: random.Random) -> Answer:
    return answers.describe(page)


_KINDS: dict[str, tuple[Callable[[random.Random], Page], Callable[[Page, random.Random], Answer]]] = {
    "locate, a phrase that is there": (_text_page, partial(_locate, there=True)),
    "locate, a phrase that is not": (_text_page, partial(_locate, there=False)),
    "locate, blank page": (_blank_page, partial(_locate, there=False)),
    "figure, chart": (_chart_page, _figure),
    "figure, page of text": (_text_page, _figure),
    "figure, blank page": (_blank_page, _figure),
    "describe, chart": (_chart_page, _describe),
    "describe, page of text": (_text_page, _describe),
    "describe, blank page": (_blank_page, _describe),
}


def draw_questions(seed: int, count: int) -> list[Question]:
    """Draw `count` questions of every kind, of a blank page one."""
    found = []
    for kind, (make, ask) in _KINDS.items():
        rng = random.Random(seed)
        for _ in range(1 if make is _blank_page else count):
            page = make(rng)
            answer = ask(page, rng)
            found.append(Question(kind, page, f"<image>{answer.prompt}", answer.finish()[0]))
    return found


def overlap(got: str, truth: str) -> float:
    """Return how much of the boxes of got and truth is shared: intersection over union, 0 without both."""
    pairs = list(zip(boxes(got), boxes(truth), strict=False))
    if not pairs:
        return 0.0
    (a0, b0, a1, b1), (c0, d0, c1, d1) = pairs[0]
    shared = max(0, min(a1, c1) - max(a0, c0)) * max(0, min(b1, d1) - max(b0, d0))
    both = (a1 - a0) * (b1 - b0) + (c1 - c0) * (d1 - d0) - shared
    return shared / both if both > 0 else 0.0


def rightness(got: str, truth: str) -> float:
    """Return the share of a table's rows that are answered, and 1 or 0 for all else; boxes within BOX_OFF."""
    rows = _ROW.findall(truth)
    if rows:
        answered = _ROW.findall(got)
        return sum(row in answered for row in rows) / len(rows)
    pairs = list(zip(boxes(got), boxes(truth), strict=False))
    near = all(abs(a - b) <= BOX_OFF for box, wanted in pairs for a, b in zip(box, wanted, strict=True))
    return float(near and _BOX.sub("", got).strip() == _BOX.sub("", truth).strip())
