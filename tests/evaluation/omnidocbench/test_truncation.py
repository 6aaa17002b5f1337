import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.evaluation.omnidocbench.assignment import cost_matrix, quick_links, simple_links
from ocr_engine.evaluation.omnidocbench.truncation import merged_spans

LINES = st.lists(st.text(alphabet="abcd", min_size=1, max_size=12), min_size=1, max_size=7)


@settings(max_examples=150)
@given(LINES, LINES)
def test_spans_tile_the_lines(targets: list[str], lines: list[str]) -> None:
    spans = merged_spans(cost_matrix(targets, lines), targets, lines)
    assert [i for span in spans for i in span] == list(range(len(lines)))


@settings(max_examples=150)
@given(LINES, LINES, st.booleans())
def test_every_target_is_linked_and_no_line_forgotten(
    targets: list[str], lines: list[str], hybrid: bool
) -> None:
    links = quick_links(targets, lines, hybrid=hybrid)
    linked = [i for link in links for i in link.targets]
    assert set(linked) == set(range(len(targets)))
    if hybrid:
        assert len(linked) == len(targets)
    assert all(0 <= link.edit <= 1 for link in links)


@settings(max_examples=100)
@given(LINES, LINES)
def test_a_plain_assignment_links_each_side_once(targets: list[str], lines: list[str]) -> None:
    links = simple_links(targets, lines)
    assert sorted(i for link in links for i in link.targets) == list(range(len(targets)))
    assert sorted(i for link in links for i in link.lines) == list(range(len(lines)))


def test_pieces_are_joined_only_while_they_come_nearer() -> None:
    target = "thequickbrownfoxjumpsoverthelazydog"
    lines = [target[:18], target[18:], "zzzzzzzz"]
    spans = merged_spans(cost_matrix([target], lines), [target], lines)
    assert spans == [range(2), range(2, 3)]


def test_sure_pairs_are_not_touched() -> None:
    lines = ["abcdefgh", "ijkl"]
    spans = merged_spans(np.array([[0.2, 0.9]]), ["abcdefghijkl"], lines)
    assert spans == [range(1), range(1, 2)]


def test_a_piece_may_differ_in_less_than_six_tenths() -> None:
    target = "abcdefghijklmnopqrstuvwxyz1234"
    for piece, spans in (
        ("klmnoZZZZZ", [range(2)]),
        ("klmZZZZZZZ", [range(1), range(1, 2)]),
    ):
        lines = [target[:10], piece]
        assert merged_spans(cost_matrix([target], lines), [target], lines) == spans


def test_a_pair_further_apart_than_seven_tenths_is_released() -> None:
    targets = ["abcdefghij", "klmnopqrst"]
    for line, edit in (("abcZZZZZZZ", 0.7), ("abZZZZZZZZ", 1.0)):
        links = quick_links(targets, [line, targets[1]], hybrid=True)
        assert {link.targets: link.edit for link in links} == {(0,): edit, (1,): 0.0}


def test_a_left_over_target_joins_a_line_that_holds_it_but_for_less_than_four_tenths() -> None:
    targets = ["abcdefghijklmnopqrst", "uvwxyz1234"]
    for tail, linked in (("uvwxyz1ZZZ", [(0, 1)]), ("uvwxyzZZZZ", [(0,), (1,)])):
        links = quick_links(targets, [targets[0] + tail], hybrid=True)
        assert [link.targets for link in links] == linked
