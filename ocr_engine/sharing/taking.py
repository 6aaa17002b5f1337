"""Goes through a corpus and gives out what this driver may take, again and again until all of it is done."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from ocr_engine.log import logger
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document
from ocr_engine.sharing.claims import Claim, Claims
from ocr_engine.sharing.shard import key_of

CHUNK = 256
"""Documents among which drivers begin in different places, so that they seldom ask for the same one."""
POLLS_A_LEASE = 4
Item = Document | Refused


class Taking:
    """One driver's way through a corpus; for `Conversion`, which says what has ended."""

    def __init__(
        self,
        claims: Claims,
        find: Callable[[], Iterable[Item]],
        driver: str,
        lease_s: float,
        run_of: Callable[[str], Path | None],
    ) -> None:
        """`find` goes through the corpus from its start; always in the same order.

        `run_of` says where another driver's output folder is, if that is to be had here.
        """
        self._run_of = run_of
        self._claims = claims
        self._find = find
        self._driver = driver
        self._lease_s, self._poll_s = lease_s, lease_s / POLLS_A_LEASE
        self._waited_for = 0
        self._given: set[str] = set()
        self._ended: list[Item] = []
        self._lock = threading.Lock()

    async def documents(self, stopping: Callable[[], bool]) -> AsyncIterator[Item]:
        """What this driver takes. Ends when every document is done by someone. Raises OutputError."""
        while not stopping():
            others = 0
            self._claims.holders.clear()
            for chunk in _chunks(self._find()):
                for item in sorted(chunk, key=self._place):
                    if stopping():
                        return
                    claim = await asyncio.to_thread(self._take, item)
                    others += claim is Claim.OTHERS
                    if claim is Claim.OURS:
                        yield item
            if not others:
                return
            self._say_who_is_waited_for(others)
            await self._pause(stopping)

    def _say_who_is_waited_for(self, documents: int) -> None:
        """Once for the same number of documents."""
        if documents == self._waited_for:
            return
        self._waited_for = documents
        words = "waiting for %s documents of %s; a driver without a sign of life for %g s is taken over"
        logger.info(words, f"{documents:,}", ", ".join(sorted(self._claims.holders)), self._lease_s)

    async def _pause(self, stopping: Callable[[], bool]) -> None:
        for _ in range(max(1, round(self._poll_s / 0.2))):
            if not stopping():
                await asyncio.sleep(min(0.2, self._poll_s))

    def _take(self, item: Item) -> Claim:
        """As `Claims.take`; what was given out once is at hand or done."""
        if item.given in self._given:
            return Claim.DONE
        claim = self._claims.take(item)
        if claim is Claim.OURS:
            self._given.add(item.given)
        return claim

    def _place(self, item: Item) -> str:
        """Another order for each driver; documents that share a name stay in theirs."""
        return hashlib.blake2b(f"{self._driver} {key_of(item)}".encode(), digest_size=8).hexdigest()

    def before(self, document: Document) -> Path | None:
        """Where the driver that had the document before may have left pages of it."""
        driver = self._claims.heir_of.get(document.given)
        return self._run_of(driver) if driver else None

    def ended(self, item: Item) -> None:
        """Called when a document has its last journal line."""
        with self._lock:
            self._ended.append(item)

    def publish(self) -> Callable[[], None]:
        """What has ended so far; the result is to be called once all of that is where others look for it."""
        with self._lock:
            ended = list(self._ended)

        def arrived() -> None:
            self._claims.done(ended)
            with self._lock:
                del self._ended[: len(ended)]

        return arrived


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    pending = iter(items)
    while chunk := list(islice(pending, CHUNK)):
        yield chunk
