"""The benchmark's JSON file to pages of elements: truncated blocks merged, sorted by reading order.

Nothing here looks at predictions or scores.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ocr_engine.errors import InputError
from ocr_engine.evaluation.malformed import malformed


@dataclass(frozen=True, slots=True)
class Element:
    """One annotated box, or several that the annotators marked as one paragraph cut in pieces."""

    category: str
    order: float | None
    text: str = ""
    latex: str = ""
    html: str = ""
    attribute: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TruthPage:
    """One page: its image's file name, its attributes and its elements by category."""

    image_name: str
    attributes: Mapping[str, Any]
    elements: Mapping[str, tuple[Element, ...]]

    def in_reading_order(self, categories: Iterable[str]) -> list[Element]:
        """Elements of `categories`, by order; those without one count as 0, ties keep their place."""
        listed = [e for category in categories for e in self.elements.get(category, ())]
        return sorted(listed, key=lambda element: element.order or 0)


def load(path: Path, page_filter: Mapping[str, Any] | None = None) -> list[TruthPage]:
    """Pages of an OmniDocBench JSON file whose attributes equal `page_filter`; InputError if it is none."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the ground truth ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(raw, list) or not raw:
        raise InputError(f"{path}: not OmniDocBench ground truth (a non-empty list of pages is expected)")
    pages = [_page(entry, f"{path}: page {number}") for number, entry in enumerate(raw, 1)]
    wanted = (page_filter or {}).items()
    kept = [page for page in pages if all(page.attributes.get(k) == v for k, v in wanted)]
    if not kept:
        raise InputError(f"{path}: no page to score is left by --filter; {_attributes(pages, list(wanted))}")
    return kept


def _attributes(pages: Sequence[TruthPage], wanted: Iterable[tuple[str, Any]]) -> str:
    """What the attributes that were asked for can be; without such an attribute, which ones there are."""
    for key, value in wanted:
        if not any(key in page.attributes for page in pages):
            names = {name for page in pages for name in page.attributes}
            return f"attributes are {', '.join(sorted(names)) or 'none'}"
        values = {str(page.attributes[key]) for page in pages if key in page.attributes}
        if value not in values:
            return f"{key} is one of {', '.join(sorted(values))}"
    return "no page has them all"


def _page(raw: Any, where: str) -> TruthPage:
    try:
        info, boxes = raw["page_info"], raw["layout_dets"]
        relations = (raw.get("extra") or {}).get("relation") or []
        return TruthPage(
            image_name=PurePosixPath(info["image_path"].replace("\\", "/")).name,
            attributes=info.get("page_attribute") or {},
            elements=_elements(boxes, relations),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: not an OmniDocBench page ({malformed(error)})") from error


def _elements(boxes: list[dict[str, Any]], relations: list[dict[str, Any]]) -> dict[str, tuple[Element, ...]]:
    """Single boxes by category, then the merged ones (`End2EndDataset.get_page_elements`)."""
    groups = _truncation_groups(relations)
    merged_ids = {box_id for group in groups for box_id in group}
    by_id = {box.get("anno_id"): box for box in boxes}
    elements: dict[str, list[Element]] = {}
    for box in boxes:
        if box.get("anno_id") not in merged_ids:
            elements.setdefault(box["category_type"], []).append(_element(box))
    for group in groups:
        pieces = [by_id[box_id] for box_id in group if box_id in by_id]
        if pieces:
            merged = _merged(pieces)
            elements.setdefault(merged.category, []).append(merged)
    return {category: tuple(found) for category, found in elements.items()}


def _truncation_groups(relations: list[dict[str, Any]]) -> list[list[Any]]:
    """Ids of boxes that continue one another.

    A pair that touches a group adds both its ids to it, again if they are there already, and to every
    group it touches: a chain of three boxes holds the middle one twice, and so does its text.
    """
    groups: list[list[Any]] = []
    for relation in relations:
        if relation.get("relation_type") != "truncated":
            continue
        pair = [relation["source_anno_id"], relation["target_anno_id"]]
        touched = [group for group in groups if pair[0] in group or pair[1] in group]
        for group in touched:
            group.extend(pair)
        if not touched:
            groups.append(pair)
    return groups


def _merged(pieces: list[dict[str, Any]]) -> Element:
    """The pieces' text without a separator; category and order of the first, attributes of none."""
    ordered = sorted(pieces, key=lambda box: box.get("order") or 0)
    text = "".join(str(box.get("text", "")) for box in ordered)
    return Element(ordered[0]["category_type"], ordered[0].get("order"), text=text)


def _element(box: dict[str, Any]) -> Element:
    return Element(
        category=box["category_type"],
        order=box.get("order"),
        text=str(box.get("text", "")),
        latex=str(box.get("latex", box.get("html", ""))),
        html=str(box.get("html", "")),
        attribute=box.get("attribute", {}),
    )
