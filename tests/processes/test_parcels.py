"""Parcels: handed on without being mapped, opened once, let go of where they were sent."""

import multiprocessing
import os
import pickle
import resource
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocr_engine.engine.base import vision_tokens
from ocr_engine.processes import shared_memory
from ocr_engine.processes.sealed import Sealed
from ocr_engine.processes.shared_memory import LetGo, Parcel
from ocr_engine.reading.held_views import HeldViews, held, let_go
from ocr_engine.records import PageViews

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
Ends = tuple[Connection, Connection]


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:arrays")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def ends() -> Iterator[Ends]:
    first, second = multiprocessing.Pipe()
    yield first, second
    first.close()
    second.close()


def views() -> PageViews:
    chance = np.random.default_rng(1)
    view = chance.integers(0, 255, (512, 512, 3), np.uint8)
    return PageViews(view, chance.integers(0, 255, (2, 640, 640, 3), np.uint8), (2, 1), b"png")


def passed(ends: Ends, value: object) -> Any:
    shared_memory.send(ends[0], shared_memory.pack(value))
    return shared_memory.receive(ends[1])


def copied(value: Any) -> Any:
    """As it comes out of pickle, outside of any message."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - made here


def test_views_pass_through_a_process_that_never_maps_them(ends: Ends) -> None:
    files, maps, plain = open_files(), mappings(), views()
    here = passed(ends, {"views": held(plain)})["views"]
    assert isinstance(here, HeldViews) and (open_files(), mappings()) == (files + 1, maps)
    assert here.sides_px == plain.sides_px == (512, 640) and (here.grid, here.page_png) == ((2, 1), b"png")
    assert vision_tokens(here, "deepseek-ocr") == vision_tokens(plain, "deepseek-ocr")
    assert mappings() == maps, "to count tokens needs no pixels"
    there = passed(ends, [here, here])
    assert np.array_equal(there[0].global_view, plain.global_view) and there[0].tiles.flags.writeable
    assert np.array_equal(there[1].tiles, plain.tiles)
    del here, there
    assert (open_files(), mappings()) == (files, maps)


def test_opened_views_travel_on_as_any_others_do(ends: Ends) -> None:
    files, plain = open_files(), held(views())
    assert plain.tiles.any() and open_files() == files, "what is mapped needs no open file"
    again = passed(ends, plain)
    assert type(again) is PageViews and np.array_equal(again.global_view, plain.global_view)
    by_hand = copied(held(views()))
    assert type(by_hand) is PageViews and np.array_equal(by_hand.tiles, plain.tiles)


def test_small_views_and_systems_without_such_memory_go_without_parcels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = PageViews(np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8), (1, 1))
    assert held(small) is small and small.sides_px == (8, 0)
    monkeypatch.delattr(os, "memfd_create")
    plain = views()
    assert held(plain) is plain and let_go(plain) is None


def test_where_files_run_out_parcels_are_mapped_as_they_come(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, maps = open_files(), mappings()
    packed = shared_memory.pack(held(views()))
    monkeypatch.setattr(shared_memory, "_most_parcels", lambda: 0)
    shared_memory.send(ends[0], packed)
    found = shared_memory.receive(ends[1])
    assert (open_files(), mappings()) == (files, maps + 1) and np.array_equal(found.tiles, views().tiles)


def test_memory_is_let_go_where_it_was_sent(ends: Ends) -> None:
    files, kept = open_files(), held(views())
    assert open_files() == files + 1
    assert passed(ends, [1, let_go(kept)]) == [1, 0]
    assert open_files() == files
    with pytest.raises(OSError, match="cannot map"):
        _ = kept.tiles
    assert passed(ends, let_go(kept)) == 0, "a second time there is nothing to take along"
    del kept
    assert open_files() == files


def test_memory_of_a_message_that_is_not_sent_is_let_go(ends: Ends) -> None:
    files = open_files()
    with pytest.raises(AttributeError, match="local object"):
        shared_memory.pack([LetGo(parcel()), held(views()), lambda: None])
    assert open_files() == files
    ends[1].close()
    packed = shared_memory.pack([LetGo(parcel()), held(views())])
    with pytest.raises(OSError, match="Broken pipe"):
        shared_memory.send(ends[0], packed)
    assert open_files() == files - 1


def test_a_value_that_cannot_be_unpickled_leaves_no_file_open(ends: Ends) -> None:
    files = open_files()
    packed = shared_memory.pack([held(views())])
    shared_memory.send(ends[0], shared_memory.Packed(b"rubbish", (), packed.parcels))
    with pytest.raises(pickle.UnpicklingError):
        shared_memory.receive(ends[1])
    assert open_files() == files


def parcel() -> Parcel:
    found = Parcel.of(views().tiles)
    assert found is not None
    return found


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    shared_memory.allow_many_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= min(before[1], 65_536) and hard == before[1]


def test_a_sealed_value_is_pickled_once_and_opened_where_it_is_needed() -> None:
    sealed = Sealed({"a": 1})
    assert sealed.opened() == {"a": 1} and sealed.nbytes == 0
    there = copied(sealed)
    assert there.nbytes > 0 and there._value is None
    further = copied(there)
    assert there._value is None, "handed on as it came"
    assert further.opened() == {"a": 1} and further.opened() is further.opened()


def test_a_sealed_function_is_called_as_it_is_wherever_it_arrives() -> None:
    sealed = Sealed(partial(max, 3))
    assert sealed(2, 5) == 5
    there = copied(sealed)
    assert there(2) == 3 and copied(there)(4) == 4
