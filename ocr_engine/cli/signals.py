"""How a run ends: on Ctrl-C, `kill` or a closed terminal pages in flight end first; an error is one line.

Pages for which nothing comes any more are not waited for.
"""

import asyncio
import os
import signal
from collections.abc import Callable

from ocr_engine.errors import ExitCode, OcrError
from ocr_engine.log import logger, say

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SILENT_S = 30.0
"""How long a stopping run waits for the next of any page in flight."""
_LOOK_S = 1.0


def _never() -> float:
    return 0.0


def handle(
    stop: Callable[[], None], cancel: Callable[[], object], silent_s: Callable[[], float] = _never
) -> None:
    """The first of `STOPPING` calls `stop`, every further one `cancel`. Needs a running event loop.

    After the first, `cancel` is also called once `silent_s`, which says for how many seconds nothing has come
    for pages in flight, reaches `SILENT_S`. A closed terminal (SIGHUP) is also let go of; where SIGHUP is
    ignored, as under nohup, it stays ignored.
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
        look()

    def look() -> None:
        if silent_s() < SILENT_S:
            loop.call_later(_LOOK_S, look)
            return
        logger.warning("nothing has come for %.0f s: pages in flight are left for the next run", SILENT_S)
        cancel()

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
