"""Tables that a browser lays out at once: spans and cells of a page are bounded together; others stay."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.marks import CARRIER, MAX_MARKS
from ocr_engine.outputs.exports.page_html import MAX_PAGE_CHARS, to_html
from ocr_engine.outputs.exports.table_bounds import PAGE_SLOTS, Room


def cell(columns: int = 1, rows: int = 1, text: str = "a") -> str:
    return f'<td colspan="{columns}" rowspan="{rows}">{text}</td>'


def table(*rows: str) -> str:
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


class Grid(HTMLParser):
    """Rows times columns of each table, slot by slot, as HTML's algorithm for tables fills them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.slots = 0
        self._open: list[list[tuple[int, int, int, int]]] = []
        self._rows: list[int] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open.append([])
            self._rows.append(0)
        elif tag == "tr":
            self._rows[-1] += 1
        elif tag == "td":
            spans = {name: int(value or 1) for name, value in attrs}
            y, x, cells = self._rows[-1], 0, self._open[-1]
            while any(top <= y < bottom and left <= x < right for top, bottom, left, right in cells):
                x += 1
            columns, rows = max(1, spans.get("colspan", 1)), spans.get("rowspan", 1) or 1 << 16
            cells.append((y, y + rows, x, x + columns))

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.slots += self._rows.pop() * max((right for *_, right in self._open.pop()), default=0)


@pytest.mark.parametrize(
    "markdown",
    [
        table(cell(2), cell() * 2),
        table(cell(3, 2) + cell(), cell(), cell() * 4),
        table(*[cell() * 40] * 200),
        table(cell(999, 999), *[cell()] * 900),
    ],
)
def test_a_table_of_a_page_stays_as_it_is(markdown: str) -> None:
    assert Room().bounded(markdown) == markdown
    assert to_html(markdown).count("span=") == markdown.count("span=")


@pytest.mark.parametrize(
    ("markdown", "kept"),
    [
        (table(*[cell(999, 999) * 100] * 100), "td"),
        (table(cell(999) * 100, *[cell()] * 1_000), "td"),
        (table(*[cell(999, 999)] * 200), "td"),
        (table(cell() * 10_000, *[cell()] * 5_000), "pre"),
        ("\n\n".join([table(cell(999), *[cell()] * 990)] * 3), "td"),
        (table(*["<td>" + table(*[cell(99, 99) * 30] * 30) + "</td>"] * 20), "td"),
        (table(cell(9, 0) * 100, *[cell(9, 0) * 100] * 60), "td"),
    ],
)
def test_a_page_of_tables_keeps_its_text_within_the_slots(markdown: str, kept: str) -> None:
    written = to_html(markdown)
    assert written.count(">a<" if kept == "td" else "&gt;a&lt;") == markdown.count(">a<")
    if written.count("<td") < 500:
        assert Grid(written).slots <= PAGE_SLOTS


GRIDS = st.recursive(
    st.just("a"),
    lambda inner: st.lists(
        st.lists(st.builds(cell, st.integers(0, 4), st.integers(0, 4), inner), min_size=1, max_size=3).map(
            "".join
        ),
        max_size=4,
    ).map(lambda rows: table(*rows)),
    max_leaves=12,
)


@settings(max_examples=150)
@given(GRIDS, st.integers(0, 60))
def test_no_page_has_more_slots_than_there_is_room(markup: str, slots: int) -> None:
    written = Room(slots).bounded(markup)
    assert Grid(written).slots <= slots
    assert written.count(">a<") + written.count("&gt;a&lt;") == markup.count(">a<")
    if Grid(markup).slots * 2 <= slots and "rowspan" not in markup:
        assert written == markup


@pytest.mark.parametrize(
    "markdown",
    [
        "a" + "\u0301" * 200_000,
        "a" + "\u0301\u0323" * 5_000,
        "a" + "&#x301;" * 5_000,
        "a" + ("\u0301" * 30 + "<b></b>") * 100,
        "$$" + "\u0301" * 3_000 + "$$",
        table("<td>a" + "\u0301" * 5_000 + "</td>"),
        "\u0301" * (MAX_PAGE_CHARS + 1),
    ],
)
def test_no_letter_of_a_page_has_a_tower_of_marks(markdown: str) -> None:
    text = re.sub("<[^<>]*>", "", to_html(markdown))
    assert max(map(len, re.findall("[\u0300-\u036f]+", text))) == MAX_MARKS
    wanted = markdown.count("\u0301") + markdown.count("&#x301;")
    assert text.count("\u0301") == wanted, "none is lost"


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301a\u0300\u0323",
        "\u0e01\u0e34\u0e48 \u0915\u093f",
        "─" * 100,
        "…" * 50,
        "z" + "\u0335" * MAX_MARKS,
    ],
)
def test_text_with_marks_as_people_write_them_stays(text: str) -> None:
    assert CARRIER not in to_html(text) and text in to_html(text)
