"""Parses grounding tags into blocks, and writes blocks as tags. The one owner of the tags' grammar.

`<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], ...]<|/det|>` starts a block; the text up to the next tag is
its content. Malformed tags are repaired and counted. Text outside of tags is never lost. Linear time.
`det_form` knows the form with the label among the boxes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ocr_engine.families import BOX_SCALE, TOKENS
from ocr_engine.records import Block, Box, ParsedText
from ocr_engine.text.det_form import as_markdown, in_first_form, is_det_form, spans_before

FIGURE_LABEL = "image"
"""The label whose boxes the official scripts crop and link."""
MAX_BOXES = 10_000
"""Boxes kept of one page; more is a loop or an attack."""
MAX_FIGURES = 500
"""Boxes of one page that become figures."""
MAX_LABEL_CHARS = 2_000
"""With the `ocr` prompt the label is a line of text; what is longer than this is text, not a label."""
_MAX_OPEN_LABEL_CHARS = 64
"""A label whose `<|/ref|>` is missing is believed only when it is short and on one line."""

TAGS = (TOKENS.ref_open, TOKENS.ref_close, TOKENS.det_open, TOKENS.det_close)
TAG = re.compile("|".join(map(re.escape, TAGS)))
# A model that slips writes a stray letter or two between numbers: `[[550, s 331, 652, 345]]`.
STRAY = r"(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z])"
_COORDINATES = re.compile(rf"(?:[\s0-9\[\](),;.+-]|{STRAY})*+")
_COORDINATES_OF_LINE = re.compile(rf"[ \t]*\[(?:[ \t0-9\[\](),;.+-]|{STRAY})*+")
_CLEAN = re.compile(r"\[\[[0-9]{1,3}(?:, ?[0-9]{1,3}){3}\](?:, ?\[[0-9]{1,3}(?:, ?[0-9]{1,3}){3}\])*\]")
_GROUP = re.compile(r"[\[(]([^\[\]()]*)")
_NUMBER = re.compile(r"(-?)(?<![0-9])([0-9]+)(?:\.[0-9]*)?")
_MORE_BOXES = re.compile(r"[ \t]*+(?:,[ \t]*+)?\[")


def parse(raw: str, figure_stem: str = "0001") -> ParsedText:
    """Parse one page's raw text into blocks in reading order.

    Each box of an `image` block gets a figure name `<figure_stem>-<k>.jpg`, k counting from 1 over the page.
    Boxes are clamped to 0..999, reversed corners swapped, boxes without area dropped; each of these and each
    malformed tag counts as a repair. The contents of all blocks joined are the raw text without its tags, in
    the form of `det_form` with marks of headings and line ends added.
    """
    other_form = is_det_form(raw)
    first_form = in_first_form(raw) if other_form else raw
    parser = _Parser(first_form)
    parser.parse()
    blocks, spans = parser.done, parser.spans
    if other_form:
        blocks, spans = [*map(as_markdown, blocks)], spans_before(spans, raw, first_form)
    return ParsedText(numbered(blocks, figure_stem), parser.repairs, tuple(spans))


def numbered(blocks: Iterable[Block], figure_stem: str) -> tuple[Block, ...]:
    """Name one page's figures in order. Boxes past `MAX_BOXES` go; boxes past `MAX_FIGURES` get no name."""
    done: list[Block] = []
    boxes_left, figures = MAX_BOXES, 0
    for block in blocks:
        boxes = block.boxes[:boxes_left]
        boxes_left -= len(boxes)
        first = figures + 1
        if block.label == FIGURE_LABEL:
            figures = min(figures + len(boxes), MAX_FIGURES)
        names = tuple(f"{figure_stem}-{k}.jpg" for k in range(first, figures + 1))
        if block.label or boxes or block.content:
            done.append(replace(block, boxes=boxes, figures=names))
    return tuple(done)


def write(blocks: Iterable[Block]) -> str:
    """Write blocks as raw text. `parse` reads the same blocks from it."""
    return "".join(_written(block, first=not at) for at, block in enumerate(blocks))


def _written(block: Block, *, first: bool) -> str:
    # A content can hold a tag that the removal of others put together. A closing tag inside it, which closes
    # nothing, keeps it from being one.
    content = TAG.sub(lambda tag: f"<{TOKENS.det_close}{tag[0][1:]}", block.content)
    if first and not block.label and not block.boxes:
        return content
    boxes = ", ".join(f"[{box.x1}, {box.y1}, {box.x2}, {box.y2}]" for box in block.boxes)
    det = f"{TOKENS.det_open}[{boxes}]{TOKENS.det_close}" if boxes else ""
    return f"{TOKENS.ref_open}{block.label}{TOKENS.ref_close}{det}{content}"


@dataclass(slots=True)
class _OpenBlock:
    """A block whose content is still growing."""

    label: str
    boxes: tuple[Box, ...]
    start: int = 0
    """Where its content begins in the raw text."""
    parts: list[str] = field(default_factory=list)

    def close(self) -> Block:
        return Block(self.label, self.boxes, "".join(self.parts))


class _Parser:
    """Walks over the tags once, left to right; `_position` is the end of what is consumed."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._tags = list(TAG.finditer(raw))
        self._next = 0
        self._position = 0
        self.done: list[Block] = []
        self._open = _OpenBlock("", ())
        self._tag_start = 0
        self._boxes = 0
        self.spans: list[tuple[int, int]] = []
        """Of each block that is done, where its content stands in the raw text."""
        self.repairs = 0

    def parse(self) -> None:
        while self._next < len(self._tags):
            tag = self._tags[self._next]
            self._keep(self._raw[self._position : tag.start()])
            self._tag_start, self._position = tag.span()
            self._next += 1
            if tag[0] == TOKENS.ref_open:
                self._read_ref(tag)
            elif tag[0] == TOKENS.det_open:
                self.repairs += 1  # boxes without a label
                self._start_block("", *self._read_det(tag))
            else:
                self.repairs += 1  # closes nothing
        self._keep(self._raw[self._position :])
        self._tag_start = len(self._raw)
        self._end_block()

    def _peek(self, kind: str) -> re.Match[str] | None:
        """The next tag, if it is of this kind."""
        tag = self._tags[self._next] if self._next < len(self._tags) else None
        return tag if tag is not None and tag[0] == kind else None

    def _keep(self, text: str) -> None:
        if text:
            self._open.parts.append(text)

    def _start_block(self, label: str, boxes: tuple[Box, ...], rest: str) -> None:
        self._end_block()
        self._open = _OpenBlock(label, boxes, self._position)
        self._keep(rest)

    def _end_block(self) -> None:
        block = self._open
        if block.label or block.boxes or block.parts:
            self.done.append(block.close())
            self.spans.append((block.start, max(block.start, self._tag_start)))

    def _read_ref(self, opened: re.Match[str]) -> None:
        """A label, whose `<|/ref|>` may be missing, and the boxes after it; else the tag is dropped alone."""
        label = self._read_label(opened)
        if label is None:
            self.repairs += 1
            return
        det = self._peek(TOKENS.det_open)
        if det is None or self._raw[self._position : det.start()].strip():
            self.repairs += 1  # a label without boxes
            self._start_block(label, (), "")
            return
        self._next += 1
        self._start_block(label, *self._read_det(det))

    def _read_label(self, opened: re.Match[str]) -> str | None:
        if closed := self._peek(TOKENS.ref_close):
            if closed.start() - opened.end() > MAX_LABEL_CHARS:
                return None
            self._next += 1
            self._position = closed.end()
            return self._raw[opened.end() : closed.start()].strip()
        det = self._peek(TOKENS.det_open)
        if det is None or det.start() - opened.end() > _MAX_OPEN_LABEL_CHARS:
            return None
        label = self._raw[opened.end() : det.start()].strip()
        if not label or "\n" in label:
            return None
        self.repairs += 1
        self._position = det.start()
        return label

    def _read_det(self, opened: re.Match[str]) -> tuple[tuple[Box, ...], str]:
        """The boxes of a det whose opening tag is consumed, and text that stood inside its tags."""
        if closed := self._peek(TOKENS.det_close):
            body = self._raw[opened.end() : closed.start()]
            self._next += 1
            self._position = closed.end()
            end = len(body) if _COORDINATES.fullmatch(body) else _end_of_boxes(body, 0, len(body))
            rest = body[end:] if body[end:].strip() else ""
            self.repairs += bool(rest)
            return self._read_boxes(body[:end]), rest
        self.repairs += 1
        stop = self._tags[self._next].start() if self._next < len(self._tags) else len(self._raw)
        self._position = _end_of_boxes(self._raw, opened.end(), stop)
        return self._read_boxes(self._raw[opened.end() : self._position]), ""

    def _read_boxes(self, text: str) -> tuple[Box, ...]:
        groups, broken = _number_groups(text)
        boxes = [box for box in map(_box, groups) if box is not None]
        kept = boxes[: MAX_BOXES - self._boxes]
        self._boxes += len(kept)
        exact = _CLEAN.fullmatch(text) and kept == [Box(*group) for group in groups]
        self.repairs += 0 if exact else max(1, broken + len(groups) - len(kept))
        return tuple(kept)


def _end_of_boxes(text: str, start: int, stop: int) -> int:
    """Where a box list ends that no tag ends in time: at its last bracket, at the latest with its line.

    `start` itself when no box can be read there: what stands there is text, such as `[1] A reference`.
    """
    found = _COORDINATES_OF_LINE.match(text, start, stop)
    if found is None:
        return start
    end = _closing_bracket(text, start, found.end())
    if any(_box(group) for group in _number_groups(text[start:end])[0]):
        return end
    # Broken numbers with nothing after them are a broken tag, not text.
    return end if not text[end:stop].strip() else start


def _closing_bracket(text: str, start: int, stop: int) -> int:
    depth = 0
    for index in range(start, stop):
        depth += (text[index] == "[") - (text[index] == "]")
        if depth == 0 and text[index] == "]" and not _MORE_BOXES.match(text, index + 1, stop):
            return index + 1
    return start + len(text[start:stop].rstrip())


def _number_groups(text: str) -> tuple[list[list[int]], int]:
    """Groups of four numbers, and how many groups or numbers did not fit."""
    groups = [numbers for group in _GROUP.findall(text) if (numbers := _numbers(group))]
    if not any(len(group) == 4 for group in groups):
        everything = _numbers(text)
        groups = [everything] if len(everything) % 4 == 0 else groups
    fours = [group[at : at + 4] for group in groups for at in range(0, len(group) - 3, 4)]
    return fours, sum(len(group) % 4 > 0 for group in groups)


def _numbers(text: str) -> list[int]:
    """Whole parts of the numbers in `text`; a minus counts only directly before its digits."""
    return [-1 if sign else int(digits[:6]) for sign, digits in _NUMBER.findall(text)]


def _box(numbers: list[int]) -> Box | None:
    x1, y1, x2, y2 = (min(max(number, 0), BOX_SCALE) for number in numbers)
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    return box if box.x1 < box.x2 and box.y1 < box.y2 else None
