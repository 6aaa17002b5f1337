"""How long a server is waited for: while it gives nothing new, and for all of an answer."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

from ocr_engine.engine.server.reader import ServerFailedError


@contextlib.asynccontextmanager
async def answering(still_s: float, whole_s: float) -> AsyncIterator[Callable[[], None]]:
    """Ends what is inside after `still_s` without a call of what this gives, and after `whole_s` at all.

    Raises ServerFailedError.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + whole_s
    timer = asyncio.timeout(min(still_s, whole_s))
    try:
        async with timer:
            yield lambda: timer.reschedule(min(loop.time() + still_s, end_s))
    except TimeoutError:
        if not timer.expired():
            raise
        if loop.time() >= end_s:
            reason = f"no whole answer within {whole_s:g} s (engine.server.answer_timeout_s)"
        else:
            reason = f"nothing new for {still_s:g} s (engine.server.timeout_s)"
        raise ServerFailedError(reason, down=True) from None


class Pulse:
    """How long nothing has come for the pages that wait."""

    def __init__(self) -> None:
        self._waiting = 0
        self._beat_s = 0.0

    def beat(self) -> None:
        """Something new has come."""
        self._beat_s = time.monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """One page more waits as long as this lasts."""
        if not self._waiting:
            self.beat()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self.beat()

    @property
    def silent_s(self) -> float:
        """Seconds since the last beat; 0 where no page waits."""
        return time.monotonic() - self._beat_s if self._waiting else 0.0
