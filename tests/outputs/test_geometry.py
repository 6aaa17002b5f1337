"""The geometry figure: what the official script draws, without running any of the answer."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.outputs.geometry import Geometry, geometry_figure, parse_geometry

ANSWER = (
    "{'Line': {'line': ['(-5.0, 0) -- (5, 0)', '(5, 0) -- (0,10)'], 'line_type': ['-', '--'], "
    "'line_endpoint': ['A: (-5.0, 0)', \"B': (5, 0)\"]}, "
    "'Circle': {'circle_center': ['O: (0, 0)'], 'radius': [5.5], 'radius_symbol': [None]}}"
)


def pixels(answer: str) -> np.ndarray:
    figure = geometry_figure(answer)
    assert figure is not None
    return np.asarray(Image.open(io.BytesIO(figure)).convert("L"))


def test_lines_labels_and_circles_are_read() -> None:
    assert parse_geometry(ANSWER) == Geometry(
        lines=(((-5.0, 0.0), (5.0, 0.0)), ((5.0, 0.0), (0.0, 10.0))),
        labels=(("A", (-5.0, 0.0)), ("B'", (5.0, 0.0))),
        circles=(((0.0, 0.0), 5.5),),
    )


def test_a_figure_of_the_official_size_with_each_part_drawn() -> None:
    whole = pixels(ANSWER)
    assert whole.shape == (600, 600)
    for part in ("'(-5.0, 0) -- (5, 0)', ", "'A: (-5.0, 0)', ", "5.5"):
        assert (pixels(ANSWER.replace(part, "")) != whole).sum() > 10, part


def test_a_bad_item_is_left_out_and_the_others_are_drawn() -> None:
    bad = ANSWER.replace("(5, 0) -- (0,10)", "here -- there").replace("A: (-5.0, 0)", "A (1)")
    found = parse_geometry(bad)
    assert found is not None and len(found.lines) == 1 and [label for label, _ in found.labels] == ["B'"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no figure, but the word line_type",
        "{'line_type': 3}",
        "{'Line': ['line_type']}",
        "['line_type'",
        "__import__('os').system('touch /tmp/x')  # line_type",
        "{'Line': __import__('os'), 'line_type': 1}",
        "[" * 50_000 + "'line_type'",
        "{'Line': {'line': []}, 'line_type': " + "9" * 5_000 + "}",
        "{'Line': {}, 'line_type': '" + "x" * 200_000 + "'}",
    ],
)
def test_anything_else_is_no_figure(answer: str) -> None:
    assert geometry_figure(answer) is None


def test_labels_of_any_kind_are_drawn_as_text() -> None:
    assert geometry_figure(ANSWER.replace("A:", "$\\\\frac{1}$:").replace("B'", "中\\u202e")) is not None


def test_far_points_and_many_items_are_bounded() -> None:
    many = ", ".join(["'(0, 0) -- (1, 1)'"] * 2_000)
    ends = "'line_type': [], 'line_endpoint': ['A: (50000, 0)']"
    found = parse_geometry(f"{{'Line': {{'line': [{many}], {ends}}}}}")
    assert found is not None and len(found.lines) == 500 and found.labels == ()


@settings(max_examples=200)
@given(st.text(alphabet="{}[]()'\",: -.0123456789LineCrcltyp_\\N", max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    parse_geometry(text + "line_type")
