"""Markdown of a page in, HTML that cannot act out: tables kept, mathematics as MathML, all of it offline.

Three walls: the markdown was made harmless when it was written, what it renders to is sanitised here, and
the pages it goes into forbid everything else by a Content-Security-Policy.
"""

import html
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from ocr_engine.delimiters import MATH, pairs
from ocr_engine.marks import carried
from ocr_engine.outputs.exports.table_bounds import Room

MAX_MATH_CHARS = 4_000
"""A longer formula is shown as its source."""
MAX_PAGE_CHARS = 2_000_000
"""A longer page is shown as its source."""
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private characters around a formula's number while markdown and sanitiser work on the rest."""
_PRIVATE = re.compile(f"[{_OPEN}{_CLOSE}]")
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_PLACE = re.compile(f"<[^>]*>|{_OPEN}([0-9]+){_CLOSE}")
_DELIMITER = re.compile(r"^ {0,3}(?:```|~~~).*$|`+|\\[\\()\[\]]|\$\$|\$", re.MULTILINE)
_CLOSERS = MATH | {"$": "$"}
_FENCES = ("```", "~~~")
_DISPLAY = ("\\[", "$$")
_TAG_NUMBER = re.compile(r"\\tag\s*\{([^{}]{1,40})\}")
_FIGURE = re.compile(r"(?:\.\./)?figures/[0-9]{4,}-[0-9]+\.jpg")
_NO_PICTURE = re.compile(r"<img(?![^>]* src=)[^>]*>")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)
_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s",
    "small", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_NUMBERS = frozenset({"colspan", "rowspan", "start"})
_MATH_TAGS = {
    "maction", "math", "menclose", "merror", "mfenced", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover",
    "mpadded", "mphantom", "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub",
    "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none",
}  # fmt: skip
_MATH_ATTRIBUTES = {
    "*": {
        "accent", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle", "fence",
        "form", "height", "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize",
        "movablelimits", "notation", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator",
        "stretchy", "symmetric", "voffset", "width", "xmlns",
    }
}  # fmt: skip


def rendered(markdown: str) -> str:
    """Safe HTML with formulas as they are written: to read the text out of."""
    return sanitized(_renderer()(_PRIVATE.sub("\ufffd", markdown)))


def with_formulas_apart(markdown: str) -> tuple[str, Callable[[str], str]]:
    """Safe HTML with a mark for each formula, and what writes formulas as `$...$` into a text with marks."""
    formulas: list[tuple[str, bool]] = []
    html_with_marks = sanitized(_renderer()(_without_math(_PRIVATE.sub("\ufffd", markdown), formulas)))

    def put_back(text: str) -> str:
        return _MARK.sub(lambda mark: _in_dollars(*formulas[int(mark[1])]), text)

    return html_with_marks, put_back


def _in_dollars(tex: str, display: bool) -> str:
    dollars = "$$" if display else "$"
    return f"{dollars}{tex.strip()}{dollars}"


def to_html(markdown: str, room: Room | None = None) -> str:
    """HTML of one page or block; what goes beyond a bound is shown as its source.

    `room` is what the blocks of one page have for their tables together; without it this is a page.
    """
    if len(markdown) > MAX_PAGE_CHARS:
        return f"<pre>{carried(html.escape(markdown))}</pre>"
    formulas: list[tuple[str, bool]] = []
    text = _without_math(_PRIVATE.sub("\ufffd", markdown), formulas)
    safe = (room or Room()).bounded(sanitized(_renderer()(text)))

    def put_back(match: re.Match[str]) -> str:
        place = match[1]
        return match[0] if place is None else math_html(*formulas[int(place)])

    return carried(_PLACE.sub(put_back, safe))


def sanitized(markup: str) -> str:
    """The markup with allowed tags and attributes alone; pictures are our figures, links go to the web."""
    import nh3

    clean = nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto"},
    )
    # By hand: the sanitiser sets several attributes in an order that changes from run to run.
    return _NO_PICTURE.sub("", clean).replace("<img ", '<img alt="" loading="lazy" ')


def math_html(tex: str, display: bool) -> str:
    """A formula as MathML; as its source in `<code>` where it is too long or cannot be read."""
    source = f'<code class="tex">{html.escape(tex.strip())}</code>'
    if len(tex) > MAX_MATH_CHARS:
        return source
    try:
        markup = _mathml(tex.strip(), display)
    except Exception:  # noqa: BLE001 - latex2mathml raises many types, RecursionError among them
        return source
    return markup if "<math" in markup else source


@lru_cache(maxsize=1024)
def _mathml(tex: str, display: bool) -> str:
    import nh3
    from latex2mathml.converter import convert

    # The converter writes what is in \text{} unescaped: `<` must not reach it.
    harmless = html.unescape(tex).replace("<", r"\lt ").replace(">", r"\gt ")
    harmless = _TAG_NUMBER.sub(r"\\qquad \\text{(\1)}", harmless)
    markup = convert(harmless, display="block" if display else "inline")
    return nh3.clean(markup, tags=_MATH_TAGS, attributes=_MATH_ATTRIBUTES, link_rel=None)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name in _NUMBERS:
        return value if value.isascii() and value.isdigit() and len(value) <= 3 else None
    if tag == "img":
        return value if name != "src" or _FIGURE.fullmatch(value) else None
    if tag == "a" and name == "href":
        return value if _LINK.fullmatch(value) else None
    return value


@lru_cache(maxsize=1)
def _renderer() -> Callable[[str], str]:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return lambda text: str(renderer.render(text))


def _without_math(text: str, formulas: list[tuple[str, bool]]) -> str:
    """The text with each formula replaced by its number between private characters."""
    out: list[str] = []
    position = 0
    for start, end, opener in _math_spans(text):
        out += [text[position:start], f"{_OPEN}{len(formulas)}{_CLOSE}"]
        formulas.append((text[start + len(opener) : end - len(_CLOSERS[opener])], opener in _DISPLAY))
        position = end
    return "".join([*out, text[position:]])


def _math_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and opening delimiter of each formula outside code, in linear time."""
    tokens = list(_DELIMITER.finditer(text))
    closers = pairs(tokens, lambda kind: _CLOSERS.get(kind, kind), _code_kind)
    position = 0
    for index, token in enumerate(tokens):
        kind = token[0]
        if token.start() < position:
            continue
        opens = kind in _CLOSERS or kind[0] == "`" or _code_kind(kind) in _FENCES
        closer = closers.get(index) if opens else None
        if closer is None:
            continue
        start, end = token.start(), tokens[closer].end()
        if kind in _CLOSERS and not _is_math(text, start, end, kind):
            continue
        position = end
        if kind in _CLOSERS:
            yield start, end, kind


def _code_kind(kind: str) -> str:
    fence = kind.lstrip()[:3]
    return fence if fence in _FENCES else kind


def _is_math(text: str, start: int, end: int, opener: str) -> bool:
    """Whether delimiters that pair enclose a formula; a lone `$` is more often money."""
    inner = text[start + len(opener) : end - len(_CLOSERS[opener])]
    if not inner.strip():
        return False
    if opener != "$":
        return "\n\n" not in inner
    tight = not inner[0].isspace() and not inner[-1].isspace() and not text[end : end + 1].isdigit()
    return tight and "\n" not in inner
