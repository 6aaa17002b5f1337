import os
import time

import pytest

from ocr_engine.evaluation.workers import Outcome, map_items


def act(item: int) -> int:
    if item == 1:
        raise ValueError("one is refused")
    if item == 2:
        os._exit(1)
    if item == 3:
        time.sleep(60)
    return item * 10


def test_results_keep_their_order_and_failures_their_reason() -> None:
    found = map_items(act, [4, 1, 2, 3, 5], workers=2, timeout_s=5.0, quiet=True)
    assert [one.result for one in found] == [40, None, None, None, 50]
    errors = [one.error for one in found]
    assert errors == [
        "",
        "ValueError: one is refused",
        "its process died",
        "took longer than the time limit",
        "",
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_process_or_two_give_the_same(workers: int) -> None:
    assert map_items(act, [0, 4], workers=workers, quiet=True) == [Outcome(0), Outcome(40)]
