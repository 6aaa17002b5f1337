"""List items with depths in, the lists and items that hold each other out, numbered in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_DEPTH = 20
"""Items that are deeper stand at this depth."""


@dataclass(slots=True)
class ListNode:
    """A list: the item that it is within, -1 for none, and its own items; both count from 0."""

    within: int
    items: list[int] = field(default_factory=list)


def nested(depths: Sequence[int]) -> tuple[list[ListNode], list[list[int]]]:
    """The lists in their order, and of each item the lists that it holds.

    A deeper item is in a list of the item before it; depths may be skipped, and may begin anywhere.

    >>> nested([1, 2, 1])
    ([ListNode(within=-1, items=[0, 2]), ListNode(within=0, items=[1])], [[1], [], []])
    """
    lists: list[ListNode] = []
    held: list[list[int]] = [[] for _ in depths]
    open_lists: list[tuple[int, int]] = []
    for at, depth in enumerate(min(depth, MAX_DEPTH) for depth in depths):
        while open_lists and open_lists[-1][0] > depth:
            open_lists.pop()
        if not open_lists or open_lists[-1][0] < depth:
            within = lists[open_lists[-1][1]].items[-1] if open_lists else -1
            if within >= 0:
                held[within].append(len(lists))
            open_lists.append((depth, len(lists)))
            lists.append(ListNode(within))
        lists[open_lists[-1][1]].items.append(at)
    return lists, held
