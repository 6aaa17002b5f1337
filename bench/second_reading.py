"""What a second reading recovers, and what it adds that is wrong, on stored answers without a model.

    python -m bench.second_reading FOLDER [--pages N] [--drop 1] [--errors 0.01] [--seed 0]

FOLDER as in `bench.exact_text`: `NAME.pdf` beside `NAME/pages/NNNN.raw.md`. Of each answer `--drop` blocks of
text are taken away: that is the first reading. The second is the whole answer as plain text, a share of its
letters wrong; in half of the lines a paragraph of another page is put behind it. The page's layer is shown to
the rule, or hidden as on a scan. A word is wrong that was not taken away: misread, invented or read twice.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.layer_cost import drawn
from ocr_engine.config import Config, QualityConfig
from ocr_engine.config.schema import TextLayerConfig
from ocr_engine.pages.ink_map import ink_map
from ocr_engine.reading import ladder, second
from ocr_engine.reading.answer import PageAnswer
from ocr_engine.reading.ladder import Judged, PageFacts
from ocr_engine.records import Block, FinishReason, Generation, PageImage, PageStatus, no_layer
from ocr_engine.text.grounding import parse, write
from ocr_engine.text.only_second import plain
from ocr_engine.text.recall import folded_words, text_of

LEAST_LETTERS = 40
STEP = second.steps(Config(quality=QualityConfig(second_prompt="free")))[0]


@dataclass(slots=True)
class Tally:
    """Pages and words of one setting."""

    pages: int = 0
    again: int = 0
    lost: int = 0
    """Words that were taken away."""
    back: int = 0
    """Of these, words that the second reading gave back."""
    added: int = 0
    wrong: int = 0
    """Added words that were not lost: read already, invented, or misread."""
    invented: int = 0
    """Pages to which an invented paragraph was added."""

    def row(self, name: str) -> str:
        share = self.back / self.lost if self.lost else 0.0
        return (
            f"| {name} | {self.pages} | {self.again} | {self.lost:,} | {self.back:,} ({share:.0%}) |"
            f" {self.added:,} |"
            f" {self.wrong:,} | {self.invented} |"
        )


def without(blocks: Sequence[Block], count: int, chance: random.Random) -> tuple[Block, ...]:
    """The blocks without some of those that hold text."""
    of_text = [at for at, block in enumerate(blocks) if _holds_text(block)]
    gone = set(chance.sample(of_text, min(count, len(of_text))))
    return tuple(block for at, block in enumerate(blocks) if at not in gone)


def _holds_text(block: Block) -> bool:
    """Whether it is a block to take away: no figure, label or formula, no loop of the model."""
    words = plain(block.content).split()
    threes = list(zip(words, words[1:], words[2:], strict=False))
    varied = 2 * len(set(threes)) >= len(threes)
    letters = sum(map(str.isalnum, block.content))
    is_text = bool(block.boxes) and not block.figures and "\\" not in block.content
    return is_text and letters >= LEAST_LETTERS and varied


def misread(text: str, errors: float, chance: random.Random) -> str:
    """The text with some of its letters wrong."""
    return "".join(
        chance.choice("abcdefghijklmnopqrstuvwxyz") if char.isalpha() and chance.random() < errors else char
        for char in text
    )


def answered(text: str) -> PageAnswer:
    """An answer that came to its end."""
    return PageAnswer(Generation(text, FinishReason.STOP, 0, 0, 1, 0.0), parse(text))


def judged(text: str, config: Config, facts: PageFacts, *, again: bool = False) -> Judged:
    """An answer as the reader judges it."""
    return ladder.judged(config, STEP if again else ladder.FIRST, answered(text), facts)


def measure(
    page: PageImage,
    blocks: Sequence[Block],
    said: str,
    gone: Counter[str],
    invented: str,
    tally: Tally,
    *,
    scan: bool,
) -> None:
    """Read a page twice, and count what was added."""
    quality = QualityConfig(second_prompt="free", retries=())
    config = Config(quality=quality, text_layer=TextLayerConfig(repair="off"))
    layer = page.text_layer()
    facts = PageFacts(None, no_layer() if scan else layer, ink_map(page.image))
    first = judged(write(blocks), config, facts)
    tally.pages += 1
    if first.status is not PageStatus.DONE:
        return
    lost = gone & (folded_words(said) - folded_words(text_of(tuple(blocks))))
    tally.lost += lost.total()
    kept = ladder.kept([first], facts, quality, "0001")
    if not (reason := second.why(config, kept, facts)):
        return
    tally.again += 1
    after = second.with_second(
        kept, judged(said + invented, config, facts, again=True), reason, facts, "0001"
    )
    new: Counter[str] = Counter()
    for block in after.answer.parsed.blocks:
        if block.label == second.LABEL:
            new += folded_words(block.content)
    tally.added += new.total()
    tally.back += (new & lost).total()
    tally.wrong += (new - lost).total()
    strange = folded_words(invented)
    tally.invented += bool(strange) and (new & (strange - lost)).total() > 0.5 * (strange - lost).total()


def _pages(folder: Path, most: int) -> Iterator[tuple[PageImage, tuple[Block, ...]]]:
    yield from (found for found in drawn(folder, most) if any(map(_holds_text, found[1])))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.second_reading", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=40, help="of each document at most (40)")
    parser.add_argument("--drop", type=int, default=1, help="blocks taken away (1)")
    parser.add_argument("--errors", type=float, default=0.01, help="share of letters misread (0.01)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance, other = random.Random(args.seed), ""
    names = {
        (drop, strange, scan): Tally()
        for drop in (args.drop, 0)
        for strange in (False, True)
        for scan in (False, True)
    }
    for page, blocks in _pages(args.folder, args.pages):
        said = [misread(plain(block.content), args.errors, chance) for block in blocks]
        for drop in {args.drop, 0}:
            left = without(blocks, drop, chance)
            taken = [text for block, text in zip(blocks, said, strict=True) if block not in left]
            gone = folded_words("\n".join(taken))
            for strange in (False, True):
                for scan in (False, True):
                    measure(
                        page, left, "\n".join(said), gone, other if strange else "",
                        names[drop, strange, scan], scan=scan,
                    )  # fmt: skip
        longest = max((block.content for block in blocks if _holds_text(block)), key=len)
        other = "\n\n" + plain(longest)[:400]
    print(
        "| first reading, second, rule sees | pages | read again | words lost | given back |"
        " added | wrong | invented |"
    )
    for (drop, strange, scan), tally in names.items():
        first = f"{drop} block{'' if drop == 1 else 's'} missing" if drop else "whole"
        words = (
            f"{first}, {'a paragraph invented' if strange else 'true'}, {'ink alone' if scan else 'layer'}"
        )
        print(tally.row(words))


if __name__ == "__main__":
    main()
