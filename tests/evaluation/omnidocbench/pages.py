"""Small pages of ground truth for tests."""

from typing import Any

from ocr_engine.evaluation.omnidocbench.ground_truth import Element, TruthPage
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions, PageRows, match_page
from ocr_engine.evaluation.omnidocbench.protocol import V1_5, Protocol

LONG_A = "The quick brown fox jumps over the lazy dog near the river bank"
LONG_B = "Completely different words were printed upon this second paragraph"
LONG_C = "A third statement about mathematics and physics ends the page here"


def text(content: str, order: float | None = 1, category: str = "text_block", **attribute: Any) -> Element:
    return Element(category, order, text=content, attribute=attribute)


def formula(latex: str, order: float | None = 1) -> Element:
    return Element("equation_isolated", order, latex=latex)


def table(html: str, order: float | None = 1) -> Element:
    return Element("table", order, html=html, latex=html)


def page(*elements: Element) -> TruthPage:
    by_category: dict[str, list[Element]] = {}
    for element in elements:
        by_category.setdefault(element.category, []).append(element)
    return TruthPage("page.jpg", {}, {category: tuple(found) for category, found in by_category.items()})


def match(elements: list[Element], markdown: str, protocol: Protocol = V1_5) -> PageRows:
    return match_page(page(*elements), markdown, MatchOptions(protocol))
