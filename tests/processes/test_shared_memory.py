"""Arrays between two processes: equal, writable, in shared memory where large, let go with the last array."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocr_engine.processes import shared_memory

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
LARGE = shared_memory.LEAST_BYTES


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:arrays")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def ends() -> Any:
    first, second = multiprocessing.Pipe()
    yield first, second
    first.close()
    second.close()


def passed(ends: tuple[Connection, Connection], value: object) -> Any:
    shared_memory.send(ends[0], shared_memory.pack(value))
    return shared_memory.receive(ends[1])


def arrays(size: int) -> dict[str, Any]:
    chance = np.random.default_rng(size)
    return {
        "global": chance.integers(0, 255, (size, 3), np.uint8),
        "none": np.zeros((0, 5, 3), np.uint8),
        "tiles": chance.integers(0, 255, (2, size // 2 + 1), np.uint8),
        "words": ("grid", 2, 3),
    }


# Sizes below the limit are small: nobody reads the pipe while this writes to it.
@pytest.mark.parametrize("size", [0, 1, 1000, LARGE, 3 * LARGE + 1])
def test_values_arrive_whole_and_in_order(ends, size):
    for value in [arrays(size), arrays(size + 2), arrays(1)]:
        found = passed(ends, value)
        assert found["words"] == value["words"]
        for name in ("global", "none", "tiles"):
            assert found[name].dtype == np.uint8 and np.array_equal(found[name], value[name])
            # torch warns of arrays that cannot be written to.
            assert found[name].flags.writeable
    assert passed(ends, "the end") == "the end"


def test_memory_that_is_written_in_parts_is_whole(ends, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100_003]))
    value = arrays(LARGE)
    assert np.array_equal(passed(ends, value)["tiles"], value["tiles"])


def test_large_arrays_are_mapped_and_go_with_the_last_of_them(ends):
    before, files = mappings(), open_files()
    found = passed(ends, arrays(LARGE))
    assert mappings() == before + 1 and open_files() == files
    tiles = found["tiles"]
    del found
    assert mappings() == before + 1 and tiles.any()
    del tiles
    assert mappings() == before


def test_what_the_receiver_writes_does_not_reach_the_sender(ends):
    value = arrays(LARGE)
    first = value["global"].copy()
    passed(ends, value)["global"][:] = 7
    assert np.array_equal(value["global"], first)


@pytest.mark.parametrize("fault", ["missing", "refused", "full"])
def test_without_shared_memory_arrays_go_through_the_pipe(ends, monkeypatch, fault):
    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    if fault == "missing":
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(os, "memfd_create" if fault == "refused" else "write", refuse)
    monkeypatch.setattr(shared_memory, "LEAST_BYTES", 100)
    files, before = open_files(), mappings()
    value = arrays(1000)
    found = passed(ends, value)
    assert np.array_equal(found["tiles"], value["tiles"]) and found["global"].flags.writeable
    assert open_files() == files and mappings() == before


def test_a_sender_that_dies_between_head_and_arrays_is_an_end_of_file(ends):
    ends[0].send((b"", [LARGE], True, 0))
    ends[0].close()
    with pytest.raises(EOFError):
        shared_memory.receive(ends[1])


def test_memory_that_cannot_be_mapped_is_an_error(ends, monkeypatch):
    files = open_files()
    monkeypatch.setattr(shared_memory.mmap, "MAP_SHARED", 0)
    with pytest.raises(OSError, match="cannot map"):
        passed(ends, arrays(LARGE))
    assert open_files() == files


def test_a_receiver_that_is_gone_is_an_error_and_leaves_no_file_open(ends):
    ends[1].close()
    files = open_files()
    with pytest.raises(OSError, match="Broken pipe"):
        shared_memory.send(ends[0], shared_memory.pack(arrays(LARGE)))
    assert open_files() == files


def test_what_cannot_travel_fails_before_anything_is_sent(ends):
    with pytest.raises(AttributeError, match="local object"):
        shared_memory.pack(lambda: None)
    assert passed(ends, 1) == 1
