"""What a page's text layer changed, block by block, as review pages show it: with the text around it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_engine.log import printable
from ocr_engine.outputs.exports.page_html import rendered
from ocr_engine.outputs.exports.plain_rows import plain_rows
from ocr_engine.outputs.text_marks import MAX_CHARS
from ocr_engine.records import BlockAgreement, Confidence, PageRecord, TextRepair

MAX_SHOWN = 100
"""Changes shown of one block."""
_AROUND, _MAX_CHARS = 24, 300


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change between the characters that stand around it."""

    left: str
    before: str
    after: str
    right: str
    reason: str


def changes_of(record: PageRecord) -> Mapping[int, Sequence[ShownChange]]:
    """The changes of each block, by its index."""
    of_block: dict[int, list[TextRepair]] = defaultdict(list)
    for repair in record.text_repairs:
        if repair.block < len(record.blocks):
            of_block[repair.block].append(repair)
    return {at: _shown(record.blocks[at].content, repairs) for at, repairs in of_block.items()}


def _shown(content: str, repairs: Sequence[TextRepair]) -> list[ShownChange]:
    """`content` is that with the changes made; a change's place moves by what those before it added."""
    shown: list[ShownChange] = []
    moved = 0
    for repair in sorted(repairs, key=lambda repair: repair.at):
        start = repair.at + moved
        end = start + len(repair.after)
        moved += len(repair.after) - len(repair.before)
        left, right = content[max(start - _AROUND, 0) : start], content[end : end + _AROUND]
        before, after = map(_visible, (repair.before, repair.after))
        shown.append(ShownChange(_plain(left), before, after, _plain(right), printable(repair.reason, 60)))
    return shown[:MAX_SHOWN]


def text_as_read(markdown: str) -> str:
    """The text of a block to show beside another: rows of tables as lines, else as it was read."""
    text = markdown[: 2 * MAX_CHARS].strip()
    if "<t" not in text:
        return text
    return "\n".join(" ".join(row) for row in plain_rows(rendered(text)))


def _visible(text: str) -> str:
    """Blanks and line ends as signs where there is nothing else."""
    if text and not text.strip():
        return text.replace("\n", "\u23ce").replace(" ", "\u2423")[:_MAX_CHARS]
    return _plain(text)


def _plain(text: str) -> str:
    return printable(text.replace("\n", " "), _MAX_CHARS)


def agreements_of(record: PageRecord) -> Mapping[int, BlockAgreement]:
    """How each block agrees with the layer, by its index; blocks that the layer added have no entry."""
    return dict(zip(_read(record), record.agreement.blocks if record.agreement else (), strict=False))


def confidences_of(record: PageRecord) -> Mapping[int, Confidence]:
    """How sure the model was of each block, by its index, where that is known."""
    found = zip(_read(record), record.confidence.blocks if record.confidence else (), strict=False)
    return {at: one for at, one in found if one is not None}


def _read(record: PageRecord) -> list[int]:
    """Indexes of the blocks that the model wrote."""
    added = {repair.block for repair in record.text_repairs if repair.boxes}
    return [at for at in range(len(record.blocks)) if at not in added]
