"""What Ctrl-C, `kill` and a closed terminal do to a run: first finish what is in flight, then stop."""

import asyncio
import os
import signal
from collections.abc import Callable

from ocr_engine.log import logger

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def handle(stop: Callable[[], None], cancel: Callable[[], object]) -> None:
    """The first of `STOPPING` calls `stop`, every further one `cancel`. Needs a running event loop.

    A closed terminal (SIGHUP) is also let go of; where SIGHUP is ignored, as under nohup, it stays ignored.
    """
    loop = asyncio.get_running_loop()
    stopping = False

    def on_signal(number: signal.Signals) -> None:
        nonlocal stopping
        if number is signal.SIGHUP:
            _leave_terminal()
        if stopping:
            cancel()
            return
        stopping = True
        stop()
        logger.warning("stopping: pages in flight are finished first; once more stops at once")

    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, number)


def _leave_terminal() -> None:
    """Send what is still said to nowhere: writing to a terminal that is gone is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)
