"""Pages that are written together: they share their waits for the disk, and their lines one sync.

Documents of which all pages are written are merged beside them. In a longer run processes of their own do
both, as that takes a good part of the main process's time. Where one dies, this process writes what they had
in hand once more: the same files.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.conversion.page_saving import EndedDocument, PageFiles, PageToSave, Written
from ocr_engine.conversion.writing_processes import WritingProcesses, wanted
from ocr_engine.errors import OutputError
from ocr_engine.log import logger
from ocr_engine.outputs.checksums import Checksums, Seen
from ocr_engine.outputs.journal import Journal
from ocr_engine.processes.worker import WorkerDiedError, WorkerTimeoutError

GROUP_PAGES, GROUP_BYTES = 256, 64 << 20
"""What is written together at most."""
PROCESS_FROM_PAGES = 64
"""A shorter run pays for no further process."""
MAX_DEATHS = 3
Outcome = BaseException | None
Item = PageToSave | EndedDocument
Waiting = tuple[Item, "asyncio.Future[None]"]


class PageGroups:
    """Takes pages and ended documents, writes them in groups in a thread, tells each when it is done."""

    def __init__(
        self, config: Config, root: Path, journal: Journal, checksums: Checksums, thread: Executor
    ) -> None:
        """`thread` is the only one that writes below `root`, in the order in which it is given work."""
        self._config = config
        self._root = root
        self._journal = journal
        self._checksums = checksums
        self._thread = thread
        self._files = PageFiles(root, config)
        self._waiting: deque[Waiting] = deque()
        self._processes: WritingProcesses | None = None
        self._written, self._deaths = 0, 0

    async def write(self, item: Item) -> None:
        """Write a page, or what is made of a document's pages.

        Returns once the files, and then a page's journal line, are on disk. Raises OutputError.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((item, future))
        if len(self._waiting) == 1:  # else a call that is on its way will take it
            self._thread.submit(self._write_waiting, loop)
        await future

    @property
    def waiting(self) -> int:
        """How many pages and documents wait for their group."""
        return len(self._waiting)

    def close(self) -> None:
        """End the processes that write. Called from the thread, after the last page."""
        self._end_processes()

    def _write_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        group = self._take()
        outcomes = self._outcomes([item for item, _ in group]) if group else []
        with contextlib.suppress(RuntimeError):  # the loop or the thread is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, [future for _, future in group], outcomes)
            if self._waiting:  # behind what else the thread was given meanwhile
                self._thread.submit(self._write_waiting, loop)

    def _take(self) -> list[Waiting]:
        group: list[Waiting] = []
        nbytes = 0
        while self._waiting and len(group) < GROUP_PAGES and nbytes < GROUP_BYTES:
            group.append(self._waiting.popleft())
            nbytes += group[-1][0].nbytes
        return group

    def _outcomes(self, items: Sequence[Item]) -> list[Outcome]:
        """Write a group. A page that meets a bug of ours is found by writing each on its own."""
        pages = [item for item in items if isinstance(item, PageToSave)]
        ended = [item for item in items if isinstance(item, EndedDocument)]
        try:
            written = self._write(pages, ended)
            if pages:
                self._journal.append_lines(written.lines)
            made = iter([self._note(one) for one in written.made])
        except OutputError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - belongs to the page that it is about
            return [error] if len(items) == 1 else [self._outcomes([item])[0] for item in items]
        self._written += len(pages)
        return [next(made) if isinstance(item, EndedDocument) else None for item in items]

    def _note(self, made: Sequence[Seen] | Exception) -> Outcome:
        """Remember how what was made of a document was left."""
        if isinstance(made, Exception):
            return made
        for one in made:
            self._checksums.note(one)
        return None

    def _write(self, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]) -> Written:
        if self._written >= PROCESS_FROM_PAGES and self._deaths < MAX_DEATHS:
            try:
                return self._written_elsewhere(pages, ended)
            except (WorkerTimeoutError, WorkerDiedError) as error:
                logger.debug("a process that writes pages %s; they are written here", error)
                self._deaths += 1
                self._end_processes()
        return self._files.write(pages, ended)

    def _written_elsewhere(self, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]) -> Written:
        if self._processes is None:
            self._files.forget()
            self._processes = WritingProcesses(self._config, self._root, wanted())
        return self._processes.write(pages, ended)

    def _end_processes(self) -> None:
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.close()


def _settle(futures: Sequence["asyncio.Future[None]"], outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():
            continue  # nobody waits any more
        if outcome is None:
            future.set_result(None)
        else:
            future.set_exception(outcome)
