"""What differs between the evaluator's releases, and the category lists both share. No behaviour."""

from dataclasses import dataclass
from enum import StrEnum

from ocr_engine.errors import UsageError

IGNORED_CATEGORIES = (
    "figure_caption",
    "figure_footnote",
    "table_caption",
    "table_footnote",
    "code_algorithm",
    "code_algorithm_caption",
    "header",
    "footer",
    "page_footnote",
    "page_number",
    "equation_caption",
)
"""Matched, so that they take their predictions with them, and then left out of every score."""

TEXT_CATEGORIES = (
    "text_block",
    "title",
    "code_txt",
    "code_txt_caption",
    "reference",
    "equation_caption",
    "figure_caption",
    "figure_footnote",
    "table_caption",
    "table_footnote",
    "code_algorithm",
    "code_algorithm_caption",
    "header",
    "footer",
    "page_footnote",
    "page_number",
)
"""In the evaluator's order, which breaks ties between elements of equal reading order."""

FORMULA = "equation_isolated"
INLINE_FORMULA = "equation_inline"
TEXT = "text_all"
HTML_TABLE = "html_table"
LATEX_TABLE = "latex_table"


class MatchMethod(StrEnum):
    """`quick_match` merges and splits blocks; `simple_match` is one plain assignment."""

    QUICK = "quick_match"
    SIMPLE = "simple_match"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One release of the evaluator.

    v1.0 is the last commit before the September 2025 rework, v1.5 the December 2025 one.
    """

    version: str
    hybrid: bool
    """Text and formulas compete for the same predictions; else each kind is matched alone."""


V1_0 = Protocol("1.0", hybrid=False)
V1_5 = Protocol("1.5", hybrid=True)


def protocol(version: str) -> Protocol:
    """The release named `version` (`1.0` or `1.5`); anything else is a UsageError."""
    for known in (V1_0, V1_5):
        if known.version == version.removeprefix("v"):
            return known
    raise UsageError(f"--version {version}: unknown OmniDocBench version (known: 1.0, 1.5)")
