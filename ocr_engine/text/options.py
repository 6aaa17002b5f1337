"""Applies the `text:` options to one block of clean markdown."""

from collections.abc import Sequence

from ocr_engine.config import TextConfig
from ocr_engine.records import BlockLine
from ocr_engine.text.clean import Kind, pieces
from ocr_engine.text.equal_lines import limit_equal_lines
from ocr_engine.text.habits import mend
from ocr_engine.text.line_items import with_item_lines
from ocr_engine.text.notation import dollar_math, repair_list
from ocr_engine.text.table_rows import to_pipes

RUNNING_LABELS = frozenset({"header", "footer", "page_header", "page_footer", "page_number"})
"""Labels of what is repeated on every page around its own text."""
_AS_IT_IS = TextConfig(habits=())


def restyle(text: str, options: TextConfig, label: str = "", lines: Sequence[BlockLine] = ()) -> str:
    """Undo habits in a clean block, and write its tables, formulas and lists as asked. Code is left alone.

    `label` and `lines` are the block's.
    """
    if options == _AS_IT_IS:
        return text
    return "".join(_restyle_piece(kind, piece, options, label, lines) for kind, piece in pieces(text))


def _restyle_piece(
    kind: Kind, piece: str, options: TextConfig, label: str, lines: Sequence[BlockLine]
) -> str:
    if kind is Kind.CODE:
        return piece
    piece = mend(piece, options.habits, label=label, cell=kind is Kind.TABLE)
    pipes = to_pipes(piece) if kind is Kind.TABLE and options.tables == "markdown" else None
    is_html = kind is Kind.TABLE and pipes is None
    piece = pipes or piece
    if options.list_repair and kind is Kind.PROSE:
        piece = with_item_lines(piece, lines) if lines else repair_list(piece)
    if kind is Kind.PROSE:
        piece = limit_equal_lines(piece, options.max_equal_lines)
    return dollar_math(piece, markdown=not is_html) if options.math_delimiters == "dollar" else piece


def dropped(label: str, options: TextConfig) -> bool:
    """Whether a block of this label is left out."""
    return options.headers_footers == "drop" and label in RUNNING_LABELS


def needs_blank_lines(body: str, options: TextConfig) -> tuple[bool, bool]:
    """Whether `body` starts and ends with a pipe table: text right beside one would become a row."""
    if options.tables != "markdown":
        return False, False
    return body.startswith("| "), body.rpartition("\n")[2].startswith("| ")
