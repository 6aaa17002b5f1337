"""HTML tables in model output: finds where one ends, balances it and removes active markup."""

import re
from collections import Counter

import nh3

from ocr_engine.text.links import break_links, break_lists
from ocr_engine.text.sanitize import INLINE_TAGS, RENAMED, Markup, classify, escape_all

_STRUCTURE = frozenset({
    "caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
})  # fmt: skip
_TAGS = _STRUCTURE | INLINE_TAGS | {"li", "ol", "p", "ul"}
_VOID_TAGS = frozenset({"br", "col"})
_SPANS = frozenset({"colspan", "rowspan"})
_MAX_SPAN = 999
MAX_TAGS = 50_000
"""A table with more tags is a loop or an attack. It is kept as escaped text."""
_MAX_NESTING = 64
_MAX_STRAYS = 2_000
"""The most tags between cells. For each of them a parser searches for the place before the table."""
_MAX_ATTRIBUTE_CHARS = 1_000
"""The longest attributes of a tag that are read. A parser compares each with all before it."""
_STRUCTURE_TAG = re.compile(rf"<(/?)({'|'.join(sorted(_STRUCTURE))})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_CELLS = frozenset({"caption", "td", "th"})
_NESTING = (INLINE_TAGS | {"ol", "table", "ul"}) - _VOID_TAGS
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(\s[^<>]*)?>")
_TIDY_ATTRIBUTES = re.compile(r"(?:\s(?:colspan|rowspan)=(\"?)[0-9]{1,3}\1)*\s?/?")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def table_end(text: str, start: int) -> int:
    """Find where the table that starts at `start` ends; returns `start` if no table starts there.

    A table that is never closed ends with its last tag or, inside an open cell, with that paragraph.
    """
    depth, end, in_cell = 0, start, False
    for tag in _STRUCTURE_TAG.finditer(text, start):
        closing, name = bool(tag[1]), tag[2].lower()
        if end == start and tag.start() != start:
            return start
        if name == "table" and not closing and depth and not in_cell:
            return end
        depth += (name == "table") * (-1 if closing else 1)
        end, in_cell = tag.end(), not closing and name in _CELLS
        if depth == 0:
            return end
    if not in_cell:
        return end
    cut = _BLANK_LINES.search(text, end)
    return cut.start() if cut else len(text)


def sanitize_table(table: str) -> str:
    """Close what is open and remove what acts; all text, spans, subscripts and line breaks stay.

    A tidy table comes back unchanged. Blank lines are removed: they would end the HTML block.
    """
    table = _broken(_only_allowed_tags(table))
    if _is_tidy(table):
        return table
    if table.count("<") > MAX_TAGS or _is_slow(table):
        return escape_all(table)
    cleaned: str = nh3.clean(
        table,
        tags=set(_TAGS),
        clean_content_tags=set(),
        attributes={"td": set(_SPANS), "th": set(_SPANS)},
        attribute_filter=_bounded_span,
        link_rel=None,
    )
    return _broken(cleaned.strip())


def _broken(table: str) -> str:
    return break_lists(break_links(_BLANK_LINES.sub("\n", table)))


def _only_allowed_tags(table: str) -> str:
    out: list[str] = []
    position = 0
    for found in re.finditer("<", table):
        if found.start() < position:
            continue
        out.append(table[position : found.start()])
        markup, length, _ = classify(table, found.start())
        tag = _TAG.match(table, found.start())
        if tag is not None and (name := tag[2].lower()) in RENAMED:
            out.append(f"<{tag[1]}{RENAMED[name]}>")
            length = len(tag[0])
        elif tag is not None and name in _TAGS:
            # nh3 takes its attributes away where they are more than spans.
            out.append(tag[0] if len(tag[0]) <= _MAX_ATTRIBUTE_CHARS else f"<{tag[1]}{tag[2]}>")
            length = len(tag[0])
        elif markup is not Markup.REMOVE:
            out.append("&lt;")
            length = 1
        position = found.start() + length
    return "".join([*out, table[position:]])


def _is_tidy(table: str) -> bool:
    """Whether every tag is closed in order and has no attributes but small spans."""
    stack: list[str] = []
    for closing, name, attributes in _TAG.findall(table):
        name = name.lower()
        if not _TIDY_ATTRIBUTES.fullmatch(attributes) or len(stack) > _MAX_NESTING:
            return False
        if name in _VOID_TAGS:
            continue
        if not closing:
            stack.append(name)
        elif not stack or stack.pop() != name:
            return False
    return not stack


def _is_slow(table: str) -> bool:
    """Whether a parser would take quadratic time: tags nested too deeply, or too many between cells.

    An end tag closes only its own kind: `<b></i>` repeated nests as deeply as `<b>` repeated.
    """
    unclosed: Counter[str] = Counter()
    strays, in_cell = 0, False
    for closing, name, _ in _TAG.findall(table):
        name = name.lower()
        if name in _NESTING:
            unclosed[name] = max(0, unclosed[name] + (-1 if closing else 1))
        if name in _STRUCTURE:
            in_cell = not closing and name in _CELLS
        else:
            strays += not in_cell
        if strays > _MAX_STRAYS or unclosed.total() > _MAX_NESTING:
            return True
    return False


def _bounded_span(_tag: str, attribute: str, value: str) -> str | None:
    number = value.strip()
    if attribute not in _SPANS or not (number.isascii() and number.isdigit() and len(number) < 8):
        return None
    return str(min(max(int(number), 1), _MAX_SPAN))
