"""Makes what the engine said of a page, turned or in halves, one answer about the upright page.

The text is parsed here, once; everything after works on its blocks.
"""

from dataclasses import dataclass, replace

from ocr_engine.records import FinishReason, Generation, PageConfidence, PageStatus, ParsedText
from ocr_engine.text.confidence import page_confidence
from ocr_engine.text.grounding import parse, write
from ocr_engine.text.remap import joined, turned_back

_BADNESS = (FinishReason.STOP, FinishReason.LENGTH, FinishReason.ERROR, FinishReason.ABORT)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """An answer and its blocks. Boxes are those of the upright page, in the blocks and in the raw text."""

    generation: Generation
    parsed: ParsedText
    confidence: PageConfidence | None = None


def answer_to_page(generation: Generation, turn_deg: int, figure_stem: str) -> PageAnswer:
    """Parse the answer about a page that was turned clockwise by `turn_deg`."""
    parsed = parse(generation.text, figure_stem)
    sure = page_confidence([(generation, parsed)])
    return replace(_answer(generation, parsed, turned_back(parsed, turn_deg)), confidence=sure)


def answer_to_halves(
    top: Generation, bottom: Generation, cut: tuple[float, float], turn_deg: int, figure_stem: str
) -> PageAnswer:
    """Join the answers about the halves of a page that was turned clockwise by `turn_deg`.

    `cut` is where the top ends and the bottom starts. The joined answer ended as the worse half did.
    """
    halves = [(half, parse(half.text)) for half in (top, bottom)]
    parsed = joined(halves[0][1], halves[1][1], *cut, figure_stem)
    worse = max(top, bottom, key=lambda half: _BADNESS.index(half.finish_reason))
    generation = replace(
        worse,
        text=write(parsed.blocks),
        prompt_tokens=top.prompt_tokens + bottom.prompt_tokens,
        vision_tokens=top.vision_tokens + bottom.vision_tokens,
        output_tokens=top.output_tokens + bottom.output_tokens,
        seconds=top.seconds + bottom.seconds,
        scores=None,
    )
    sure = page_confidence(halves)
    return replace(_answer(generation, parsed, turned_back(parsed, turn_deg)), confidence=sure)


def other_text(answer: PageAnswer, text: str, figure_stem: str) -> PageAnswer:
    """The same answer with another text."""
    return PageAnswer(replace(answer.generation, text=text), parse(text, figure_stem))


def status_of(generation: Generation) -> tuple[PageStatus, str]:
    """A page's status and the reason for it, from how generation ended."""
    if loop := generation.loop:
        place = f"from token {loop.start_tok:,} on" if loop.start_tok else "from the start"
        return PageStatus.LOOPED, f"the same {loop.period_tok:,} tokens over and over {place}; kept once"
    if generation.finish_reason is FinishReason.ABORT:
        return PageStatus.TRUNCATED, "stopped by the user; the text so far is kept"
    if generation.finish_reason is FinishReason.ERROR:
        tokens = f"{generation.output_tokens:,} tokens"
        return PageStatus.TRUNCATED, f"the engine failed after {tokens}; the text so far is kept"
    if generation.finish_reason is not FinishReason.STOP:
        return PageStatus.TRUNCATED, f"no end of sequence within {generation.output_tokens:,} tokens"
    if not generation.text.strip():
        return PageStatus.BLANK, "the model found nothing to read"
    return PageStatus.DONE, ""


def _answer(generation: Generation, said: ParsedText, upright: ParsedText) -> PageAnswer:
    """Raw text is written anew only if a box moved; else the model's own words stay."""
    if upright == said:
        return PageAnswer(generation, said)
    return PageAnswer(replace(generation, text=write(upright.blocks)), upright)
