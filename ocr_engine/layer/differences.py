"""What the page's own text has where blocks are still unlike it: for people who look at the worst."""

from ocr_engine.layer.alignment import AlignedRun, Alignment
from ocr_engine.layer.comparison import Compared
from ocr_engine.layer.lines import lines_of
from ocr_engine.records import BlockDifference

MAX_DIFFERENCES, MAX_CHARS = 20, 6_000
"""Blocks of a page that are told of, and characters of each."""


def differences(found: Compared) -> tuple[BlockDifference, ...]:
    """The page's text at the blocks that are unlike it, the worst first."""
    counts = [(_differing(one), at) for at, one in enumerate(found.alignments) if one is not None]
    worst = sorted((pair for pair in counts if pair[0]), key=lambda pair: (-pair[0], pair[1]))
    return tuple(BlockDifference(at, _text(found, at)) for _, at in worst[:MAX_DIFFERENCES])


def _differing(alignment: Alignment) -> int:
    """How many characters differ; those of the page that stand where the block has a formula do not count."""
    return sum(_weight(alignment, run) for run in alignment.runs if run.kind != "equal")


def _weight(alignment: Alignment, run: AlignedRun) -> int:
    ours, theirs = run.last - run.first, run.end - run.start
    is_formula = any(gap.strip() for gap in alignment.prose.gaps(run.first, run.last))
    return ours if is_formula else max(ours, theirs)


def _text(found: Compared, at: int) -> str:
    alignment = found.alignments[at]
    lines = lines_of(found.page, alignment.words) if alignment else ()
    return "\n".join(" ".join(line.words) for line in lines)[:MAX_CHARS]
