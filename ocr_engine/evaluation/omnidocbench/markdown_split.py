"""One page of predicted markdown to its tables, formulas and text blocks, each with its position.

Follows `utils/extract.py` (`md_tex_filter`) step by step. Every extracted span but inline formulas is
overwritten with spaces before the next step, so that positions stay offsets into the same text.
"""

import re
from dataclasses import dataclass

from ocr_engine.evaluation.omnidocbench import markdown_tables, spans
from ocr_engine.evaluation.omnidocbench.protocol import (
    FORMULA,
    HTML_TABLE,
    INLINE_FORMULA,
    LATEX_TABLE,
    TEXT,
    Protocol,
)


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    """One piece of a prediction. `category` decides what it is matched with, `kind` is finer."""

    category: str
    kind: str
    content: str
    position: int


_IMAGE = re.compile(r"!\[.*?\]\(.*?\)")
_FENCES_V1_0 = (r"^```markdown\n?", r"```\n?$")
_FENCES_V1_5 = (r"^```markdown\n?", r"^```html\n?", r"^```latex\n?", r"```\n?$")
_SQUEEZE = ((r"_{4,}", "____"), (r" {4,}", "    "))
_SQUEEZE_SYMBOLS = (r"([^a-zA-Z0-9])\1{10,}", r"\1\1\1\1")
_MATH = re.compile(r"\$\$(.*?)\$\$|\\\[(.*?)\\\]|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_DELIMITED = re.compile(r"\$\$(.*?)\$\$|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_HTML_TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
_CODE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
# In upstream's order. The one-line form keeps the white space inside the braces, the other strips it.
_WRAPPERS = (
    (re.compile(r"\\title\{(.*?)\}"), False),
    (re.compile(r"\\title\s*\{(.*?)\}", re.DOTALL), True),
    (re.compile(r"\\text\s*\{(.*?)\}", re.DOTALL), True),
    (re.compile(r"\\section\*?\{(.*?)\}"), False),
    (re.compile(r"\\section\*?\{(.*?)\}", re.DOTALL), True),
)


def split(markdown: str, protocol: Protocol) -> dict[str, list[MarkdownBlock]]:
    """Blocks by category, each list in order of position.

    The dictionary's own order is that of each category's first block: later steps break ties by it.
    """
    content = _preprocess(markdown, protocol)
    blocks: list[MarkdownBlock] = []
    for step in (_latex_tables, _html_tables):
        content = step(content, blocks)
    content = _formulas(content, blocks, protocol)
    for step in (_pipe_tables, _code):
        content = step(content, blocks)
    _texts(_unwrap(content), blocks)
    by_category: dict[str, list[MarkdownBlock]] = {}
    for block in sorted(blocks, key=lambda block: block.position):
        by_category.setdefault(block.category, []).append(block)
    return by_category


def _preprocess(content: str, protocol: Protocol) -> str:
    content = _IMAGE.sub("", content)
    for fence in _FENCES_V1_5 if protocol.hybrid else _FENCES_V1_0:
        content = re.sub(fence, "", content, flags=re.MULTILINE)
    for pattern, replacement in _SQUEEZE:
        content = re.sub(pattern, replacement, content)
    if not protocol.hybrid:
        return re.sub(*_SQUEEZE_SYMBOLS, content)
    for tag in ("<html>", "</html>", "<body>", "</body>"):
        content = content.replace(tag, "")
    return content


def _latex_tables(content: str, blocks: list[MarkdownBlock]) -> str:
    found = spans.latex_tables(content)
    blocks += [MarkdownBlock(LATEX_TABLE, LATEX_TABLE, content[start:end], start) for start, end in found]
    return spans.blank(content, found)


def _html_tables(content: str, blocks: list[MarkdownBlock]) -> str:
    found = spans.html_tables(content)
    blocks += [MarkdownBlock(HTML_TABLE, HTML_TABLE, content[start:end], start) for start, end in found]
    return spans.blank(content, found)


def _formulas(content: str, blocks: list[MarkdownBlock], protocol: Protocol) -> str:
    r"""Displayed formulas leave the text; `$...$` and `\(...\)` stay in it and are candidates as well."""
    displayed: list[spans.Span] = []
    for match in _MATH.finditer(content):
        line = _on_one_line(match.group(0), protocol)
        delimited = _DELIMITED.search(line)
        inline = delimited is not None and not delimited.group(1)
        if delimited is not None:
            # The groups the alternative did not use are empty, so one of the two is the whole body.
            body = r"\\[\2\3\\]" if inline else r"\\[\1\\]"
            line = _DELIMITED.sub(body, line)
        blocks.append(MarkdownBlock(FORMULA, INLINE_FORMULA if inline else FORMULA, line, match.start()))
        if not inline:
            displayed.append(match.span())
    return spans.blank(content, displayed)


def _on_one_line(formula: str, protocol: Protocol) -> str:
    return " ".join(formula.strip().split("\n")) if protocol.hybrid else "".join(formula.split())


def _pipe_tables(content: str, blocks: list[MarkdownBlock]) -> str:
    if not markdown_tables.has_table(content):
        return content
    content = markdown_tables.to_html(content)
    found = [match.span() for match in _HTML_TABLE.finditer(content)]
    blocks += [
        MarkdownBlock(HTML_TABLE, "md2html_table", content[start:end].strip(), start) for start, end in found
    ]
    return spans.blank(content, found)


def _code(content: str, blocks: list[MarkdownBlock]) -> str:
    """Rarely finds any: preprocessing has already removed closing fences at line ends."""
    found = list(_CODE.finditer(content))
    blocks += [MarkdownBlock(TEXT, "code", match.group(2).strip(), match.start()) for match in found]
    return spans.blank(content, [match.span() for match in found])


def _unwrap(content: str) -> str:
    for pattern, strips in _WRAPPERS:
        content = pattern.sub(_stripped if strips else r"\1", content)
    return content


def _stripped(match: re.Match[str]) -> str:
    return match[1].strip()


def _texts(content: str, blocks: list[MarkdownBlock]) -> None:
    """Paragraphs; a page without one blank line is split by line.

    Positions are running sums of lengths without the separators, so they drift against those of
    tables and formulas, as upstream's do.
    """
    pieces = content.split("\n\n")
    if len(pieces) == 1:
        pieces = content.split("\n")
    position = 0
    for piece in pieces:
        text = "\n".join(line.strip() for line in piece.strip().split("\n") if line.strip())
        if text:
            _text(text, position, blocks)
        position += len(piece)


def _text(text: str, position: int, blocks: list[MarkdownBlock]) -> None:
    if text.startswith("<table") and text.endswith("</table>"):
        blocks.append(MarkdownBlock(HTML_TABLE, HTML_TABLE, text, position))
    elif not (text.startswith("$") and text.endswith("$")):
        blocks.append(MarkdownBlock(TEXT, "text_block", text, position))
    elif text.replace("$", "").strip():
        blocks.append(MarkdownBlock(FORMULA, FORMULA, text, position))
