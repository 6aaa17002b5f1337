"""Plain assignment without merging: tables always, everything else where asked for or out of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_engine.evaluation.omnidocbench import candidates as sides
from ocr_engine.evaluation.omnidocbench import normalise
from ocr_engine.evaluation.omnidocbench.assignment import Link, cost_matrix, simple_links
from ocr_engine.evaluation.omnidocbench.candidates import Candidate, Target
from ocr_engine.evaluation.omnidocbench.ground_truth import TruthPage
from ocr_engine.evaluation.omnidocbench.markdown_split import MarkdownBlock
from ocr_engine.evaluation.omnidocbench.protocol import HTML_TABLE, LATEX_TABLE, TEXT, Protocol
from ocr_engine.evaluation.omnidocbench.rows import MatchedRow, build


def simple_rows(targets: Sequence[Target], lines: Sequence[Candidate], image_name: str) -> list[MatchedRow]:
    """One row a target, then one of all predictions left over."""
    return [_row(link, targets, lines, image_name) for link in _links(targets, lines)]


def trivial_links(targets: Sequence[Target], lines: Sequence[Candidate]) -> list[Link]:
    """One side empty, or one line against one: matched whatever their distance."""
    if not targets:
        return [Link((), (i,), 1.0) for i in range(len(lines))]
    if not lines:
        return [Link((i,), (), 1.0) for i in range(len(targets))]
    return [Link((0,), (0,), float(cost_matrix([targets[0].norm], [lines[0].norm])[0, 0]))]


def _links(targets: Sequence[Target], lines: Sequence[Candidate]) -> list[Link]:
    if targets and lines:
        return simple_links([target.norm for target in targets], [line.norm for line in lines])
    if not targets:
        return [Link((), tuple(range(len(lines))), 1.0)] if lines else []
    return trivial_links(targets, lines)


def _row(link: Link, targets: Sequence[Target], lines: Sequence[Candidate], image_name: str) -> MatchedRow:
    """Upstream reads index 0 as "no prediction" here: the first one loses its kind and position."""
    row = build(link, targets, lines, image_name, arrays=False)
    if link.targets and link.lines == (0,):
        return replace(row, pred_kind="", pred_position=None)
    return row


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of a page's tables by the format of the prediction."""

    html: tuple[MatchedRow, ...] = ()
    latex: tuple[MatchedRow, ...] = ()
    cells: tuple[MarkdownBlock, ...] = ()
    """Cells of predicted tables that no annotated table wanted (v1.5 treats them as text)."""


def match_tables(page: TruthPage, blocks: dict[str, list[MarkdownBlock]], protocol: Protocol) -> TableRows:
    """One assignment over raw strings. Without an annotated table predicted ones are not looked at.

    The page counts as LaTeX if it predicts more LaTeX tables than HTML ones. v1.5 then scores it as if
    nothing had been predicted; v1.0 needs LaTeXML to score it, and without it compares the raw LaTeX.
    """
    elements = page.in_reading_order(("table",))
    if not elements:
        return TableRows()
    html, latex = blocks.get(HTML_TABLE, []), blocks.get(LATEX_TABLE, [])
    is_latex = len(latex) > len(html)
    predicted = latex if is_latex else html
    targets = sides.targets(elements, lambda e: e.html, lambda e: e.latex if is_latex and e.latex else e.html)
    lines = sides.candidates(predicted, lambda block: block.content)
    every = simple_rows(targets, lines, page.image_name)
    rows = tuple(row for row in every if row.gt_indices)
    cells = _cells(every, predicted) if targets else ()
    if is_latex:
        scored = (_unpredicted(row) if protocol.hybrid else row for row in rows)
        return TableRows(latex=tuple(_with_norms(row) for row in scored), cells=cells)
    return TableRows(html=tuple(_with_norms(row, html=True) for row in rows), cells=cells)


def _cells(rows: list[MatchedRow], predicted: list[MarkdownBlock]) -> tuple[MarkdownBlock, ...]:
    """The cells of each predicted table without a target, as text blocks at the table's position."""
    unused = [predicted[i] for row in rows if not row.gt_indices for i in row.pred_indices]
    return tuple(
        replace(block, category=TEXT, kind=_cell_kind(block), content=cell)
        for block in unused
        for cell in normalise.cell_texts(block.content)
    )


def _cell_kind(table: MarkdownBlock) -> str:
    return TEXT if table.kind == table.category else table.kind


def _with_norms(row: MatchedRow, *, html: bool = False) -> MatchedRow:
    """A LaTeX prediction normalises to nothing: it is never converted here."""
    norm_pred = normalise.table(row.pred) if html else ""
    return replace(row, norm_gt=normalise.table(row.gt), norm_pred=norm_pred)


def _unpredicted(row: MatchedRow) -> MatchedRow:
    return replace(row, pred_indices=(), pred="", pred_kind="", pred_position=None, edit=1.0, is_blanked=True)
