"""Turns the blocks of one page into clean markdown. Figure names come from the parser; no file is touched."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, ParsedText
from ocr_engine.text.clean import clean, harmless
from ocr_engine.text.options import dropped, needs_blank_lines, restyle

LAYOUT_LABELS = frozenset({
    "abandon", "algorithm", "aside_text", "caption", "chart", "code", "code_caption", "equation",
    "equation_number", "figure", "figure_caption", "footer", "footnote", "formula", "header", "image",
    "image_caption", "image_footnote", "index", "interline_equation", "list", "list_item",
    "page_footnote", "page_header", "page_number", "paragraph", "phonetic", "plain_text", "ref_text",
    "reference", "seal", "second_reading", "section_header", "sub_title", "subtitle", "table",
    "table_caption", "table_footnote", "text", "text_layer", "title", "toc",
})  # fmt: skip
"""Labels that name a kind of block. With the `ocr` and `locate` prompts a label is the text that was read."""

_AS_IT_IS = TextConfig()
_NOTHING: Mapping[str, str] = MappingProxyType({})
_OURS = "\0"
_RUNNING_TEXT = frozenset({"", "text", "plain_text", "paragraph"})


def is_running_text(label: str) -> bool:
    """Whether a block of this label holds paragraphs: the unlabelled text of the `free` prompt does too."""
    return label in _RUNNING_TEXT


def to_markdown(
    parsed: ParsedText,
    link_prefix: str | None,
    options: TextConfig = _AS_IT_IS,
    figure_texts: Mapping[str, str] = _NOTHING,
) -> str:
    """Write a page's markdown: no tags, `![](<link_prefix>NAME)` for each figure, one newline at the end.

    `link_prefix` None leaves the links out. `options` say how the text is written. `figure_texts` holds what
    stands below each figure, by its name. Blocks are separated by a blank line if the raw text has one, else
    by a line end. A page without text and figures is the empty string.
    """
    labels_are_text = _labels_are_text(parsed.blocks)
    out: list[str] = []
    gap = 0
    for block in parsed.blocks:
        if dropped(block.label, options):
            continue
        leading, text, trailing = _split_newlines(block.content)
        text = restyle(clean(text), options, block.label, block.lines)
        body = _body(block, text, link_prefix, leading, labels_are_text)
        body = _with_figure_texts(block, body, link_prefix, figure_texts)
        gap += 0 if block.figures else leading
        if body:
            table_first, table_last = needs_blank_lines(body, options)
            out += ["\n\n" if gap >= 2 or table_first else "\n", body] if out else [body]
            gap = 2 if table_last else 0
        gap += trailing
    page = _finished("".join(out).strip("\n"))
    return f"{page}\n" if page.strip() else ""


def block_texts(
    parsed: ParsedText,
    link_prefix: str | None,
    options: TextConfig = _AS_IT_IS,
    figure_texts: Mapping[str, str] = _NOTHING,
) -> tuple[str, ...]:
    """Write each block's markdown by itself, as `to_markdown` does; empty for blocks that are left out."""
    labels_are_text = _labels_are_text(parsed.blocks)

    def text_of(block: Block) -> str:
        text = restyle(clean(_split_newlines(block.content)[1]), options, block.label, block.lines)
        body = _body(block, text, link_prefix, 1, labels_are_text)
        return _finished(_with_figure_texts(block, body, link_prefix, figure_texts))

    return tuple("" if dropped(block.label, options) else text_of(block) for block in parsed.blocks)


def _figure_link(link_prefix: str, name: str) -> str:
    """A figure's link, marked with a character that no clean text holds, so that no answer can forge one."""
    return f"!{_OURS}[]{_OURS}({link_prefix}{name})"


def _finished(text: str) -> str:
    """Disarm what the parts form together, and make our own figure links links again."""
    return harmless(text).replace(_OURS, "")


def _body(block: Block, text: str, link_prefix: str | None, newlines: int, labels_are_text: bool) -> str:
    if block.figures and link_prefix is not None:
        links = "\n".join(_figure_link(link_prefix, name) for name in block.figures)
        return links + "\n" * min(newlines + 1, 2) + text if text else links
    if not text and _is_text(block.label, labels_are_text):
        return clean(block.label).strip()
    return text


def _with_figure_texts(
    block: Block, body: str, link_prefix: str | None, figure_texts: Mapping[str, str]
) -> str:
    """Put each figure's text below its link or, without links, before the block's own text."""
    for name in block.figures:
        if text := figure_texts.get(name):
            link = _figure_link(link_prefix, name) if link_prefix is not None else ""
            before, _, after = body.partition(link) if link else ("", "", body)
            parts = (link, text, after.lstrip("\n"))
            body = before + "\n\n".join(part for part in parts if part)
    return body


def _labels_are_text(blocks: Sequence[Block]) -> bool:
    """Whether the labels are the text: no block has content, and some label names no kind of block."""
    grounded = [block for block in blocks if block.label]
    return not any(block.content.strip() for block in grounded) and any(
        block.label not in LAYOUT_LABELS for block in grounded
    )


def _is_text(label: str, labels_are_text: bool) -> bool:
    return labels_are_text or label not in LAYOUT_LABELS


def _split_newlines(content: str) -> tuple[int, str, int]:
    """Strip white space around the text, and count the line ends it holds on each side."""
    text = content.strip()
    if not text:
        return 0, "", content.count("\n")
    start = len(content) - len(content.lstrip())
    # Space before the first word of a line can be code or a list: only whole lines are taken away.
    line_start = content.rfind("\n", 0, start) + 1
    return (
        content.count("\n", 0, start),
        content[line_start : start + len(text)],
        content.count("\n", start + len(text)),
    )
