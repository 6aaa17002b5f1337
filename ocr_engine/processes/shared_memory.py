"""Values from one process to another over a pipe, their large arrays in memory that both map.

Through the pipe a page of Gundam, 10.5 MB, takes its receiver 18 ms of CPU in reads and copies; mapped, 4 ms.
Where a system has no such memory (macOS), arrays go through the pipe.
"""

import contextlib
import ctypes
import mmap
import os
import pickle
import socket
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

LEAST_BYTES = 1 << 18
"""Arrays of less in all go through the pipe."""
_MAP_FAILED = ctypes.c_void_p(-1).value


@dataclass(frozen=True, slots=True)
class Packed:
    """A pickled value and the memory of its arrays, which is not in `data`."""

    data: bytes
    buffers: tuple[memoryview, ...]


def pack(value: object) -> Packed:
    """Pickle a value without copying its arrays. Raises what pickling raises."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return Packed(data, tuple(buffer.raw() for buffer in buffers))


def send(connection: Connection, packed: Packed) -> None:
    """Write it to an end of `multiprocessing.Pipe()`. Blocks. Raises OSError where the other end is gone."""
    sizes = [buffer.nbytes for buffer in packed.buffers]
    fd = _shared(packed.buffers) if sum(sizes) >= LEAST_BYTES else None
    if fd is None:
        connection.send((packed.data, sizes, False))
        for buffer in packed.buffers:
            connection.send_bytes(buffer)
        return
    try:
        connection.send((packed.data, sizes, True))
        with _socket(connection) as channel:
            socket.send_fds(channel, [b"f"], [fd])
    finally:
        os.close(fd)


def receive(connection: Connection) -> Any:
    """Read what `send` wrote; its arrays can be written to. Blocks.

    Raises EOFError or OSError where the other end is gone.
    """
    data, sizes, shared = connection.recv()
    buffers = _mapped(connection, sizes) if shared else _read(connection, sizes)
    return pickle.loads(data, buffers=buffers)  # noqa: S301 - between two processes of ours


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


def _mapped(connection: Connection, sizes: list[int]) -> list[memoryview]:
    with _socket(connection) as channel:
        fds = socket.recv_fds(channel, 1, 1)[1]
    if not fds:
        raise EOFError
    try:
        whole = _map(fds[0], sum(sizes))
    finally:
        os.close(fds[0])
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [whole[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _map(fd: int, size: int) -> memoryview:
    """A file's memory, until nothing looks at it. `mmap.mmap` would hold the file open all the time."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_ssize_t]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
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
    return socket.socket(fileno=os.dup(connection.fileno()))
