"""The table of what answers said."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.drafts.memory import PIECE, WIDTH, PieceTable

token_ids = st.lists(st.integers(0, 5), max_size=60)


def tokens(*ids: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.array(ids, np.int32)


@given(st.lists(token_ids, min_size=1, max_size=6), st.integers(1, 3))
def test_memory_holds_the_last_of_each_piece_however_the_answer_came(
    said: list[list[int]], step: int
) -> None:
    stepwise, whole = PieceTable(1 << 10), PieceTable(1 << 10)
    for ids in said:
        answer = tokens(*ids)
        for end in range(step, len(ids) + step, step):
            written = min(end, len(ids))
            stepwise.add(answer[:written], written - (end - step))
        whole.add(answer, len(ids))
    assert np.array_equal(stepwise.table, whole.table)
    expected = {
        tuple(ids[at : at + PIECE]): ids[at + PIECE : at + WIDTH]
        for ids in said
        for at in range(max(0, len(ids) - WIDTH + 1))
    }
    for piece, behind in expected.items():
        found = whole.behind(tokens(*piece))
        assert found is None or found.tolist() == behind


def test_every_piece_of_any_ids_has_a_row_and_large_ids_spread() -> None:
    chance = np.random.default_rng(0)
    memory = PieceTable(1 << 12)
    rows = memory._rows(chance.integers(0, 129_280, (20_000, PIECE)).astype(np.int32))
    assert rows.min() >= 0 and rows.max() < 1 << 12
    assert np.bincount(rows, minlength=1 << 12).max() < 25, "five on average"
