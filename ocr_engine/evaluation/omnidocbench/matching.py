"""One page's ground truth and predicted markdown to the rows that are scored. No files, no averages."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ocr_engine.evaluation.metrics import edit_distance
from ocr_engine.evaluation.omnidocbench import candidates as sides
from ocr_engine.evaluation.omnidocbench import normalise
from ocr_engine.evaluation.omnidocbench.assignment import (
    Link,
    MatchTimeoutError,
    cost_matrix,
    quick_links,
)
from ocr_engine.evaluation.omnidocbench.candidates import Candidate, Target
from ocr_engine.evaluation.omnidocbench.ground_truth import Element, TruthPage
from ocr_engine.evaluation.omnidocbench.markdown_split import MarkdownBlock, split
from ocr_engine.evaluation.omnidocbench.protocol import (
    FORMULA,
    HTML_TABLE,
    IGNORED_CATEGORIES,
    INLINE_FORMULA,
    LATEX_TABLE,
    TEXT,
    TEXT_CATEGORIES,
    MatchMethod,
    Protocol,
)
from ocr_engine.evaluation.omnidocbench.rows import MatchedRow, build
from ocr_engine.evaluation.omnidocbench.simple_matching import (
    TableRows,
    match_tables,
    simple_rows,
    trivial_links,
)

IGNORED_NEAR = 0.25
"""A prediction this near to a header, caption or the like is taken out before matching (v1.5)."""


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """How to match. `timeout_s` makes results depend on the machine's speed, as upstream's 30 s do."""

    protocol: Protocol
    method: MatchMethod = MatchMethod.QUICK
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """Orders of the matched text blocks: as annotated, and in the order of the predictions."""

    image_name: str
    gt: tuple[float, ...]
    pred: tuple[float, ...]

    @property
    def edits(self) -> int:
        """Levenshtein distance of the two sequences of numbers."""
        return edit_distance(self.gt, self.pred)

    @property
    def longest(self) -> int:
        """The length the distance is divided by; never 0."""
        return max(len(self.gt), len(self.pred))


@dataclass(frozen=True, slots=True)
class PageRows:
    """Everything that is scored on one page."""

    text: tuple[MatchedRow, ...] = ()
    formula_as_text: tuple[MatchedRow, ...] = ()
    """Formulas that were matched with a text block: scored as text, not in the reading order (v1.5)."""
    formula: tuple[MatchedRow, ...] = ()
    html_table: tuple[MatchedRow, ...] = ()
    latex_table: tuple[MatchedRow, ...] = ()
    reading_order: ReadingOrder | None = None
    timed_out: bool = False


def match_page(page: TruthPage, markdown: str, options: MatchOptions) -> PageRows:
    """Rows of one page under `options`."""
    blocks = split(markdown, options.protocol)
    tables = match_tables(page, blocks, options.protocol)
    return (_match_hybrid if options.protocol.hybrid else _match_separately)(page, blocks, tables, options)


def _match_hybrid(
    page: TruthPage, blocks: dict[str, list[MarkdownBlock]], tables: TableRows, options: MatchOptions
) -> PageRows:
    """v1.5: text and formulas in one match."""
    elements = page.in_reading_order((*TEXT_CATEGORIES, FORMULA))
    found = [block for category, listed in blocks.items() if not _is_table(category) for block in listed]
    rows, timed_out = _hybrid_rows(page.image_name, elements, [*found, *tables.cells], options)
    text = tuple(row for row in rows if row.gt_category in TEXT_CATEGORIES and _is_scored(row))
    formula, as_text = _split_formulas(row for row in rows if row.gt_category == FORMULA)
    order = _reading_order(page.image_name, text)
    return PageRows(text, as_text, formula, tables.html, tables.latex, order, timed_out)


def _is_table(category: str) -> bool:
    return category in (HTML_TABLE, LATEX_TABLE)


def _is_scored(row: MatchedRow) -> bool:
    return row.gt_category not in IGNORED_CATEGORIES


def _hybrid_rows(
    image_name: str, elements: list[Element], blocks: list[MarkdownBlock], options: MatchOptions
) -> tuple[list[MatchedRow], bool]:
    if options.method is MatchMethod.SIMPLE:
        return _mixed_simple_rows(image_name, elements, blocks, options.protocol), False
    try:
        return _mixed_quick_rows(image_name, elements, blocks, options), False
    except MatchTimeoutError:
        return _mixed_simple_rows(image_name, elements, blocks, options.protocol), True


def _mixed_simple_rows(
    image_name: str, elements: list[Element], blocks: list[MarkdownBlock], protocol: Protocol
) -> list[MatchedRow]:
    targets, lines = _mixed_sides(elements, blocks, protocol)
    return [row for row in simple_rows(targets, lines, image_name) if row.gt_indices]


def _mixed_quick_rows(
    image_name: str, elements: list[Element], blocks: list[MarkdownBlock], options: MatchOptions
) -> list[MatchedRow]:
    """Ignored categories take their predictions first; their own rows are never scored."""
    targets, lines = _mixed_sides(
        sides.split_element_arrays(elements),
        sides.split_block_arrays(sides.inline_last(blocks)),
        options.protocol,
    )
    if not targets:
        return []
    if not lines or (len(targets) == 1 and len(lines) == 1):
        links = trivial_links(targets, lines)
        return [build(link, targets, lines, image_name, arrays=True) for link in links]
    kept_targets, kept_lines = _without_ignored(targets, lines)
    links = quick_links(
        [targets[i].norm for i in kept_targets],
        [lines[i].norm for i in kept_lines],
        hybrid=True,
        deadline_s=_deadline_s(options),
    )
    on_page = (_on_page(link, kept_targets, kept_lines) for link in links if link.targets)
    return [build(link, targets, lines, image_name, arrays=True) for link in on_page]


def _mixed_sides(
    elements: Sequence[Element], blocks: Sequence[MarkdownBlock], protocol: Protocol
) -> tuple[list[Target], list[Candidate]]:
    targets = sides.targets(elements, sides.raw_of, lambda e: sides.norm_of(e, protocol))
    return targets, sides.candidates(blocks, lambda b: sides.block_norm(b, protocol))


def _without_ignored(targets: list[Target], lines: list[Candidate]) -> tuple[list[int], list[int]]:
    """Indices of the targets that are scored, and of the predictions left for them.

    A prediction near to an ignored target is gone even if it equals a scored one too.
    """
    ignored = [target.norm for target in targets if target.category in IGNORED_CATEGORIES]
    costs = cost_matrix(ignored, [line.norm for line in lines])
    taken = set(np.nonzero(costs < IGNORED_NEAR)[1].tolist())
    kept_targets = [i for i, target in enumerate(targets) if target.category not in IGNORED_CATEGORIES]
    return kept_targets, [i for i in range(len(lines)) if i not in taken]


def _on_page(link: Link, kept_targets: list[int], kept_lines: list[int]) -> Link:
    return Link(
        tuple(kept_targets[i] for i in link.targets),
        tuple(kept_lines[i] for i in link.lines),
        link.edit,
    )


def _match_separately(
    page: TruthPage, blocks: dict[str, list[MarkdownBlock]], tables: TableRows, options: MatchOptions
) -> PageRows:
    """v1.0: text with text, formulas with formulas. Unmatched predictions cost as text, not as formulas."""
    rows, timed_out = _rows_of_kind(page, TEXT_CATEGORIES, blocks.get(TEXT, []), options, limited=True)
    text = tuple(row for row in rows if _is_scored(row))
    formulas, _ = _rows_of_kind(page, (FORMULA,), blocks.get(FORMULA, []), options, limited=False)
    formula = tuple(row for row in formulas if row.gt_indices)
    order = _reading_order(page.image_name, text)
    return PageRows(text, (), formula, tables.html, tables.latex, order, timed_out)


def _rows_of_kind(
    page: TruthPage,
    categories: Sequence[str],
    blocks: list[MarkdownBlock],
    options: MatchOptions,
    *,
    limited: bool,
) -> tuple[list[MatchedRow], bool]:
    elements = page.in_reading_order(categories)
    if not elements:
        return [], False
    targets, lines = _mixed_sides(elements, blocks, options.protocol)
    if options.method is MatchMethod.SIMPLE:
        return simple_rows(targets, lines, page.image_name), False
    try:
        links = _quick_or_trivial(targets, lines, _deadline_s(options) if limited else None)
    except MatchTimeoutError:
        return simple_rows(targets, lines, page.image_name), True
    return [build(link, targets, lines, page.image_name, arrays=False) for link in links], False


def _quick_or_trivial(targets: list[Target], lines: list[Candidate], deadline_s: float | None) -> list[Link]:
    if not targets or not lines or (len(targets) == 1 and len(lines) == 1):
        return trivial_links(targets, lines)
    norms = [target.norm for target in targets], [line.norm for line in lines]
    return quick_links(*norms, hybrid=False, deadline_s=deadline_s)


def _deadline_s(options: MatchOptions) -> float | None:
    return None if options.timeout_s is None else time.monotonic() + options.timeout_s


def _reading_order(image_name: str, text: Sequence[MatchedRow]) -> ReadingOrder | None:
    """From text rows alone. A block without a prediction is a deletion; order 0 or none does not count."""
    matched = [row for row in text if row.gt_indices and row.pred_position is not None]
    predicted = sorted(matched, key=lambda row: row.pred_position or 0)
    gt = sorted(order for row in text for order in row.gt_orders if order)
    pred = tuple(order for row in predicted for order in row.gt_orders if order)
    return ReadingOrder(image_name, tuple(gt), pred) if gt or pred else None


def _split_formulas(rows: Iterable[MatchedRow]) -> tuple[tuple[MatchedRow, ...], tuple[MatchedRow, ...]]:
    """Formula rows that stay, and those matched with a text block, rewritten as text."""
    formula, as_text = [], []
    for row in rows:
        if row.pred_kind in (INLINE_FORMULA, FORMULA, ""):
            formula.append(row)
        else:
            as_text.append(_as_text(row))
    return tuple(formula), tuple(as_text)


def _as_text(row: MatchedRow) -> MatchedRow:
    text = normalise.latex_to_text(row.gt)
    return replace(row, gt=text, norm_gt=normalise.clean(text))
