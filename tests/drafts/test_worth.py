"""How many drafts a step verifies, by what was accepted of late."""

from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.drafts.worth import Worth


def steps(accepted: int, count: int = 300, most: int = 8) -> list[int]:
    worth, found = Worth(most), []
    for _ in range(count):
        wanted = worth.wanted()
        found.append(wanted)
        if wanted:
            worth.saw(wanted, min(accepted, wanted))
    return found


def test_good_drafts_fill_the_step_and_bad_ones_are_left_out() -> None:
    assert steps(8)[-1] == 8 and steps(1)[-1] in (3, 4)
    assert sum(steps(0, 880)) < 0.25 * 880, "a token of four: 2 % of the time of its steps"
    assert max(steps(0)[100:]) > 0, "now and then they are tried again"


@given(st.lists(st.integers(0, 9)), st.integers(0, 8))
def test_never_more_than_there_are_places(accepted: list[int], most: int) -> None:
    worth = Worth(most)
    for count in accepted:
        wanted = worth.wanted()
        assert 0 <= wanted <= most
        worth.saw(wanted, min(count, wanted))
