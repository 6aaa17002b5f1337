import random

import pytest

from research.nano.pages import answers
from research.nano.pages.pages import A4, Brief, Page, make_blank, make_chart_page, make_page
from research.nano.tools.metrics import boxes, plain

pytestmark = pytest.mark.usefixtures("assets")


@pytest.fixture
def page() -> Page:
    return make_page(random.Random(3), Brief(A4, 24, 1, 150, 0.09, True))


def test_every_character_has_a_place_on_the_page(page: Page) -> None:
    for answer in (answers.document(page, grounded=True), answers.lines(page), answers.describe(page)):
        text, places = answer.finish()
        assert len(text) == len(places) > 0
        assert all(-1 <= x <= A4[0] and -1 <= y <= A4[1] for x, y in places)


def test_grounding_adds_boxes_and_no_text(page: Page) -> None:
    grounded, _ = answers.document(page, grounded=True).finish()
    free, _ = answers.document(page, grounded=False).finish()
    assert boxes(free) == [] and len(boxes(grounded)) == len(page.blocks)
    unmarked = plain(grounded).replace("# ", "").replace("#", "")
    assert unmarked.split() == plain(free).replace("# ", "").split()


def test_boxes_are_the_blocks_in_thousandths(page: Page) -> None:
    text, _ = answers.document(page, grounded=True).finish()
    for found, block in zip(boxes(text), page.blocks, strict=True):
        wanted = [v * 999 / s for v, s in zip(block.box, (*A4, *A4), strict=True)]
        assert all(abs(a - b) <= 1 for a, b in zip(found, wanted, strict=True))


def test_units_stay_within_the_scale(page: Page) -> None:
    assert answers.units((-50, -50, 5000, 5000), page) == (0, 0, 999, 999)


def test_lines_are_the_printed_rows(page: Page) -> None:
    text, _ = answers.lines(page).finish()
    assert len(text.split("\n")) == len(answers.page_rows(page))


def test_a_phrase_that_is_there_gets_its_box_and_any_other_a_refusal(page: Page) -> None:
    found = [answers.locate(page, random.Random(seed)) for seed in range(40)]
    texts = {answer.prompt: answer.finish()[0] for answer in found}
    refused = [t for t in texts.values() if t == answers.NO_PHRASE]
    assert 0 < len(refused) < len(texts)
    everything = " ".join(w.text for row in answers.page_rows(page) for w in row.words)
    for prompt, text in texts.items():
        phrase = prompt.split("<|ref|>")[1].split("<|/ref|>")[0]
        assert (everything.count(phrase) == 1) == (text != answers.NO_PHRASE)


def test_figures_are_tables_of_charts_alone(page: Page) -> None:
    chart = make_chart_page(random.Random(1), Brief(A4, 28, 1, 100, 0.09, True))
    text, _ = answers.figure(chart).finish()
    assert chart.chart is not None and text.count("<tr>") == len(chart.chart.rows)
    assert answers.figure(page).finish()[0] == answers.NO_FIGURE


def test_descriptions_name_what_is_there(page: Page) -> None:
    chart = make_chart_page(random.Random(1), Brief(A4, 28, 1, 100, 0.09, True))
    assert answers.describe(make_blank(A4)).finish()[0] == "A blank page."
    assert answers.describe(page).finish()[0].startswith("A page of text in one column, with ")
    assert chart.chart is not None
    assert answers.describe(chart).finish()[0].startswith(f"A {chart.chart.kind} chart with ")
