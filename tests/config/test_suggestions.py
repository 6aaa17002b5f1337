"""Which known name a misspelt one stands for."""

import pytest

from ocr_engine.config.suggestions import closest, one_of

KNOWN = ("gundam", "base", "Figures", "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gundan", "gundam"), ("GUNDAM", "gundam"), ("figure", "Figures"), ("xyz", None), ("", "")],
)
def test_the_closest_name_is_found_whatever_its_case(name: str, meant: str | None) -> None:
    assert closest(name, KNOWN) == meant


def test_a_message_names_the_likely_one_and_all() -> None:
    assert (
        one_of("bas", iter(KNOWN), " or none")
        == '(did you mean base? one of: gundam, base, Figures, "" or none)'
    )
    assert one_of("xyz", ["a"]) == "(one of: a)"
