"""Pages by name: what engines and files call them, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Fingerprint, PageKey


@pytest.mark.parametrize(
    ("key", "request_id", "words"),
    [
        (PageKey("in/a", 7), "in/a/pages/0007", "in/a page 0007"),
        (PageKey("a", 12345, 1), "a/pages/12345+1", "a page 12345+1"),
        (PageKey("a/pages/0001", 2, 3, "top"), "a/pages/0001/pages/0002+3top", "a/pages/0001 page 0002+3top"),
    ],
)
def test_a_key_and_its_request(key: PageKey, request_id: str, words: str) -> None:
    assert (key.request_id, str(key)) == (request_id, words)
    assert PageKey.parse(request_id) == key and key.again(0).attempt == 0


@given(st.text(min_size=1), st.integers(1, 10**7), st.integers(1, 99), st.sampled_from(["", "top", "bottom"]))
def test_every_key_comes_back(folder: str, number: int, attempt: int, part: str) -> None:
    key = PageKey(folder, number, attempt, part)
    assert PageKey.parse(key.request_id) == key
    assert PageKey.parse(key.figure_id("0001-1.jpg")) is None or "/pages/" in folder


@pytest.mark.parametrize("request_id", ["self-test", "a/figures/0007-1", "a/pages/one", "/pages/0001", ""])
def test_what_is_no_page(request_id: str) -> None:
    assert PageKey.parse(request_id) is None


def test_a_figure_has_a_place_of_its_own() -> None:
    assert PageKey("in/a", 7, 2).figure_id("0007-1.jpg") == "in/a/figures/0007-1"


def test_halves_of_a_fingerprint() -> None:
    print_ = Fingerprint.parse("read.write")
    assert (print_.read, print_.write, str(print_)) == ("read", "write", "read.write")
    assert Fingerprint.parse("") == Fingerprint("", "")
