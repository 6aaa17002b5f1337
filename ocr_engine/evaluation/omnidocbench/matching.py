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
    simple_links,
)
from ocr_engine.evaluation.omnidocbench.candidates import Candidate, Target
from ocr_engine.evaluation.omnidocbench.ground_truth import Element, Page
from ocr_engine.evaluation.omnidocbench.markdown_split import Block, split
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
from ocr_engine.evaluation.omnidocbench.rows import Row, build

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

    text: tuple[Row, ...] = ()
    formula_as_text: tuple[Row, ...] = ()
    """Formulas that were matched with a text block: scored as text, not in the reading order (v1.5)."""
    formula: tuple[Row, ...] = ()
    html_table: tuple[Row, ...] = ()
    latex_table: tuple[Row, ...] = ()
    reading_order: ReadingOrder | None = None
    timed_out: bool = False


def match_page(page: Page, markdown: str, options: MatchOptions) -> PageRows:
    """Rows of one page under `options`."""
    blocks = split(markdown, options.protocol)
    tables = _match_tables(page, blocks, options.protocol)
    return (_match_hybrid if options.protocol.hybrid else _match_separately)(page, blocks, tables, options)


@dataclass(frozen=True, slots=True)
class _Tables:
    html: tuple[Row, ...] = ()
    latex: tuple[Row, ...] = ()
    cells: tuple[Block, ...] = ()
    """Cells of predicted tables that no annotated table wanted (v1.5 treats them as text)."""


def _match_tables(page: Page, blocks: dict[str, list[Block]], protocol: Protocol) -> _Tables:
    """One assignment over raw strings. Without an annotated table predicted ones are not looked at.

    The page counts as LaTeX if it predicts more LaTeX tables than HTML ones. v1.5 then scores it as if
    nothing had been predicted; v1.0 needs LaTeXML to score it, and without it compares the raw LaTeX.
    """
    elements = page.in_reading_order(("table",))
    if not elements:
        return _Tables()
    html, latex = blocks.get(HTML_TABLE, []), blocks.get(LATEX_TABLE, [])
    is_latex = len(latex) > len(html)
    predicted = latex if is_latex else html
    targets = sides.targets(elements, lambda e: e.html, lambda e: e.latex if is_latex and e.latex else e.html)
    lines = sides.candidates(predicted, lambda block: block.content)
    links = _simple_links(targets, lines)
    rows = tuple(_simple_row(link, targets, lines, page.image_name) for link in links if link.targets)
    cells = _cells(links, predicted) if targets else ()
    if is_latex:
        scored = (_unpredicted(row) if protocol.hybrid else row for row in rows)
        return _Tables(latex=tuple(_with_norms(row) for row in scored), cells=cells)
    return _Tables(html=tuple(_with_norms(row, html=True) for row in rows), cells=cells)


def _cells(links: list[Link], predicted: list[Block]) -> tuple[Block, ...]:
    """The cells of each predicted table without a target, as text blocks at the table's position."""
    unused = [predicted[i] for link in links if not link.targets for i in link.lines]
    return tuple(
        replace(block, category=TEXT, kind=_cell_kind(block), content=cell)
        for block in unused
        for cell in normalise.cell_texts(block.content)
    )


def _cell_kind(table: Block) -> str:
    return TEXT if table.kind == table.category else table.kind


def _with_norms(row: Row, *, html: bool = False) -> Row:
    """A LaTeX prediction normalises to nothing: it is never converted here."""
    norm_pred = normalise.table(row.pred) if html else ""
    return replace(row, norm_gt=normalise.table(row.gt), norm_pred=norm_pred)


def _unpredicted(row: Row) -> Row:
    return replace(row, pred_indices=(), pred="", pred_kind="", pred_position=None, edit=1.0)


def _match_hybrid(
    page: Page, blocks: dict[str, list[Block]], tables: _Tables, options: MatchOptions
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


def _is_scored(row: Row) -> bool:
    return row.gt_category not in IGNORED_CATEGORIES


def _hybrid_rows(
    image_name: str, elements: list[Element], blocks: list[Block], options: MatchOptions
) -> tuple[list[Row], bool]:
    if options.method is MatchMethod.SIMPLE:
        return _mixed_simple_rows(image_name, elements, blocks, options.protocol), False
    try:
        return _mixed_quick_rows(image_name, elements, blocks, options), False
    except MatchTimeoutError:
        return _mixed_simple_rows(image_name, elements, blocks, options.protocol), True


def _mixed_simple_rows(
    image_name: str, elements: list[Element], blocks: list[Block], protocol: Protocol
) -> list[Row]:
    targets, lines = _mixed_sides(elements, blocks, protocol)
    return [
        _simple_row(link, targets, lines, image_name)
        for link in _simple_links(targets, lines)
        if link.targets
    ]


def _mixed_quick_rows(
    image_name: str, elements: list[Element], blocks: list[Block], options: MatchOptions
) -> list[Row]:
    """Ignored categories take their predictions first; their own rows are never scored."""
    targets, lines = _mixed_sides(
        sides.split_element_arrays(elements),
        sides.split_block_arrays(sides.inline_last(blocks)),
        options.protocol,
    )
    if not targets:
        return []
    if not lines or (len(targets) == 1 and len(lines) == 1):
        links = _trivial_links(targets, lines)
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
    elements: Sequence[Element], blocks: Sequence[Block], protocol: Protocol
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


def _trivial_links(targets: Sequence[Target], lines: Sequence[Candidate]) -> list[Link]:
    """One side empty, or one line against one: matched whatever their distance."""
    if not targets:
        return [Link((), (i,), 1.0) for i in range(len(lines))]
    if not lines:
        return [Link((i,), (), 1.0) for i in range(len(targets))]
    return [Link((0,), (0,), float(cost_matrix([targets[0].norm], [lines[0].norm])[0, 0]))]


def _match_separately(
    page: Page, blocks: dict[str, list[Block]], tables: _Tables, options: MatchOptions
) -> PageRows:
    """v1.0: text with text, formulas with formulas. Unmatched predictions cost as text, not as formulas."""
    rows, timed_out = _rows_of_kind(page, TEXT_CATEGORIES, blocks.get(TEXT, []), options, limited=True)
    text = tuple(row for row in rows if _is_scored(row))
    formulas, _ = _rows_of_kind(page, (FORMULA,), blocks.get(FORMULA, []), options, limited=False)
    formula = tuple(row for row in formulas if row.gt_indices)
    order = _reading_order(page.image_name, text)
    return PageRows(text, (), formula, tables.html, tables.latex, order, timed_out)


def _rows_of_kind(
    page: Page, categories: Sequence[str], blocks: list[Block], options: MatchOptions, *, limited: bool
) -> tuple[list[Row], bool]:
    elements = page.in_reading_order(categories)
    if not elements:
        return [], False
    targets, lines = _mixed_sides(elements, blocks, options.protocol)
    name = page.image_name
    simple = options.method is MatchMethod.SIMPLE
    if not simple and (not targets or not lines or (len(targets) == 1 and len(lines) == 1)):
        links = _trivial_links(targets, lines)
        return [build(link, targets, lines, name, arrays=False) for link in links], False
    try:
        if not simple:
            deadline_s = _deadline_s(options) if limited else None
            norms = [t.norm for t in targets], [line.norm for line in lines]
            links = quick_links(*norms, hybrid=False, deadline_s=deadline_s)
            return [build(link, targets, lines, name, arrays=False) for link in links], False
    except MatchTimeoutError:
        simple = True
    links = _simple_links(targets, lines)
    rows = [_simple_row(link, targets, lines, name) for link in links]
    return rows, options.method is not MatchMethod.SIMPLE


def _deadline_s(options: MatchOptions) -> float | None:
    return None if options.timeout_s is None else time.monotonic() + options.timeout_s


def _simple_links(targets: Sequence[Target], lines: Sequence[Candidate]) -> list[Link]:
    if targets and lines:
        return simple_links([target.norm for target in targets], [line.norm for line in lines])
    if not targets:
        return [Link((), tuple(range(len(lines))), 1.0)] if lines else []
    return _trivial_links(targets, lines)


def _simple_row(link: Link, targets: Sequence[Target], lines: Sequence[Candidate], image_name: str) -> Row:
    """Upstream reads index 0 as "no prediction" here: the first one loses its kind and position."""
    row = build(link, targets, lines, image_name, arrays=False)
    if link.targets and link.lines == (0,):
        return replace(row, pred_kind="", pred_position=None)
    return row


def _reading_order(image_name: str, text: Sequence[Row]) -> ReadingOrder | None:
    """From text rows alone. A block without a prediction is a deletion; order 0 or none does not count."""
    matched = [row for row in text if row.gt_indices and row.pred_position is not None]
    predicted = sorted(matched, key=lambda row: row.pred_position or 0)
    gt = sorted(order for row in text for order in row.gt_orders if order)
    pred = tuple(order for row in predicted for order in row.gt_orders if order)
    return ReadingOrder(image_name, tuple(gt), pred) if gt or pred else None


def _split_formulas(rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Formula rows that stay, and those matched with a text block, rewritten as text."""
    formula, as_text = [], []
    for row in rows:
        if row.pred_kind in (INLINE_FORMULA, FORMULA, ""):
            formula.append(row)
        else:
            as_text.append(_as_text(row))
    return tuple(formula), tuple(as_text)


def _as_text(row: Row) -> Row:
    text = normalise.latex_to_text(row.gt)
    return replace(row, gt=text, norm_gt=normalise.clean(text))
