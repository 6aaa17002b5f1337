import os
import time

import pytest

from ocr_engine.evaluation.workers import ItemOutcome, map_items

PLENTY_S = 120.0
"""A limit that no item meets on a busy machine: a process is missed only some time after it died."""


def act(item: int) -> int:
    if item == 1:
        raise ValueError("one is refused")
    if item == 2:
        os._exit(1)
    if item == 3:
        time.sleep(600)
    return item * 10


def test_results_keep_their_order_and_failures_their_reason() -> None:
    found = map_items(act, [4, 1, 2, 5], workers=2, timeout_s=PLENTY_S, quiet=True)
    assert found == [
        ItemOutcome(40),
        ItemOutcome(None, "ValueError: one is refused"),
        ItemOutcome(None, "its process died"),
        ItemOutcome(50),
    ]


def test_an_item_that_takes_too_long_is_ended() -> None:
    found = map_items(act, [3, 3], workers=2, timeout_s=0.5, quiet=True)
    assert found == [ItemOutcome(None, "took longer than the time limit")] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_one_process_or_two_give_the_same(workers: int) -> None:
    assert map_items(act, [0, 4], workers=workers, quiet=True) == [ItemOutcome(0), ItemOutcome(40)]
