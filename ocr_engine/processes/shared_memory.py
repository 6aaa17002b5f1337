"""Values from one process to another over a pipe, their large arrays in memory that both map.

Through the pipe a page of Gundam, 10.5 MB, takes its receiver 18 ms of CPU in reads and copies; mapped, 4 ms.
A `Parcel` is not even mapped by those who only hand it on. Where a system has no such memory (macOS), arrays
go through the pipe.
"""

import contextlib
import ctypes
import functools
import mmap
import os
import pickle
import resource
import socket
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

LEAST_BYTES = 1 << 18
"""Arrays of less in all go through the pipe."""
_MAX_PARCELS = 128
"""Of one message: the kernel takes 253 open files with it."""
_FILES_LEFT = 256
"""Open files that parcels leave to the rest of the process."""
_MAX_FILES = 65_536
_MAP_FAILED = ctypes.c_void_p(-1).value


@dataclass(frozen=True, slots=True)
class Packed:
    """A pickled value and the memory of its arrays, which is not in `data`; the files of its parcels."""

    data: bytes
    buffers: tuple[memoryview, ...]
    parcels: tuple[int, ...] = ()


class _Travelling(threading.local):
    """The parcels of what this thread packs or unpacks; None where it does neither."""

    fds: list[int] | None = None


_travelling = _Travelling()
_held: set[int] = set()
"""The files of all parcels of this process."""


class Parcel:
    """A pickled value whose arrays are in memory that is mapped once somebody looks at them."""

    def __init__(self, data: bytes, sizes: Sequence[int], fd: int) -> None:
        """`fd` is the file in memory, which is the parcel's from now on."""
        self._data, self._sizes, self._fd = data, sizes, fd
        self._lock = threading.Lock()
        self._value: Any = None
        _held.add(fd)
        self._let_go = weakref.finalize(self, _close, fd)
        if len(_held) > _most_parcels():
            self.opened()

    @classmethod
    def of(cls, value: object) -> "Parcel | None":
        """The value in a parcel; None where it is small or there can be none."""
        packed = pack(value)
        sizes = [buffer.nbytes for buffer in packed.buffers]
        fd = _shared(packed.buffers) if sum(sizes) >= LEAST_BYTES else None
        return None if fd is None else cls(packed.data, sizes, fd)

    def opened(self) -> Any:
        """The value; its arrays can be written to. Raises OSError where memory cannot be mapped."""
        with self._lock:
            if self._value is None:
                whole = _map(self._fd, sum(self._sizes))
                self._value = pickle.loads(self._data, buffers=_split(whole, self._sizes))  # noqa: S301 - ours
                self._let_go()
            return self._value

    def sent_along(self) -> tuple[bytes, Sequence[int], int] | None:
        """What `arrived` makes the same parcel of elsewhere; None where no message is being packed."""
        with self._lock:
            fds = _travelling.fds
            if fds is None or self._value is not None or len(fds) == _MAX_PARCELS:
                return None
            fds.append(os.dup(self._fd))
            return self._data, self._sizes, len(fds) - 1

    def leave(self) -> None:
        """Let the memory go with the message that is packed: its receiver closes it. Nobody opens it then."""
        with self._lock:
            fds = _travelling.fds
            if fds is None or self._value is not None or len(fds) == _MAX_PARCELS:
                return
            if self._let_go.detach() is None:
                return
            _held.discard(self._fd)
            fds.append(self._fd)
            self._fd = -1

    @classmethod
    def arrived(cls, data: bytes, sizes: Sequence[int], number: int) -> "Parcel":
        """A parcel of the message that is unpacked."""
        assert _travelling.fds is not None, "a parcel travels with its message alone"
        fd, _travelling.fds[number] = _travelling.fds[number], -1
        return cls(data, sizes, fd)


class LetGo:
    """Takes a parcel's memory along to another process, which frees it in place of this one (0.5 ms)."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel

    def __reduce__(self) -> tuple[type[int], tuple[()]]:
        self._parcel.leave()
        return int, ()


def _close(fd: int) -> None:
    _held.discard(fd)
    os.close(fd)


def _most_parcels() -> int:
    return max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_LEFT)


def allow_many_files() -> None:
    """Let this process have as many files open as it may: a parcel is one. Does what it can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def pack(value: object) -> Packed:
    """Pickle a value without copying its arrays. Raises what pickling raises. What it gives must be sent."""
    buffers: list[pickle.PickleBuffer] = []
    fds: list[int] = []
    before, _travelling.fds = _travelling.fds, fds
    try:
        data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    except BaseException:
        _close_all(fds)
        raise
    finally:
        _travelling.fds = before
    return Packed(data, tuple(buffer.raw() for buffer in buffers), tuple(fds))


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)


def send(connection: Connection, packed: Packed) -> None:
    """Write it to an end of `multiprocessing.Pipe()`. Blocks. Raises OSError where the other end is gone."""
    sizes = [buffer.nbytes for buffer in packed.buffers]
    fd = _shared(packed.buffers) if sum(sizes) >= LEAST_BYTES else None
    files = [*packed.parcels, *(() if fd is None else (fd,))]
    try:
        # Not `send`, which first makes itself a pickler that knows sockets and connections.
        connection.send_bytes(pickle.dumps((packed.data, sizes, fd is not None, len(packed.parcels))))
        if files:
            with _socket(connection) as channel:
                socket.send_fds(channel, [b"f"], files)
        for buffer in packed.buffers if fd is None else ():
            connection.send_bytes(buffer)
    finally:
        _close_all(files)


def receive(connection: Connection) -> Any:
    """Read what `send` wrote; its arrays can be written to. Blocks.

    Raises EOFError or OSError where the other end is gone.
    """
    return arrival(connection).value()


class Arrived:
    """What has come over a pipe and is to be unpickled."""

    def __init__(self, data: bytes, buffers: Sequence[memoryview | bytearray], fds: list[int]) -> None:
        self._data, self._buffers, self._fds = data, buffers, fds

    def value(self) -> Any:
        """What was sent; to be called once. Raises what unpickling raises."""
        before, _travelling.fds = _travelling.fds, self._fds
        try:
            return pickle.loads(self._data, buffers=self._buffers)  # noqa: S301 - between processes of ours
        finally:
            _travelling.fds = before
            _close_all(self._fds)


def arrival(connection: Connection) -> Arrived:
    """As `receive`, but not unpickled yet. Raises as it does."""
    data, sizes, shared, parcels = pickle.loads(connection.recv_bytes())  # noqa: S301 - as above
    fds = _files(connection, parcels + shared) if parcels or shared else []
    try:
        buffers = _split(_map(fds[-1], sum(sizes)), sizes) if shared else _read(connection, sizes)
    except BaseException:
        _close_all(fds)
        raise
    return Arrived(data, buffers, fds)


def _files(connection: Connection, count: int) -> list[int]:
    with _socket(connection) as channel:
        fds = socket.recv_fds(channel, 1, count)[1]
    if len(fds) < count:
        _close_all(fds)
        raise EOFError
    return fds


def _shared(buffers: tuple[memoryview, ...]) -> int | None:
    """A file in memory that holds the buffers one after another; None where there can be none."""
    if not hasattr(os, "memfd_create"):
        return None
    fd = -1
    try:
        fd = os.memfd_create("arrays", os.MFD_CLOEXEC)
        for buffer in buffers:
            done = 0
            while done < buffer.nbytes:
                done += os.write(fd, buffer[done:])
    except OSError:
        with contextlib.suppress(OSError):
            os.close(fd)
        return None
    return fd


def _split(whole: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [whole[end - size : end] for size, end in zip(sizes, ends, strict=True)]


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_ssize_t]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library


def _map(fd: int, size: int) -> memoryview:
    """A file's memory, until nothing looks at it. `mmap.mmap` would hold the file open all the time."""
    library = _library()
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    address = library.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
    if address == _MAP_FAILED:
        raise OSError(ctypes.get_errno(), "cannot map shared memory")
    memory = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(memory, library.munmap, address, size).atexit = False
    return memoryview(memory).cast("B")


def _read(connection: Connection, sizes: list[int]) -> list[bytearray]:
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        connection.recv_bytes_into(buffer)
    return buffers


def _socket(connection: Connection) -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, os.dup(connection.fileno()))
