"""Everything known of a status stands in one place: a new one is counted, retried, drawn and reported."""

from collections.abc import Iterator

import pytest

from ocr_engine.conversion.counts import Counts
from ocr_engine.outputs import report
from ocr_engine.outputs.retry import Command
from ocr_engine.outputs.run_numbers import RunNumbers
from ocr_engine.outputs.templates import styles
from ocr_engine.records import PageStatus, status


@pytest.fixture
def smudged() -> Iterator[PageStatus]:
    """A status more, as its two lines in `records/status.py` would make it."""
    made = str.__new__(PageStatus, "smudged")
    made._name_, made._value_ = "SMUDGED", "smudged"
    PageStatus._member_map_["SMUDGED"] = made
    PageStatus._member_names_.append("SMUDGED")
    PageStatus._value2member_map_["smudged"] = made
    status._FACTS[made] = status.StatusFacts("a status of the test", "#123456", "#654321", is_poor=True)
    yield made
    del PageStatus._member_map_["SMUDGED"], PageStatus._value2member_map_["smudged"], status._FACTS[made]
    PageStatus._member_names_.remove("SMUDGED")


def test_every_status_has_its_facts() -> None:
    assert set(status._FACTS) == set(PageStatus)
    assert PageStatus.poor() == (PageStatus.FAILED, PageStatus.LOOPED, PageStatus.TRUNCATED)


def test_a_new_status_is_counted_as_it_says(smudged: PageStatus) -> None:
    counts = Counts()
    counts.add_unchanged(smudged)
    assert not counts.all_well
    assert counts.as_dict()["smudged"] == 1


def test_a_new_status_has_its_colours(smudged: PageStatus) -> None:
    css = styles("page.css", "report.css")
    assert css.count("--smudged: #123456;") == 2 and css.count("--smudged: #654321;") == 1
    assert ".dot.smudged { background: var(--smudged); }" in css
    assert ".share .smudged { fill: var(--smudged); }" in css


def test_a_new_status_is_in_the_report(tmp_path, smudged: PageStatus) -> None:
    numbers = RunNumbers()
    numbers.statuses[smudged] = 1
    numbers.documents["a.pdf"][smudged] = 1
    page = report.render(tmp_path, numbers, Command("batch_pdf.py", "out", ("a.pdf",)), {})
    assert '<th class="n">smudged</th>' in page and 'class="dot smudged"' in page
