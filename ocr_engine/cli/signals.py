"""How a run ends: on Ctrl-C, `kill` or a closed terminal pages in flight end first; an error is one line.

Pages that are with servers have a moment for that.
"""

import asyncio
import math
import os
import signal
from collections.abc import Callable

from ocr_engine.errors import ExitCode, OcrError
from ocr_engine.log import logger, say

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def handle(stop: Callable[[], None], cancel: Callable[[], object], stopping_s: float = math.inf) -> None:
    """The first of `STOPPING` calls `stop`, every further one `cancel`. Needs a running event loop.

    `cancel` is also called `stopping_s` after the first. A closed terminal (SIGHUP) is also let go of; where
    SIGHUP is ignored, as under nohup, it stays ignored.
    """
    loop = asyncio.get_running_loop()
    stopping = False
    left: asyncio.TimerHandle | None = None

    def on_signal(number: signal.Signals) -> None:
        nonlocal stopping, left
        if number is signal.SIGHUP:
            _leave_terminal()
        if stopping:
            if left is not None:
                left.cancel()
            cancel()
            return
        stopping = True
        stop()
        if math.isinf(stopping_s):
            logger.warning(
                "stopping: pages that are being read are finished first; Ctrl-C again stops at once"
            )
            return
        logger.warning(
            "stopping: pages that no server answers within %g s are left for the next run", stopping_s
        )
        left = loop.call_later(stopping_s, cancel)

    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, number)


def ended_by(script: str, error: BaseException) -> ExitCode:
    """Say in one line what ended the run. Anything unexpected is a bug of ours: it is raised again."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OcrError):
        say(f"{script}: {error}")
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        say(f"{script}: stopped; the same command goes on from here")
        return ExitCode.INTERRUPTED
    raise error


def _leave_terminal() -> None:
    """Send what is still said to nowhere: writing to a terminal that is gone is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)
