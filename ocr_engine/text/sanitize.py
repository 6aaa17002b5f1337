"""Markdown prose of a hostile author in, the same text without active markup out. Knows no tables, no rules.

Text is kept: what only looks like a tag (`a < b`, `List<String>`, `<div>` on a page about HTML) stays
visible, escaped where a renderer would swallow it; only markup that acts (scripts, event handlers, links to
`javascript:` and `file:`) goes. An HTML parser over a whole page would damage mathematics and code.
"""

import html
import re
from dataclasses import dataclass, field
from enum import Enum, auto

INLINE_TAGS = frozenset({
    "b", "br", "code", "del", "em", "i", "ins", "kbd", "mark", "s", "small", "strong", "sub", "sup", "u",
})  # fmt: skip
"""Tags that may stay in prose, without attributes."""
_VOID_TAGS = frozenset({"br"})
_SCRIPT_TAGS = frozenset({"applet", "embed", "iframe", "object", "script", "style"})
_ACTIVE_TAGS = _SCRIPT_TAGS | frozenset({
    "animate", "audio", "base", "body", "button", "dialog", "form", "frame", "frameset", "head", "html",
    "image", "img", "input", "isindex", "link", "listing", "marquee", "math", "meta", "noembed",
    "noframes", "noscript", "plaintext", "select", "set", "slot", "source", "svg", "template", "textarea",
    "title", "track", "video", "xmp",
})  # fmt: skip
"""Elements that load, run, post or swallow something by being there."""
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)([^<>]*)(>?)")
_ATTRIBUTES = re.compile(r"(?:\s+[A-Za-z][\w:-]*\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=`]+))*\s*/?")
_HANDLER = re.compile(r"(?:^|[\s/\"'])(?:on[a-z]+|srcdoc|style)\s*=", re.IGNORECASE)
_SCHEME = re.compile(r"(?:javascript|vbscript|livescript|data|file)\s*:", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>]*>|<[\w.+-]+@[\w.-]+>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(?:!--|![A-Za-z\[]|\?|/(?![A-Za-z]))")
_DELIMITER = re.compile(r"\\[()\[\]]|\$\$|`+|<|\n")
_CLOSERS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_TAG_AT_LINE_START = re.compile(r"^ {0,3}<[A-Za-z/!?]", re.MULTILINE)
# A link whose destination has a scheme other than these, plain or hidden behind an entity or a backslash.
_BAD_LINK = re.compile(r"\](?=\(\s*<?(?!https?://|mailto:|#)(?:[^\s:&\\()<>/?#]*[:&\\]|//))", re.IGNORECASE)
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\n]{1,999}\]):(?=[ \t]*\n?[ \t]*\S+[ \t]*$)", re.MULTILINE)
_PARAGRAPH_BREAK = re.compile(r"(\n(?:[ \t]*\n)+)")
_BLANKS = re.compile(r"[\x00-\x20]+")

_MAX_NESTING = 64


class Markup(Enum):
    """What becomes of one `<`."""

    KEEP = auto()
    TEXT = auto()
    ESCAPE = auto()
    REMOVE = auto()


def sanitize(text: str) -> str:
    """`text` without active markup. Code spans of one line stay as they are; `<` in math becomes `\\lt `."""
    parts = _PARAGRAPH_BREAK.split(text)
    return "".join(part if at % 2 else _Paragraph(part).clean() for at, part in enumerate(parts))


def classify(text: str, at: int) -> tuple[Markup, int, str]:
    """What to do with the `<` at `at`, how many characters it concerns, and the tag's name if it has one."""
    found = _TAG.match(text, at)
    if found is None:
        return (Markup.ESCAPE if _HIDDEN.match(text, at) else Markup.TEXT), 1, ""
    _, name, attributes, end = found.groups()
    name, active = name.lower(), _is_active(name.lower(), attributes)
    if not end:
        return (Markup.ESCAPE if active else Markup.TEXT), 1, name
    if name in INLINE_TAGS and _ATTRIBUTES.fullmatch(attributes):
        return Markup.KEEP, len(found[0]), name
    if active and (name in _SCRIPT_TAGS or attributes.strip(" /") or name not in _ACTIVE_TAGS):
        return Markup.REMOVE, len(found[0]), name
    if _AUTOLINK.fullmatch(found[0]):
        return Markup.TEXT, len(found[0]), ""
    taglike = active or not attributes or attributes[0] in " \t\n/"
    return (Markup.ESCAPE if taglike else Markup.TEXT), 1, name


def _is_active(name: str, attributes: str) -> bool:
    """Whether a tag would load, run or post something in a browser."""
    if name in _ACTIVE_TAGS or _SCHEME.match(name + attributes[:1]):
        return True
    decoded = html.unescape(attributes)
    return bool(_HANDLER.search(decoded) or _SCHEME.search(_BLANKS.sub("", decoded)))


@dataclass(slots=True)
class _Paragraph:
    """Text without blank lines, rewritten left to right.

    `unfinished` are places in `out` of a `<` that no `>` ended yet, with what escapes it: a renderer may take
    all up to the next `>` as one tag, so they are escaped as soon as something does that acts.
    """

    text: str
    out: list[str] = field(default_factory=list)
    position: int = 0
    in_math: bool = False
    opened: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unfinished: dict[int, str] = field(default_factory=dict)
    has_link: bool = False

    def clean(self) -> str:
        self.has_link = "](" in self.text
        tokens = list(_DELIMITER.finditer(self.text))
        code, math = _code_spans(self.text, tokens), _math_spans(tokens)
        math_end = -1
        for index, token in enumerate(tokens):
            if token.start() < self.position:
                continue
            self.in_math = token.start() < math_end
            if token[0] == "<":
                self._plain(token.start())
                self._markup()
            elif index in code:
                self._plain(token.start())
                self._verbatim(code[index])
            elif index in math:
                math_end = max(math_end, math[index])
        self._plain(len(self.text))
        self.out += [f"</{name}>" for name in reversed(self.opened)]
        return "".join(self.out)

    def _plain(self, end: int) -> None:
        piece = _BAD_LINK.sub("] ", self.text[self.position : end])
        if self.has_link:
            piece = piece.replace("![", "! [")
        if ">" in piece:
            self.unfinished.clear()
        self.out.append(_DEFINITION.sub(r"\1 :", piece))
        self.position = end

    def _verbatim(self, end: int) -> None:
        self.out.append(self.text[self.position : end])
        self.position = end

    def _markup(self) -> None:
        markup, length, name = classify(self.text, self.position)
        whole = self.text[self.position : self.position + length]
        closing = whole.startswith("</") or self.text.startswith("</", self.position)
        if markup is Markup.ESCAPE and closing and name in self.removed:
            self.removed.remove(name)
            markup, length = Markup.REMOVE, self.text.index(">", self.position) + 1 - self.position
        if markup is Markup.KEEP and not closing and len(self.opened) >= _MAX_NESTING:
            markup, length = Markup.ESCAPE, 1
        if markup in (Markup.REMOVE, Markup.ESCAPE):
            self._escape_unfinished()
        escaped = "\\lt " if self.in_math else "&lt;"
        if self.in_math and markup is not Markup.TEXT:
            self.out.append(escaped)
            length = 1
        elif markup is Markup.TEXT:
            if not whole.endswith(">"):
                self.unfinished[len(self.out)] = escaped
            self.out.append(whole)
        elif markup is Markup.ESCAPE:
            self.out.append(escaped)
        elif markup is Markup.KEEP:
            self.out.append(self._kept(whole, name))
        elif not closing:
            self.removed.append(name)
        self.position += length

    def _kept(self, whole: str, name: str) -> str:
        """The bare tag; what it opens is remembered, so that no page underlines all pages after it."""
        if name in _VOID_TAGS:
            return whole if len(whole) <= len(name) + 4 else f"<{name}>"
        if whole.startswith("</"):
            if name in self.opened:
                self.opened.remove(name)
            return f"</{name}>"
        self.opened.append(name)
        return f"<{name}>"

    def _escape_unfinished(self) -> None:
        for place, escaped in self.unfinished.items():
            self.out[place] = escaped
        self.unfinished.clear()


def _math_spans(tokens: list[re.Match[str]]) -> dict[int, int]:
    """Token index of each math opener -> text position where its span ends. One backward pass."""
    following: dict[str, int] = {}
    ends: dict[int, int] = {}
    for index in range(len(tokens) - 1, -1, -1):
        kind = tokens[index][0]
        if _CLOSERS.get(kind) in following:
            ends[index] = following[_CLOSERS[kind]]
        following[kind] = tokens[index].end()
    return ends


def _code_spans(text: str, tokens: list[re.Match[str]]) -> dict[int, int]:
    """Token index of each code span's opener -> text position where it ends.

    Only spans that every renderer takes for code: on one line, without a cell border, and after no line that
    leaves a backtick unpaired; none in a paragraph with an HTML line or an escaped backtick.
    """
    if _TAG_AT_LINE_START.search(text) or "\\`" in text:
        return {}
    spans: dict[int, int] = {}
    line: list[int] = []
    for index, token in enumerate(tokens):
        if token[0][0] == "`":
            line.append(index)
        elif token[0] == "\n":
            if not _pair_backticks(text, tokens, line, spans):
                return spans
            line = []
    _pair_backticks(text, tokens, line, spans)
    return spans


def _pair_backticks(text: str, tokens: list[re.Match[str]], line: list[int], spans: dict[int, int]) -> bool:
    """Add the code spans of one line to `spans`; whether all its backticks are paired."""
    closer: dict[int, int] = {}
    following: dict[str, int] = {}
    for index in reversed(line):
        closer[index] = following.get(tokens[index][0], -1)
        following[tokens[index][0]] = index
    paired, done = True, -1
    for index in line:
        if index <= done:
            continue
        if closer[index] < 0:
            paired = False
            continue
        done = closer[index]
        if text.find("|", tokens[index].end(), tokens[done].start()) < 0:
            spans[index] = tokens[done].end()
    return paired
