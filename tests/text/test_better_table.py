"""Which of two readings of a table is kept: by the words of a layer, by cells, by the model's confidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.text.better_table import ReadTable, better, read_table, table_in
from ocr_engine.text.recall import ordered_words

GRID = [["Year", "Pages", "Share"], ["2023", "1,120", "40 %"], ["2024", "1,680", "60 %"]]
WORDS = ordered_words(" ".join(" ".join(row) for row in GRID))


def html(rows: list[list[str]]) -> str:
    inner = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{inner}</table>"


def read(rows: list[list[str]], sure: float | None = None) -> ReadTable:
    table = read_table(html(rows), sure)
    assert table is not None
    return table


def with_cell(row: int, column: int, text: str) -> list[list[str]]:
    return [
        [text if (at, over) == (row, column) else cell for over, cell in enumerate(cells)]
        for at, cells in enumerate(GRID)
    ]


@pytest.mark.parametrize(
    "worse",
    [
        with_cell(1, 1, "l,l2O"),
        with_cell(2, 2, ""),
        GRID[:2],
        [GRID[0], ["1,120", "40 %", "2024"], ["60 %", "2023", "1,680"]],
        [*GRID, *[GRID[2]] * 2],
    ],
)
def test_by_a_layer_the_better_one_is_taken_and_never_the_worse(worse: list[list[str]]) -> None:
    assert better(read(worse), read(GRID), WORDS).is_better
    assert not better(read(GRID), read(worse), WORDS).is_better
    assert not better(read(GRID), read(GRID), WORDS).is_better


def test_fewer_words_of_the_layer_or_fewer_in_their_order_are_never_better() -> None:
    strange = with_cell(1, 0, "2023 of all that is")
    assert not better(read(strange), read(with_cell(1, 1, "1")), WORDS).is_better, "a word of the layer less"
    mixed = [GRID[2], GRID[0], GRID[1]]
    assert not better(read(with_cell(1, 1, "1")), read(mixed), WORDS).is_better, "more words, but in disorder"
    assert not better(read(strange), read(GRID), WORDS).is_better, "others gone that may be there"
    assert not better(read(mixed), read(with_cell(1, 1, "1")), WORDS).is_better, "in order, but fewer"
    disorder = [[*row[:2], f"{row[2]} of all that is"] for row in mixed]
    assert not better(read(disorder), read(with_cell(1, 1, "1")), WORDS).is_better, "and fewer others"


def test_the_reason_has_the_numbers() -> None:
    verdict = better(read(with_cell(1, 1, "l,l2O")), read(GRID), WORDS)
    assert verdict.reason == "11 of 11 words of the text layer, 9 in the first; 0 others, 2 in the first"


@pytest.mark.parametrize("layer", [WORDS, ()])
def test_what_is_no_plain_table_or_a_loop_or_ragged_is_not_taken(layer: tuple[str, ...]) -> None:
    first = read(GRID[:2])
    assert better(first, read_table("no table"), layer).reason == "the second answer is no plain table"
    assert better(first, read_table("<table></table>"), layer).reason == "the second answer is no plain table"
    assert "repeats" in better(first, read([*GRID, *[GRID[2]] * 3]), layer).reason
    assert "unequal" in better(first, read([*GRID, ["2025", "1"]]), layer).reason


def test_without_a_layer_more_cells_with_more_letters_are_better() -> None:
    assert better(read(GRID[:2]), read(GRID), ()).is_better
    assert better(read(with_cell(2, 2, "")), read(GRID), ()).is_better
    assert not better(read(GRID), read(GRID[:2]), ()).is_better
    split = [[*row[:2], *row[2].partition(" ")[::2]] for row in GRID[1:]]
    assert not better(read(GRID[1:]), read(split), ()).is_better, "the same letters in more cells"
    other = [["Some", "other", "table"], ["with", "more", "cells"], ["than", "that", "one"], ["a", "b", "c"]]
    assert "keeps" in better(read(GRID), read(other), ()).reason
    long = [*GRID, *[[f"row {at}", "something made up", "at length"] for at in range(9)]]
    assert "longer" in better(read(GRID), read(long), ()).reason


def test_rows_of_equal_length_are_better_with_as_many_cells() -> None:
    ragged = [GRID[0], [*GRID[1], ""], GRID[2]]
    assert better(read(ragged), read(GRID), ()).is_better
    assert not better(read(GRID), read(ragged), ()).is_better
    spanning = read_table("<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>")
    assert spanning is not None and spanning.is_even and not read(ragged).is_even


def test_of_equal_cells_the_one_that_the_model_was_surer_of() -> None:
    other = with_cell(1, 1, "1,720")
    assert not better(read(other), read(GRID), ()).is_better
    assert better(read(other, 0.7), read(GRID, 0.9), ()).is_better
    assert not better(read(other, 0.9), read(GRID, 0.7), ()).is_better


def test_a_block_has_one_table_or_none() -> None:
    table = html(GRID)
    assert table_in(f"\n{table}\n") == table
    assert table_in("text") is None and table_in(f"{table}\n\n{table}") is None
    assert table_in(f"```\n{table}\n```") is None


cells = st.text("ab12 <>&", max_size=6)


@given(
    st.lists(st.lists(cells, max_size=4), max_size=5),
    st.lists(st.lists(cells, max_size=4), max_size=5),
    st.lists(st.sampled_from(["a", "b", "1", "2"]), max_size=12),
)
def test_a_better_one_is_never_better_the_other_way_round(
    first: list[list[str]], second: list[list[str]], layer: list[str]
) -> None:
    one, other = read_table(html(first)), read_table(html(second))
    if one is not None and other is not None and better(one, other, layer).is_better:
        assert not better(other, one, layer).is_better
