"""How long a server is waited for: while it gives nothing new, and for all of an answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

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
            reason = f"no complete answer within {whole_s:g} s (engine.server.answer_timeout_s)"
        else:
            reason = f"nothing new for {still_s:g} s (engine.server.timeout_s)"
        raise ServerFailedError(reason, down=True) from None
