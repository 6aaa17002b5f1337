"""Removes active markup from markdown prose, whose author may be hostile. Knows no tables.

Only markup that acts is removed: scripts, event handlers, links to `javascript:` and `file:`. What merely
looks like a tag (`a < b`, `List<String>`, `<div>` on a page about HTML) stays visible, escaped if a renderer
would swallow it. An HTML parser over a whole page would damage mathematics and code.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from ocr_engine.text.entities import unescape
from ocr_engine.text.links import ACTING_ATTRIBUTE, break_all_links, break_links, break_lists
from ocr_engine.text.spans import DELIMITER, code_spans, math_spans

INLINE_TAGS = frozenset({
    "b", "br", "code", "em", "i", "kbd", "mark", "s", "small", "strong", "sub", "sup", "u",
})  # fmt: skip
"""Tags that may stay in prose, without attributes."""
RENAMED = {"del": "s", "ins": "u"}
"""Tags replaced by others that look alike: after these, one renderer takes whole paragraphs for HTML."""
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
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>\"'`]*>|<[\w.+-]+@[\w.-]+>", re.IGNORECASE)
_ANY_AUTOLINK = re.compile(r"<[A-Za-z][A-Za-z0-9.+-]{1,31}:[^\s<>]*>")
_HIDDEN = re.compile(r"<(?:!--|![A-Za-z\[]|\?|/(?![A-Za-z]))")
_BLOCK_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|"
    "dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|"
    "main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|pre|script|search|section|style|summary|table|"
    "tbody|td|textarea|tfoot|th|thead|title|tr|track|ul"
)
_BLOCK = re.compile(
    rf"^[ \t]*(?:(?:[-+*>]|[0-9]{{1,9}}[.)])[ \t]*)*<(?=/?(?:{_BLOCK_TAGS})(?:[\s/>]|$))",
    re.MULTILINE | re.IGNORECASE,
)
"""A `<` that starts an HTML block, in which a renderer passes everything on, finished or not."""
_ACTING = re.compile(rf"(?:^|[\s/\"']){ACTING_ATTRIBUTE}\s*=|=\s*[\"']", re.IGNORECASE)
"""What must not follow a `<` that some renderer passes on as it is: browsers read on up to the next `>`."""
_PARAGRAPH_BREAK = re.compile(r"(\n(?:[ \t]*\n)+)")
_BLANKS = re.compile(r"[\x00-\x20]+")
_FRONT_MATTER = re.compile(r"[ \t]*---[ \t]*\n")
"""What some programs read settings behind, style sheets among them, unless a blank line follows."""

_MAX_NESTING = 64


class Markup(Enum):
    """What to do with one `<`."""

    KEEP = auto()
    TEXT = auto()
    ESCAPE = auto()
    REMOVE = auto()


def sanitize(text: str) -> str:
    """Remove active markup. Code spans of one line stay as they are; `<` in math becomes `\\lt `."""
    parts = _PARAGRAPH_BREAK.split(text)
    return "".join(part if at % 2 else _cleaned(part) for at, part in enumerate(parts))


def _cleaned(paragraph: str) -> str:
    cleaned = _Paragraph(paragraph).clean()
    front = _FRONT_MATTER.match(cleaned)
    return f"{front[0]}\n{cleaned[front.end() :]}" if front else cleaned


def escape_all(text: str) -> str:
    """Escape all markup, links included: the last resort if rules undo each other for ever."""
    return break_all_links(text.replace("<", "&lt;"))


def classify(text: str, at: int) -> tuple[Markup, int, str]:
    """Decide about the `<` at `at`: what to do, with how many characters, and the tag's name, if any."""
    found = _TAG.match(text, at)
    if found is None:
        return (Markup.ESCAPE if _HIDDEN.match(text, at) else Markup.TEXT), 1, ""
    _, name, attributes, end = found.groups()
    name, active = name.lower(), _is_active(name.lower(), attributes)
    if not end:
        return (Markup.ESCAPE if active else Markup.TEXT), 1, name
    if (name in INLINE_TAGS or name in RENAMED) and _ATTRIBUTES.fullmatch(attributes):
        return Markup.KEEP, len(found[0]), name
    if active and (name in _SCRIPT_TAGS or attributes.strip(" /") or name not in _ACTIVE_TAGS):
        return Markup.REMOVE, len(found[0]), name
    if _AUTOLINK.fullmatch(found[0]):
        return Markup.TEXT, len(found[0]), ""
    taglike = active or not attributes or attributes[0] in " \t\n/" or _ANY_AUTOLINK.fullmatch(found[0])
    return (Markup.ESCAPE if taglike else Markup.TEXT), 1, name


def _is_active(name: str, attributes: str) -> bool:
    """Whether a tag would load, run or post something in a browser."""
    if name in _ACTIVE_TAGS or _SCHEME.match(name + attributes[:1]):
        return True
    decoded = unescape(attributes)
    return bool(_HANDLER.search(decoded) or _SCHEME.search(_BLANKS.sub("", decoded)))


@dataclass(slots=True)
class _Paragraph:
    """Rewrites one paragraph from left to right.

    `unfinished` maps each place in `out` that holds a `<` without a `>` so far to what escapes it. A renderer
    may take all up to the next `>` as one tag, so it is escaped as soon as something that acts follows.
    """

    text: str
    out: list[str] = field(default_factory=list)
    code: list[int] = field(default_factory=list)
    position: int = 0
    in_math: bool = False
    opened: list[str] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    unfinished: dict[int, str] = field(default_factory=dict)
    blocks: frozenset[int] = frozenset()
    acting: int = -1

    def clean(self) -> str:
        if "<" not in self.text and "`" not in self.text:
            return break_lists(break_links(self.text))
        self.blocks = frozenset(found.end() - 1 for found in _BLOCK.finditer(self.text))
        self.acting = max((found.start() for found in _ACTING.finditer(self.text)), default=-1)
        tokens = list(DELIMITER.finditer(self.text))
        code, math = code_spans(self.text, tokens), math_spans(tokens)
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
        return self._joined()

    def _joined(self) -> str:
        """Join everything but code before links are broken, so that removed parts cannot hide a link."""
        parts: list[str] = []
        code = bytearray()
        start = 0
        for index in [*self.code, len(self.out)]:
            prose, verbatim = (
                break_links("".join(self.out[start:index])),
                "".join(self.out[index : index + 1]),
            )
            parts += [prose, verbatim]
            code += bytes(len(prose)) + b"\x01" * len(verbatim)
            start = index + 1
        return break_lists("".join(parts), code)

    def _plain(self, end: int) -> None:
        piece = self.text[self.position : end]
        if ">" in piece:
            self.unfinished.clear()
        self.out.append(piece)
        self.position = end

    def _verbatim(self, end: int) -> None:
        self.code.append(len(self.out))
        self.out.append(self.text[self.position : end])
        self.position = end

    def _markup(self) -> None:
        markup, length, name = self._judged()
        whole = self.text[self.position : self.position + length]
        escaped = "\\lt " if self.in_math else "&lt;"
        if markup in (Markup.REMOVE, Markup.ESCAPE):
            self._escape_unfinished()
        if markup is Markup.TEXT:
            if not whole.endswith(">"):
                self.unfinished[len(self.out)] = escaped
            self.out.append(whole)
        elif markup is Markup.ESCAPE:
            self.out.append(escaped)
        elif markup is Markup.KEEP:
            self.out.append(self._kept(whole, name))
        elif not whole.startswith("</"):
            self.removed[name] += 1
        self.position += length

    def _judged(self) -> tuple[Markup, int, str]:
        """Decide by `classify` and by the text around the `<`."""
        markup, length, name = classify(self.text, self.position)
        closing = self.text.startswith("</", self.position)
        if markup is Markup.TEXT:
            acts = name and (self.position in self.blocks or self.position < self.acting)
            return (Markup.ESCAPE, 1, name) if acts else (markup, length, name)
        if self.in_math:
            return Markup.ESCAPE, 1, name
        whole = _TAG.match(self.text, self.position)
        if markup is Markup.ESCAPE and closing and self.removed[name] and whole and whole[4]:
            self.removed[name] -= 1
            return Markup.REMOVE, len(whole[0]), name
        if markup is Markup.REMOVE and "`" in self.text:
            return Markup.ESCAPE, 1, name  # it may be code, if not for every renderer
        if markup is Markup.KEEP and not closing and len(self.opened) >= _MAX_NESTING:
            return Markup.ESCAPE, 1, name
        return markup, length, name

    def _kept(self, whole: str, name: str) -> str:
        """Write the bare tag, and remember to close it, so that no page underlines all pages after it."""
        name = RENAMED.get(name, name)
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
