"""Removes grounding tags from a text while it grows, giving text out as early as it is certain.

The result depends on the whole text, not on where it was cut into pieces. A broken tag loses its marks, never
text of the page. Linear time.
"""

import re

from ocr_engine.families import TOKENS
from ocr_engine.text.det_form import LABEL_IN_DET, PERHAPS_LABEL
from ocr_engine.text.grounding import MAX_LABEL_CHARS, STRAY, TAG, TAGS
from ocr_engine.text.markdown import LAYOUT_LABELS

_LONGEST_TAG = max(map(len, TAGS))
_STRAY_LETTERS = re.compile(rf"{STRAY}(?=[ ,]{{0,2}}[0-9])")
_PERHAPS_STRAY = re.compile(rf"{STRAY}[ ,]{{0,2}}\Z")
_BOX_CHARACTERS = frozenset("[]()0123456789,;.+- \t\n")


class TagFolder:
    """Removes the tags of one text: `add` its pieces in order, then `end`.

    With the prompts `ocr` and `locate` the label is the text that was read. So a label is shown if no text
    follows it and it names no kind of block.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._at = 0
        self._state = self._text
        self._label = ""
        self._space: list[str] = []
        self._depth = 0

    def add(self, piece: str) -> str:
        """Take the next piece; returns the text that is now certain, perhaps none."""
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return self._run(last=False)

    def end(self) -> str:
        """Return what was held back in case a tag came."""
        return self._run(last=True) + self._end_block()

    def _run(self, last: bool) -> str:
        out: list[str] = []
        while self._at < len(self._buffer):
            before = self._at, self._state
            out.append(self._state(last))
            if before == (self._at, self._state):
                break
        return "".join(out)

    def _take_to(self, end: int) -> str:
        taken, self._at = self._buffer[self._at : end], end
        return taken

    def _text(self, last: bool) -> str:
        """Read page text up to the next tag."""
        tag = TAG.search(self._buffer, self._at)
        if tag is None:
            held = 0 if last else _start_of_tag(self._buffer, self._at)
            return self._shown(self._take_to(len(self._buffer) - held))
        shown = self._shown(self._take_to(tag.start()))
        self._at = tag.end()
        if tag[0] == TOKENS.ref_open or (tag[0] == TOKENS.det_open and not self._label):
            shown += self._end_block()
        if tag[0] == TOKENS.ref_open:
            self._state = self._ref
        elif tag[0] == TOKENS.det_open:
            self._state, self._depth = self._label_or_boxes, 0
        return shown

    def _ref(self, last: bool) -> str:
        """Read a label up to its closing tag; it is text if none comes in time."""
        limit = self._at + MAX_LABEL_CHARS + _LONGEST_TAG
        tag = TAG.search(self._buffer, self._at, limit)
        if tag is None and not last and len(self._buffer) < limit:
            return ""
        self._state = self._text
        if tag is not None and tag[0] == TOKENS.ref_close:
            self._label = self._take_to(tag.start()).strip()
            self._at = tag.end()
        return ""

    def _label_or_boxes(self, last: bool) -> str:
        """Read the label before the boxes, where it stands there."""
        if not last and PERHAPS_LABEL.match(self._buffer, self._at):
            return ""
        shown = ""
        if found := LABEL_IN_DET.match(self._buffer, self._at):
            shown = self._end_block()
            self._label, self._at = found[1], found.end()
        self._state = self._boxes
        return shown

    def _boxes(self, last: bool) -> str:
        """Skip numbers in brackets, up to the last bracket or the first character that is no part of them."""
        at = self._at
        while at < len(self._buffer):
            character = self._buffer[at]
            if self._depth > 0 and character.isalpha():
                if stray := _STRAY_LETTERS.match(self._buffer, at):
                    at = stray.end()
                    continue
                if not last and _PERHAPS_STRAY.match(self._buffer, at):
                    break
            self._depth += (character in "[(") - (character in "])")
            if self._depth <= 0 and character not in " \t" or character not in _BOX_CHARACTERS:
                self._take_to(at + (character in "])"))
                self._state = self._text
                return ""
            at += 1
        self._at = at
        return ""

    def _shown(self, text: str) -> str:
        """Text to show. White space after a label waits until it is known whether the label is shown."""
        if not self._label:
            return text
        if not text.strip():
            self._space.append(text)
            return ""
        self._label = ""
        return self._take_space() + text

    def _take_space(self) -> str:
        space, self._space = "".join(self._space), []
        return space

    def _end_block(self) -> str:
        label, space, self._label = self._label, self._take_space(), ""
        return space if label in LAYOUT_LABELS else label + space


def _start_of_tag(text: str, start: int) -> int:
    """How many characters at the end of `text`, after `start`, may be the start of a tag."""
    for count in range(min(len(text) - start, _LONGEST_TAG - 1), 0, -1):
        if any(tag.startswith(text[-count:]) for tag in TAGS):
            return count
    return 0


def fold(raw: str) -> str:
    """Remove the tags of a whole text, as `TagFolder` does piece by piece."""
    folder = TagFolder()
    return folder.add(raw) + folder.end()
