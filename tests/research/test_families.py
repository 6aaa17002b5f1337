import random

from research.nano.pages import families, pages
from research.nano.pages.families import FAMILIES, FURTHER, HELD_FAMILIES
from research.nano.training import samples


def _drawn(held: str) -> set[str]:
    rng = random.Random(0)
    return {pages._family(rng, held).name for _ in range(3000)}


def test_training_draws_all_families_and_trials_what_they_always_drew() -> None:
    assert _drawn("") == {f.name for f in FAMILIES + FURTHER}
    assert _drawn("text") <= {f.name for f in FAMILIES}
    assert _drawn("font") == {f.name for f in HELD_FAMILIES}


def test_no_file_is_of_two_families_and_none_that_is_held_out_is_trained_on() -> None:
    files = [set(f.files) for f in (*families.TRAINED, *HELD_FAMILIES)]
    assert len(set.union(*files)) == sum(map(len, files))


def test_letters_are_made_wider_or_narrower_where_pages_need_no_common_grid() -> None:
    rng = random.Random(0)
    for mode in ("base", "large"):
        found = [samples._widened(rng, mode) for _ in range(400)]
        assert 150 < found.count(1.0) < 250
        assert 0.87 <= min(found) < 0.92 and 1.08 < max(found) <= 1.15
    assert {samples._widened(rng, mode) for mode in ("gundam", "small", "canvas") for _ in range(20)} == {1.0}
