"""A second reading of pages whose first left text out: when it is made, and what of it is added.

It never replaces: what only the second reading has is added to the first, at its place, in blocks of the
label `second_reading`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ocr_engine.config import Config, RetryStep
from ocr_engine.families import BOX_SCALE, READING_PROMPTS
from ocr_engine.layer.missed import MARGIN
from ocr_engine.reading.answer import PageAnswer, other_text
from ocr_engine.reading.ladder import Judged, Kept, PageFacts
from ocr_engine.reading.unread_ink import UnreadInk, unread_ink
from ocr_engine.reading.witness import layer_use
from ocr_engine.records import Block, Box, Confidence, LayerVerdict, PageStatus, SecondReading, TextLayer
from ocr_engine.text.grounding import write
from ocr_engine.text.only_second import AddedPiece, only_in_second
from ocr_engine.text.recall import folded_words, letters

LABEL = "second_reading"
"""Of a block that only the second reading has."""
UNREAD_INK = 0.02
"""Share of a page's ink in no box from which on it is read again."""
UNREAD_WORDS = 8
"""So many words of the text layer, in lines or sentences that were not read."""
_IN_LAYER = 0.7
"""Share of a piece's words that the layer has and that were not read."""
_LETTERS_PER_INK = 3.0
"""How much denser than what was read the type of unread ink may be."""
_OVERLAP = 20
"""Model units by which the next block may begin above the end of the one before, in one column."""
NONE = "none"


def steps(config: Config) -> tuple[RetryStep, ...]:
    """What a second reading changes, if there are any."""
    prompt = config.quality.second_prompt
    return () if prompt == NONE else (RetryStep(prompt=prompt),)


def why(config: Config, kept: Kept, facts: PageFacts) -> str:
    """Why a page is read a second time, in words; "" where it is not."""
    best = kept.best
    if config.quality.second_prompt == NONE or config.prompt not in READING_PROMPTS:
        return ""
    if kept.from_text_layer or best.status is not PageStatus.DONE or _mends_itself(config, facts):
        return ""
    blocks = kept.answer.parsed.blocks
    if (missed := _missed_words(blocks, facts)) >= UNREAD_WORDS:
        return f"{missed:,} words of its text layer were not read"
    if facts.ink_map is None or not any(block.boxes for block in blocks):
        return ""
    share = unread_ink(facts.ink_map, blocks).share
    return f"{share:.0%} of its ink is in no block" if share >= UNREAD_INK else ""


def step_of(config: Config, kept: Kept) -> RetryStep:
    """How the page is read again: as it was read best, with the other prompt."""
    step = kept.best.step
    return RetryStep(mode=step.mode, turn=step.turn, prompt=config.quality.second_prompt)


def with_second(kept: Kept, second: Judged, reason: str, facts: PageFacts, figure_stem: str) -> Kept:
    """The page with what only the second reading has, as far as something speaks for it.

    Of a page whose layer is text: most of a piece's words are in it. Of one without, or with the OCR of
    others: the ink that no block holds at the piece's place can be so much text.
    """
    second = replace(second, second=True)
    blocks = kept.answer.parsed.blocks
    ink = unread_ink(facts.ink_map, blocks) if facts.ink_map is not None else None
    room = _Room(ink, letters(kept.best.text))
    believed = _Believed(blocks, facts, room, _unread_words(kept.best.text, facts))
    pieces = _pieces(kept, second)
    added = [one for piece in pieces for one in believed.of(piece)]
    done = SecondReading(
        prompt=second.step.prompt or "",
        why=reason,
        pieces=len(added),
        letters=sum(piece.letters for piece in added),
        in_layer=believed.in_layer,
        left_out=believed.left_out,
    )
    answer = _merged(kept.answer, added, ink, figure_stem) if added else kept.answer
    return replace(kept, attempts=[*kept.attempts, second], answer=answer, second=done)


@dataclass(slots=True)
class _Room:
    """How much text the ink in no block can be, by how much that in blocks is."""

    ink: UnreadInk | None
    letters: int
    used: float = 0.0

    def takes(self, letters: int, top: int, bottom: int) -> bool:
        """Whether so many letters more can stand between two heights; if so, they are counted."""
        if self.ink is None or self.ink.share < UNREAD_INK:
            return False
        most = _LETTERS_PER_INK * self.letters
        here, everywhere = most * self.ink.between(top, bottom), most * self.ink.between(0, BOX_SCALE)
        if letters > here or self.used + letters > everywhere:
            return False
        self.used += letters
        return True


@dataclass(slots=True)
class _Believed:
    """Decides which pieces something speaks for; what speaks for one cannot speak for another, too."""

    blocks: Sequence[Block]
    facts: PageFacts
    room: _Room
    unread: Counter[str]
    in_layer: int = 0
    left_out: int = 0

    def of(self, piece: AddedPiece) -> list[AddedPiece]:
        """The piece; else those of its sentences that are believed by themselves."""
        if self._takes(piece):
            return [piece]
        found = [part for part in piece.parts if self._takes(part)]
        self.left_out += max(1, len(piece.parts)) - len(found)
        return found

    def _takes(self, piece: AddedPiece) -> bool:
        words = Counter(piece.words)
        if (words & self.unread).total() >= _IN_LAYER * words.total():
            self.unread = self.unread - words
            self.in_layer += 1
            return True
        if self.facts.text_layer.verdict is LayerVerdict.BORN_DIGITAL:
            return False
        return self.room.takes(piece.letters, *_span(self.blocks, piece.before))


def _mends_itself(config: Config, facts: PageFacts) -> bool:
    """Whether the layer adds missed text itself, which is more certain."""
    is_own = facts.text_layer.verdict is LayerVerdict.BORN_DIGITAL
    return is_own and layer_use(config).repair == "words"


def _is_text(facts: PageFacts) -> bool:
    return facts.text_layer.verdict in (LayerVerdict.BORN_DIGITAL, LayerVerdict.OCR)


def _missed_words(blocks: Sequence[Block], facts: PageFacts) -> int:
    """Words of a layer that is text, in sentences that no block has; glued or misread ones are not missed."""
    layer = _body_of(facts.text_layer) if _is_text(facts) else ""
    return sum(len(piece.words) for piece in only_in_second(blocks, layer)) if layer else 0


def _body_of(layer: TextLayer) -> str:
    """The layer's lines without those near the upper and lower edge: running heads are often left out."""
    middles = (layer.boxes[:, 1] + layer.boxes[:, 3]) / 2
    inside = np.flatnonzero((middles > MARGIN) & (middles < BOX_SCALE - MARGIN)).tolist()
    lines = groupby(inside, key=lambda word: int(layer.lines[word]))
    return "\n".join(" ".join(layer.words[word] for word in line) for _, line in lines)


def _unread_words(text: str, facts: PageFacts) -> Counter[str]:
    """The words of a layer that is text, less those that were read."""
    return folded_words(facts.text_layer.text) - folded_words(text) if _is_text(facts) else Counter()


def _pieces(kept: Kept, second: Judged) -> list[AddedPiece]:
    """What only the second reading has; nothing of one that did not come to its end."""
    if second.answer is None or second.status is not PageStatus.DONE:
        return []
    return only_in_second(kept.answer.parsed.blocks, second.text)


def _span(blocks: Sequence[Block], before: int) -> tuple[int, int]:
    """From where to where what stands between two blocks can be; the whole page at a column's end."""
    above = next((block.boxes[-1] for block in reversed(blocks[:before]) if block.boxes), None)
    below = next((block.boxes[0] for block in blocks[before:] if block.boxes), None)
    top, bottom = above.y2 if above else 0, below.y1 if below else BOX_SCALE
    return (top, bottom) if top < bottom + _OVERLAP else (0, BOX_SCALE)


def _merged(
    answer: PageAnswer,
    added: Sequence[AddedPiece],
    ink: UnreadInk | None,
    figure_stem: str,
) -> PageAnswer:
    old, blocks, sure = answer.parsed.blocks, list[Block](), list[Confidence | None]()
    said = answer.confidence.blocks if answer.confidence else ()
    for at in range(len(old) + 1):
        for piece in (one for one in added if one.before == at):
            box = _box(ink, _span(old, at))
            blocks.append(Block(LABEL, (box,), f"\n{piece.text}\n\n"))
            sure.append(None)
        blocks += old[at : at + 1]
        sure += said[at : at + 1]
    merged = other_text(answer, write(blocks), figure_stem)
    if answer.confidence is None or len(said) != len(old):
        return replace(merged, confidence=answer.confidence)
    return replace(merged, confidence=replace(answer.confidence, blocks=tuple(sure)))


def _box(ink: UnreadInk | None, span: tuple[int, int]) -> Box:
    """Around the unread ink of that part of the page; the part itself, where there is none."""
    found = ink.box(*span) if ink is not None else None
    return found or Box(0, min(span), BOX_SCALE, max(span))
