"""`drivers.claim`: drivers take documents from one corpus, without anyone who gives them out.

    beats/DRIVER          written anew again and again while the driver lives
    taken/KEY.0, KEY.1    who took a document first, who took it over
    done/DOCUMENT         who finished it first

No clock is compared with another: a driver is dead once its beat has not changed for `lease_s` by the clock
of whoever looks. A document that it held then goes to the first who creates the next file of its key. Should
the driver only have slept, both finish the document, with the same files, and one of them counts.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.jsonl import decode
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document
from ocr_engine.sharing.board import Board
from ocr_engine.sharing.shard import key_of

BEATS_A_LEASE = 5
MAX_OWNERS = 10_000
_ENDED = b"ended"


class Claim(Enum):
    """What a driver that asks for a document is told."""

    OURS = auto()
    OTHERS = auto()
    """Another driver has it, and lives."""
    DONE = auto()


class _Owner(msgspec.Struct):
    driver: str
    document: str = ""


_OWNER = msgspec.json.Decoder(_Owner)


@dataclass(slots=True)
class _Beat:
    data: bytes | None
    since_s: float


class Claims:
    """One driver's side. Usable from any thread."""

    def __init__(
        self,
        board: Board,
        driver: str,
        lease_s: float,
        salt: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`salt` is what a document must be done again for, such as the config's fingerprint."""
        self._board = board
        self._driver = driver
        self._lease_s = lease_s
        self._salt = salt
        self._clock = clock
        self._token = secrets.token_hex(6)
        self._count = 0
        self._beats: dict[str, _Beat] = {}
        self.holders: set[str] = set()
        """Drivers that had a document which was asked for."""
        self.heir_of: dict[str, str] = {}
        """Of documents, as given, that were taken over: the driver that had them."""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Live: the beat is written now and from now on. Raises OutputError."""
        self.beat()
        self._thread = threading.Thread(target=self._keep_beating, name="claims", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let others take at once what is not done. Raises OutputError."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._board.write(f"beats/{self._driver}", _ENDED)

    def of_other_config(self) -> list[str]:
        """Drivers that have not ended and do the documents by another config. Raises OutputError."""
        salts = {name: _salt_of(self._board.read(f"beats/{name}")) for name in not_ended(self._board)}
        return [name for name, salt in salts.items() if salt not in ("", self._salt)]

    def beat(self) -> None:
        """Show life once."""
        self._count += 1
        self._board.write(f"beats/{self._driver}", f"{self._token} {self._count} {self._salt}".encode())

    def _keep_beating(self) -> None:
        while not self._ended.wait(self._lease_s / BEATS_A_LEASE):
            try:
                self.beat()
            except OutputError as error:
                logger.warning("%s; trying again", error)

    def take(self, item: Document | Refused) -> Claim:
        """Ask for a document. Raises OutputError."""
        if self._board.read(self._done_name(item)) is not None:
            return Claim.DONE
        key, ours, before = f"taken/{self._hash(key_of(item))}", self._said(item.given), ""
        for number in range(MAX_OWNERS):
            is_new = self._board.create(f"{key}.{number}", ours)
            owner = self._driver if is_new else self._owner(f"{key}.{number}")
            if is_new or self._board.read(f"{key}.{number + 1}") is None:
                if owner == self._driver:
                    if before and item.given not in self.heir_of:
                        logger.info("%s: taken over from driver %s", printable(item.given), before)
                    self.heir_of[item.given] = before
                    return Claim.OURS
                if self._lives(owner):
                    self.holders.add(owner)
                    return Claim.OTHERS
            before = owner
        return Claim.OTHERS

    def done(self, items: Iterable[Document | Refused]) -> None:
        """Say that these are finished, and on disk where others look for them. Raises OutputError."""
        for item in items:
            self._board.create(self._done_name(item), self._said(item.given))

    def _lives(self, driver: str) -> bool:
        now_s, data = self._clock(), self._board.read(f"beats/{driver}")
        if data == _ENDED:
            return False
        seen = self._beats.get(driver)
        if seen is None or seen.data != data:
            self._beats[driver] = _Beat(data, now_s)
            return True
        return now_s - seen.since_s < self._lease_s

    def _owner(self, name: str) -> str:
        found = decode(self._board.read(name) or b"", _OWNER)
        return found.driver if found else ""

    def _said(self, given: str) -> bytes:
        return json.dumps({"driver": self._driver, "document": given}).encode()

    def _done_name(self, item: Document | Refused) -> str:
        facts = [item.given, key_of(item)]
        if isinstance(item, Document):
            facts += [str(item.size_bytes), item.version or str(item.mtime_ns)]
        return f"done/{self._hash(*facts)}"

    def _hash(self, *facts: str) -> str:
        text = "\0".join((self._salt, *facts))
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def not_ended(board: Board) -> list[str]:
    """Drivers that run or have died, by name. Raises OutputError."""
    return [name for name in board.names("beats") if board.read(f"beats/{name}") != _ENDED]


def _salt_of(beat: bytes | None) -> str:
    words = (beat or b"").decode("utf-8", "replace").split()
    return words[2] if len(words) > 2 else ""


def who_finished(board: Board) -> dict[str, str]:
    """Of each document, as given, the driver that finished it first."""
    found: dict[str, str] = {}
    for name in board.names("done"):
        if (owner := decode(board.read(f"done/{name}") or b"", _OWNER)) is not None:
            found[owner.document] = owner.driver
    return found
