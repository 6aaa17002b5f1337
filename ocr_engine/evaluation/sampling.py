"""A try-out's sample of a benchmark's pages, the same in every run. Knows no benchmark."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def sampled(items: Sequence[Item], limit: int | None) -> list[Item]:
    """`limit` items, evenly spread, because neighbours are alike. Twice the limit holds the same ones."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def note(pages: int, pages_in_all: int) -> str:
    """What has to be said beside a sample's scores."""
    return (
        f"These are scores of a sample, {pages:,} of {pages_in_all:,} pages (--limit): not the benchmark's, "
        "and not to be compared with published ones."
    )
