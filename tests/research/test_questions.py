import pytest

from research.nano.pages.answers import NO_FIGURE, NO_PHRASE
from research.nano.tools.questions import BOX_OFF, draw_questions, overlap, rightness

BOX = "<|ref|>a lamp<|/ref|><|det|>[[100, 200, 300, 220]]<|/det|>"
TABLE = "<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>"


@pytest.mark.usefixtures("assets")
def test_questions_say_what_is_right() -> None:
    asked = draw_questions(3, 2)
    truths = {kind: [q.truth for q in asked if q.kind == kind] for kind in {q.kind for q in asked}}
    assert all(BOX[:7] in truth for truth in truths["locate, a phrase that is there"])
    assert truths["locate, a phrase that is not"] == [NO_PHRASE] * 2
    assert truths["figure, page of text"] == [NO_FIGURE] * 2
    assert all(truth.startswith("<table><tr>") for truth in truths["figure, chart"])
    assert truths["describe, blank page"] == ["A blank page."]
    assert all(q.prompt.startswith("<image>\n") for q in asked)
    assert all(rightness(q.truth, q.truth) == 1 for q in asked)


@pytest.mark.usefixtures("assets")
def test_questions_are_the_same_each_time() -> None:
    first, second = ([(q.prompt, q.truth) for q in draw_questions(3, 1)] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("off", "right"), [(0, 1), (BOX_OFF, 1), (BOX_OFF + 1, 0)])
def test_a_located_box_may_be_a_little_off(off: int, right: int) -> None:
    assert rightness(BOX.replace("300", str(300 - off)), BOX) == right


@pytest.mark.parametrize(
    ("got", "truth"),
    [
        (NO_PHRASE, BOX),
        (BOX, NO_PHRASE),
        (BOX.replace("lamp", "lump"), BOX),
        (BOX + BOX, BOX),
        (BOX.replace(", 220", ""), BOX),
        ("", BOX),
        ("A bar chart with two values.", "A line chart with two values."),
    ],
)
def test_another_answer_is_wrong(got: str, truth: str) -> None:
    assert rightness(got, truth) == 0


def test_a_table_is_right_by_its_rows() -> None:
    assert rightness(TABLE, TABLE) == 1
    assert rightness(TABLE.replace("<td>2", "<td>3"), TABLE) == 0.5
    assert rightness(NO_FIGURE, TABLE) == 0


@pytest.mark.parametrize(
    ("got", "shared"),
    [
        (BOX, 1.0),
        (BOX.replace("300", "200"), 0.5),
        (BOX.replace("100", "200").replace("300", "400"), 1 / 3),
        (BOX.replace("100", "301").replace("300", "400"), 0.0),
        (BOX.replace("300", "100"), 0.0),
        (NO_PHRASE, 0.0),
    ],
)
def test_boxes_overlap_by_intersection_over_union(got: str, shared: float) -> None:
    assert overlap(got, BOX) == overlap(BOX, got) == pytest.approx(shared)
