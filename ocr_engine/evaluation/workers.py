"""A function over many items in killable processes: results in order, progress on stderr.

Knows nothing of what the function does. Functions and items must be picklable (spawned processes).
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

MIN_ITEMS_PER_WORKER = 16
"""Fewer are done before a second process has started."""


@dataclass(frozen=True, slots=True)
class ItemOutcome(Generic[Result]):
    """What became of one item: its result, or why there is none."""

    result: Result | None
    error: str = ""


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    timeout_s: float | None = None,
    label: str = "",
    quiet: bool = False,
) -> list[ItemOutcome[Result]]:
    """`function` of each item. An item that raises, dies or takes over `timeout_s` ends as its error.

    `workers` None: one a core, fewer for few items. One worker runs in this process, without a limit
    on time.
    """
    count = workers or max(1, min(_cores(), len(items) // MIN_ITEMS_PER_WORKER))
    # Without a terminal: nothing for short runs, then a line every 30 s.
    pause_s = 0.1 if sys.stderr.isatty() else 30.0
    bar: Any = tqdm(
        total=len(items),
        desc=label,
        unit="page",
        disable=quiet,
        leave=False,
        mininterval=pause_s,
        delay=pause_s,
    )
    with bar:
        if count == 1:
            return [_in_process(function, item, bar) for item in items]
        return _in_pool(function, items, count, timeout_s, bar)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_process(function: Callable[[Item], Result], item: Item, bar: Any) -> ItemOutcome[Result]:
    try:
        return ItemOutcome(function(item))
    except Exception as error:  # noqa: BLE001 - one hostile page must not end the run; its reason is reported
        return ItemOutcome(None, _reason(error))
    finally:
        bar.update(1)


def _in_pool(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    timeout_s: float | None,
    bar: Any,
) -> list[ItemOutcome[Result]]:
    context = multiprocessing.get_context("spawn")
    outcomes: dict[int, ItemOutcome[Result]] = {}
    with ProcessPool(max_workers=workers, context=context) as pool:
        futures = {
            pool.schedule(function, args=(item,), timeout=timeout_s): index
            for index, item in enumerate(items)
        }
        for future in as_completed(futures):
            error = future.exception()
            outcomes[futures[future]] = (
                ItemOutcome(future.result()) if error is None else ItemOutcome(None, _reason(error))
            )
            bar.update(1)
    return [outcomes[index] for index in range(len(items))]


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "took longer than the time limit"
    if isinstance(error, ProcessExpired):
        return "its process died"
    return f"{type(error).__name__}: {error}"
