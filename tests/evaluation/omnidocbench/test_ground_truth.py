import json
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.errors import InputError
from ocr_engine.evaluation.omnidocbench import ground_truth


def box(
    anno_id: int, order: int | None, text: str, category: str = "text_block", **more: Any
) -> dict[str, Any]:
    return {"anno_id": anno_id, "order": order, "text": text, "category_type": category, **more}


def saved(
    tmp_path: Path, boxes: list[dict[str, Any]], truncated: list[tuple[int, int]], **attributes: Any
) -> Path:
    relations = [
        {"source_anno_id": a, "target_anno_id": b, "relation_type": "truncated"} for a, b in truncated
    ]
    page = {
        "page_info": {"image_path": "images/p.jpg", "page_attribute": attributes},
        "layout_dets": boxes,
        "extra": {"relation": relations},
    }
    path = tmp_path / "gt.json"
    path.write_text(json.dumps([page]))
    return path


def load_texts(path: Path) -> list[str]:
    return [e.text for e in ground_truth.load(path)[0].in_reading_order(["title", "text_block"])]


def test_truncated_boxes_become_one_with_order_and_category_of_the_first(tmp_path: Path) -> None:
    boxes = [box(1, 5, "tail"), box(2, 2, "head ", "title", attribute={"a": 1}), box(3, 3, "alone")]
    page = ground_truth.load(saved(tmp_path, boxes, [(2, 1)]))[0]
    merged = page.in_reading_order(["title", "text_block"])[0]
    assert (merged.text, merged.order, merged.category) == ("head tail", 2, "title")
    assert merged.attribute == {}


def test_a_chain_of_three_holds_the_middle_twice(tmp_path: Path) -> None:
    boxes = [box(0, 1, "a"), box(5, 2, "b"), box(14, 3, "c")]
    assert load_texts(saved(tmp_path, boxes, [(0, 5), (5, 14)])) == ["abbc"]


def test_a_pair_that_touches_two_groups_goes_to_both(tmp_path: Path) -> None:
    boxes = [box(1, 1, "a"), box(2, 2, "b"), box(3, 3, "c"), box(4, 4, "d")]
    assert load_texts(saved(tmp_path, boxes, [(1, 2), (3, 4), (2, 3)])) == ["abbc", "bccd"]


def test_elements_without_an_order_come_first_and_ties_stay(tmp_path: Path) -> None:
    boxes = [box(1, 2, "x"), box(2, None, "y"), box(3, 2, "z", "title")]
    assert load_texts(saved(tmp_path, boxes, [])) == ["y", "z", "x"]


def test_only_pages_of_the_filter(tmp_path: Path) -> None:
    path = saved(tmp_path, [box(1, 1, "a")], [], language="english")
    assert len(ground_truth.load(path, {"language": "english"})) == 1
    with pytest.raises(InputError, match="language is one of english"):
        ground_truth.load(path, {"language": "simplified_chinese"})


@pytest.mark.parametrize("content", ["", "[", "{}", "[]", "[1]", '[{"page_info": {}}]'])
def test_what_is_not_ground_truth_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gt.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"gt\.json"):
        ground_truth.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing.json"):
        ground_truth.load(tmp_path / "nothing.json")
