"""Tree-edit-distance similarity of two HTML tables (`metrics/table_metric.py`, after PubTabNet's TEDS)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apted import APTED, Config
from lxml import etree, html

from ocr_engine.evaluation.metrics import edit_ratio


@dataclass(slots=True)
class _Node:
    tag: Any
    spans: tuple[int, int] | None = None
    content: Sequence[str] = ()
    children: list["_Node"] = field(default_factory=list)


class _Costs(Config):  # type: ignore[misc]  # apted has no types
    """Unit costs; renaming a cell costs how far its text is."""

    def rename(self, node1: _Node, node2: _Node) -> float:
        if node1.tag != node2.tag or node1.spans != node2.spans:
            return 1.0
        if node1.content == node2.content:
            return 0.0
        return edit_ratio(node1.content, node2.content)


@dataclass(frozen=True, slots=True)
class Similarity:
    """TEDS with and without the cells' text, both 0 to 1."""

    full: float
    structure: float


def teds(pred: str, gt: str) -> Similarity:
    """Similarity of two normalised tables; 0 where one is empty, no table, or has a span like "a"."""
    return Similarity(_score(pred, gt, structure_only=False), _score(pred, gt, structure_only=True))


def _score(pred: str, gt: str, *, structure_only: bool) -> float:
    if not pred or not gt:
        return 0.0
    try:
        first, second = _table(pred), _table(gt)
        if first is None or second is None:
            return 0.0
        size = max(len(first.xpath(".//*")), len(second.xpath(".//*")))
        trees = (_tree(table, structure_only=structure_only) for table in (first, second))
        return 1.0 - _distance(*trees) / size
    except (ValueError, TypeError, ZeroDivisionError, RecursionError, etree.LxmlError, AssertionError):
        return 0.0


def _distance(first: _Node, second: _Node) -> float:
    """0 for equal trees, without the cubic search."""
    return 0.0 if first == second else float(APTED(first, second, _Costs()).compute_edit_distance())


def _table(text: str) -> Any:
    # A parser each time: lxml's keep state between documents.
    parser = html.HTMLParser(remove_comments=True, encoding="utf-8")
    tables = html.fromstring(text, parser=parser).xpath("body/table")
    return tables[0] if tables else None


def _tree(element: Any, *, structure_only: bool) -> _Node:
    if element.tag == "td":
        spans = int(element.attrib.get("colspan", "1")), int(element.attrib.get("rowspan", "1"))
        return _Node("td", spans, () if structure_only else _compact(_tokens(element)[1:-1]))
    node = _Node(element.tag)
    node.children = [_tree(child, structure_only=structure_only) for child in element]
    return node


def _tokens(element: Any) -> list[str]:
    """Characters and tags; what follows a nested cell is not counted."""
    tokens = [f"<{element.tag}>", *(element.text or "")]
    for child in element:
        tokens += _tokens(child)
    if element.tag != "unk":
        tokens.append(f"</{element.tag}>")
    if element.tag != "td":
        tokens += element.tail or ""
    return tokens


def _compact(tokens: list[str]) -> Sequence[str]:
    """A plain string where every token is one character: the same distance, counted faster."""
    return "".join(tokens) if all(len(token) == 1 for token in tokens) else tuple(tokens)
