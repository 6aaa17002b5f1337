"""Decides which attempts a page gets and which is kept. Renders nothing and asks no engine.

Attempts are compared by these points in turn. Of equals the earlier is kept.
1. An answer, then some text, before none.
2. `done` before `truncated`, and that before `looped`. A `done` that the text layer contradicts counts as
   `truncated`.
3. The higher recall of the text layer.
4. On a page whose lines run down it: an attempt that turned the page.
5. More letters.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocr_engine.config import Config, QualityConfig, RetryStep, step_ngram
from ocr_engine.families import READING_PROMPTS
from ocr_engine.reading.answer import PageAnswer, other_text, status_of
from ocr_engine.records import (
    Attempt,
    FinishReason,
    Ink,
    PageStatus,
    SecondReading,
    TableReading,
    TextLayer,
    no_layer,
)
from ocr_engine.text.recall import letters, mostly_cjk, text_of, word_recall

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FIRST = RetryStep()
SHARED_STRIP = (0.53, 0.47)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is known of a page apart from its answers."""

    ink: Ink | None = None
    text_layer: TextLayer = field(default_factory=no_layer)
    ink_map: "npt.NDArray[np.uint8] | None" = field(default=None, compare=False, repr=False)
    """Where its ink is (`pages.ink_map`); None where that is not asked for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt and what it is worth. If the engine refused it, `answer` is None and `reason` says why."""

    step: RetryStep
    answer: PageAnswer | None
    status: PageStatus
    reason: str
    text: str = ""
    recall: float | None = None
    suspect: bool = False
    pages: int = 1
    """Pages of the request that it was part of."""
    second: bool = False
    """Whether it is the second reading (`quality.second_prompt`), which is added to and not kept."""

    @property
    def summary(self) -> Attempt:
        """The attempt as the page's record keeps it."""
        tokens = self.answer.generation.output_tokens if self.answer else 0
        settings = settings_of(self.step) | ({"pages": self.pages} if self.pages > 1 else {})
        settings |= {"second": True} if self.second else {}
        return Attempt(settings, self.status, self.reason, tokens, self.recall)


@dataclass(frozen=True, slots=True)
class Kept:
    """All attempts at a page, the one that is kept, and the answer that the page is written from."""

    attempts: Sequence[Judged]
    best: Judged
    answer: PageAnswer
    from_text_layer: bool = False
    """Whether the answer's text is the PDF's own text layer."""
    second: SecondReading | None = None
    """What a second reading did to the answer; None where there was none."""
    tables: tuple[TableReading, ...] = ()
    """What became of its tables that were read again by themselves."""

    @property
    def reason(self) -> str:
        """Why the page ended as it did, and what was changed after it was read."""
        return "; ".join(filter(None, (self._ended, self._added, self._replaced)))

    @property
    def _added(self) -> str:
        if self.second is None or not self.second.pieces:
            return ""
        return f"{self.second.letters:,} letters added by a second reading ({self.second.prompt})"

    @property
    def _replaced(self) -> str:
        count = sum(table.replaced for table in self.tables)
        return f"{count} table{'s' * (count != 1)} read again alone, larger" if count else ""

    @property
    def _ended(self) -> str:
        if not self.from_text_layer:
            return self.best.reason
        why = self.best.reason or f"only {self.best.recall or 0.0:.0%} of the text layer's words were read"
        return f"{why}; its text is the PDF's own text layer"


def settings_of(step: RetryStep) -> dict[str, object]:
    """The settings that a step changes."""
    default = dataclasses.asdict(FIRST)
    return {key: value for key, value in dataclasses.asdict(step).items() if value != default[key]}


def config_of(config: Config, step: RetryStep) -> Config:
    """The config that an attempt is made with."""
    engine = dataclasses.replace(config.engine, ngram=step_ngram(config.engine.ngram, step))
    mode, prompt = step.mode or config.mode, step.prompt or config.prompt
    return dataclasses.replace(config, mode=mode, prompt=prompt, engine=engine)


def judged(config: Config, step: RetryStep, answer: PageAnswer, facts: PageFacts) -> Judged:
    """Judge an answer: its status and, if there is a text layer to compare with, its recall."""
    status, reason = status_of(answer.generation)
    text = text_of(answer.parsed.blocks)
    recall = None
    quality = config.quality
    is_compared = quality.compare_text_layer or quality.text_layer_fallback
    if is_compared and facts.text_layer.words and config.prompt in READING_PROMPTS:
        recall = word_recall(text, facts.text_layer.text)
    suspect = recall is not None and recall < quality.suspect_recall
    return Judged(step, answer, status, reason, text, recall, suspect)


def refused(step: RetryStep, reason: str, pages: int = 1) -> Judged:
    """An attempt that the engine refused, or whose answer cannot be used, for this reason."""
    return Judged(step, None, PageStatus.FAILED, reason, pages=pages)


def applies(step: RetryStep, best: Judged, facts: PageFacts, quality: QualityConfig) -> bool:
    """Whether a page gets this step, if `best` is its best attempt so far."""
    if _stopped(best):
        return False
    poor = best.status.is_poor
    poor = poor or (quality.retry_suspect and best.suspect) or len(best.text) < quality.retry_below_chars
    if step.turn in (90, 270):
        read_well = best.recall is not None and not best.suspect and not poor
        return sideways(facts) and not read_well and not mostly_cjk(best.text)
    return poor


def _stopped(best: Judged) -> bool:
    """Whether the user ended the answer. What was read is then kept as it is."""
    if best.answer is None:
        return False
    generation = best.answer.generation
    return generation.finish_reason is FinishReason.ABORT and not generation.loop


def cut(step: RetryStep, facts: PageFacts) -> tuple[float, float]:
    """Where the top half ends and where the bottom half begins, as shares of the height.

    Both are in a gap between lines near the middle. Without a gap the halves share a strip, so that the line
    at the cut is whole in one of them.
    """
    gap = facts.ink.gap if facts.ink is not None and not step.turn else None
    return (gap, gap) if gap is not None else SHARED_STRIP


def kept(attempts: Sequence[Judged], facts: PageFacts, quality: QualityConfig, figure_stem: str) -> Kept:
    """Decide what a page is written from: its best attempt, or the text layer in its place."""
    chosen = best(attempts, facts)
    assert chosen.answer is not None, "the first attempt has an answer, and an answer is never worse"
    layer = facts.text_layer.text
    if layer_stands_in(chosen, layer, quality):
        return Kept(attempts, chosen, other_text(chosen.answer, layer, figure_stem), from_text_layer=True)
    return Kept(attempts, chosen, chosen.answer)


def layer_stands_in(best: Judged, layer: str, quality: QualityConfig) -> bool:
    """Whether a page that was read badly gets the text of its PDF's text layer instead."""
    ended_badly = best.status.is_poor and best.status.has_text
    ended_badly = ended_badly or (quality.retry_suspect and best.suspect)
    wanted = quality.text_layer_fallback and ended_badly and not _stopped(best)
    return wanted and word_recall("", layer) is not None


def sideways(facts: PageFacts) -> bool:
    """Whether the page's lines of text run from top to bottom."""
    return facts.ink is not None and facts.ink.lines_down


def best(attempts: Sequence[Judged], facts: PageFacts) -> Judged:
    """The attempt to keep, by the order above."""
    return max(attempts, key=lambda attempt: _worth(attempt, facts))


def _worth(attempt: Judged, facts: PageFacts) -> tuple[bool, bool, int, float, bool, int]:
    rank = attempt.status.facts.worth
    if attempt.status is PageStatus.DONE and attempt.suspect:
        rank = PageStatus.TRUNCATED.facts.worth
    turned = sideways(facts) and attempt.step.turn in (90, 270)
    return (
        attempt.answer is not None,
        bool(attempt.text.strip()),
        rank,
        attempt.recall or 0.0,
        turned,
        letters(attempt.text),
    )
