"""Things a render worker may be asked to survive. Importable in the worker processes."""

import os
import signal
import time
from pathlib import Path

from ocr_engine.records import PageImage


def size(page: PageImage) -> tuple[int, int]:
    return page.image.size


def darkness(page: PageImage) -> dict[str, float]:
    """How many pixels a page has, and which share of them is dark."""
    histogram = page.image.convert("L").histogram()
    return {"pixels": sum(histogram), "ink": sum(histogram[:128]) / sum(histogram)}


def backend(page: PageImage) -> str:
    return page.backend


def worker_id(page: PageImage) -> int:
    return os.getpid()


def sleep(page: PageImage) -> None:
    time.sleep(60)


def sleep_in_pymupdf(page: PageImage) -> str:
    if page.backend == "pymupdf":
        time.sleep(60)
    return page.backend


def crash(page: PageImage) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_in_pymupdf(page: PageImage) -> str:
    if page.backend == "pymupdf":
        os.abort()
    return page.backend


def die_in_the_middle_of_a_result(page: PageImage) -> "DiesHalfway":
    return DiesHalfway()


class DiesHalfway:
    """A result larger than a pipe holds, cut off while it travels."""

    def __reduce__(self) -> tuple[object, ...]:
        pid = os.fork()
        if pid == 0:
            time.sleep(0.05)
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(0)
        return (bytes, (b"x" * 300_000_000,))


def leave(page: PageImage) -> None:
    os._exit(3)


def eat_memory(page: PageImage) -> None:
    kept = []
    while True:
        kept.append(bytearray(20_000_000))


def grow(page: PageImage) -> int:
    global _kept  # noqa: PLW0603 - a leak is the point
    _kept = b"x" * 520_000_000
    return os.getpid()


def hoard(page: PageImage) -> int:
    """Frees all it took, in pieces the C library keeps: one in a hundred stays in use between the others."""
    global _kept_pieces  # noqa: PLW0603 - they have to outlive the call
    pieces = [bytes(100_000) for _ in range(2500)]
    _kept_pieces = pieces[::100]
    return os.getpid()


def fail(page: PageImage) -> None:
    raise RuntimeError("the task is at fault\nsecond line")


def unpicklable(page: PageImage) -> object:
    return lambda: page


def wait_for(page: PageImage, flag: Path) -> str:
    while not flag.exists():
        time.sleep(0.01)
    return "done"


def modules(page: PageImage) -> set[str]:
    import sys

    return set(sys.modules)


_kept = b""
_kept_pieces: list[bytes] = []
