"""An output folder in an object store: the work is done on a local mirror of it, sent there as it grows.

A store has no rename and no append. So files are whole objects; the journal is numbered segments, each sent
after every file that its lines speak of; what is done is what the segments say. The store is the truth: a
mirror that is ahead of it, after a crash, is set back to it.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import DRIVERS, LOCK_NAME, TEMPORARY_SUFFIX, temporary_beside, write_atomic
from ocr_engine.outputs.jsonl import decode
from ocr_engine.outputs.page_store import NAME as RECORDS
from ocr_engine.outputs.segments import (
    JOURNAL,
    SEGMENT,
    SEGMENTS,
    is_journal,
    not_in,
    run_name,
    run_number,
    whole_lines,
)
from ocr_engine.outputs.store import Store
from ocr_engine.outputs.store_lock import RUN_LOCK, StoreLock, is_lock
from ocr_engine.urls import object_version

_INDEX = ".mirror.json"
OnSync = Callable[[], Callable[[], None]]
"""Called before something is sent; what it returns is called when all has arrived that was there before."""
_SCAN_SHARE = 20
"""A look over the mirror takes at most a twentieth of the time."""
_NOT_SENT = frozenset({JOURNAL, LOCK_NAME, _INDEX, RUN_LOCK})


@dataclass(frozen=True, slots=True)
class _State:
    """A file as it was sent or fetched: its time and size here, its version there."""

    mtime_ns: int
    size: int
    version: str


_STATES = msgspec.json.Decoder(dict[str, _State])


class Mirror:
    """One run's side of an output folder in a store; `root` is the local folder to work in."""

    def __init__(self, url: str, folder: Path, on_sync: OnSync | None = None) -> None:
        """Raises UsageError where the store's package is missing."""
        self._on_sync = on_sync
        self._store = Store(url)
        self._lock = StoreLock(self._store)
        self.root = folder / hashlib.blake2b(url.encode(), digest_size=12).hexdigest()
        self._known: dict[str, _State] = {}
        self._sent_bytes = 0
        self._segments = 0
        self._run = run_name(0)
        self._sync_lock = threading.Lock()

    def fetch(self, *, to_write: bool = True) -> None:
        """Make the mirror equal to the store, the journal put together from its segments.

        Raises OutputError, also where another run is writing there.
        """
        with self._store.errors("read"), contextlib.ExitStack() as undo:
            self.root.mkdir(parents=True, exist_ok=True)
            if to_write:
                self._lock.take()
                undo.callback(self._lock.give_back)
            self._become_equal()
            undo.pop_all()

    def _become_equal(self) -> None:
        listed = self._listed()
        self._run = run_name(1 + max(map(run_number, listed), default=0))
        self._remove_others(listed, self._read_index())
        wanted = [name for name in listed if name not in self._known and not is_journal(name)]
        self._store.all(lambda name: self._fetch_one(name, listed[name]), wanted)
        self._put_journal_together(sorted(name for name in listed if is_journal(name)))
        self._write_index()

    def _listed(self) -> dict[str, dict[str, Any]]:
        """What of the store is the output's."""
        return {name: info for name, info in self._store.listed().items() if not _is_ours(name)}

    def sync(self) -> None:
        """Send what changed: files first, then the journal's new lines as a segment. Raises OutputError."""
        with self._sync_lock, self._store.errors("written"):
            self._lock.keep()
            arrived = self._on_sync() if self._on_sync else None
            if not (self.root / JOURNAL).exists():
                # Whatever emptied the folder, the store must not become as empty.
                raise OutputError(
                    f"{printable(str(self.root))}: files of this run were deleted; run the same command again"
                )
            lines = self._new_lines()
            found = self._scan()
            self._store.all(self._remove_there, self._gone(found))
            changed = [
                name
                for name, (mtime_ns, size) in found.items()
                if (was := self._known.get(name)) is None or (was.mtime_ns, was.size) != (mtime_ns, size)
            ]
            # A document's records first: a folder that has them is known for a run's own.
            records = {name for name in changed if PurePosixPath(name).name == RECORDS}
            for names in (records, set(changed) - records):
                self._store.all(lambda name: self._send(name, *found[name]), names)
            if lines:
                self._store.write(f"{SEGMENTS}/{self._run}-{self._segments:06d}.jsonl", lines)
                self._segments += 1
                self._sent_bytes += len(lines)
            self._lock.show_life()
            self._write_index()
            if arrived is not None:
                arrived()

    def finish(self) -> None:
        """Send the rest, put the segments together into one `journal.jsonl`, and give the lock back."""
        self.sync()
        with self._store.errors("written"):
            listed = self._listed()
            segments = [name for name in listed if SEGMENT.fullmatch(name)]
            self._store.write(JOURNAL, (self.root / JOURNAL).read_bytes())
            # Only now: until the whole journal is there, they are it.
            self._store.all(self._remove_there, segments)
            self._know_versions(listed)
            self._lock.give_back()
        logger.info("all results are at %s", self._store.url)

    def _know_versions(self, listed: dict[str, dict[str, Any]]) -> None:
        """What this run sent is what is there: a later run on this machine need not fetch it."""
        for name, state in self._known.items():
            info = listed.get(name, {})
            if info.get("size") == state.size:
                self._known[name] = replace(state, version=object_version(info))
        self._write_index()

    def _remove_others(self, listed: dict[str, dict[str, Any]], known: dict[str, _State]) -> None:
        """Keep of the mirror what is as it was sent, and is still that in the store."""
        for name, (mtime_ns, size) in self._scan().items():
            was = known.get(name)
            if name in listed and was == _State(mtime_ns, size, object_version(listed[name])):
                self._known[name] = was
            else:
                (self.root / name).unlink()

    def _fetch_one(self, name: str, info: dict[str, Any]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(path)
        self._store.fetch(name, temporary)
        temporary.replace(path)
        self._note(name, path, object_version(info))

    def _put_journal_together(self, names: Sequence[str]) -> None:
        """The whole journal of earlier runs, then the segments since, each a run's lines in order."""
        parts = [whole_lines(self._store.read(name)) for name in names]
        if names and names[0] == JOURNAL:
            parts = [parts[0], *not_in(parts[0], parts[1:])]
        data = b"".join(parts)
        write_atomic(self.root / JOURNAL, data)
        self._sent_bytes = len(data)

    def _new_lines(self) -> bytes:
        with (self.root / JOURNAL).open("rb") as file:
            file.seek(self._sent_bytes)
            data = file.read()
        return data[: data.rfind(b"\n") + 1]

    def _scan(self) -> dict[str, tuple[int, int]]:
        """Every file of the mirror that belongs into the store: name -> time, size.

        A listing may leave out a file that is replaced meanwhile. Records are replaced for every page, so
        they are asked for by name.
        """
        found: dict[str, tuple[int, int]] = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
                for entry in entries:
                    name = _below(folder, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif name not in _NOT_SENT and not name.endswith(TEMPORARY_SUFFIX):
                        self._look_at(name, found)
            if (records := _below(folder, RECORDS)) not in found:
                self._look_at(records, found)
        return found

    def _look_at(self, name: str, found: dict[str, tuple[int, int]]) -> None:
        with contextlib.suppress(FileNotFoundError):
            status = (self.root / name).lstat()
            found[name] = (status.st_mtime_ns, status.st_size)

    def _gone(self, found: Container[str]) -> list[str]:
        """What was sent and is no more."""
        return [name for name in self._known if name not in found and not os.path.lexists(self.root / name)]

    def _send(self, name: str, mtime_ns: int, size: int) -> None:
        try:
            self._store.send(self.root / name, name)
        except FileNotFoundError:
            if (self.root / name).exists():
                raise
            return  # replaced or taken away meanwhile: the next look sees it
        # The version is asked for at the next start alone; until then the time and size here tell.
        self._known[name] = _State(mtime_ns, size, "")

    def _note(self, name: str, path: Path, version: str) -> None:
        status = path.stat()
        self._known[name] = _State(status.st_mtime_ns, status.st_size, version)

    def _remove_there(self, name: str) -> None:
        self._store.remove(name)
        self._known.pop(name, None)

    def _read_index(self) -> dict[str, _State]:
        with contextlib.suppress(OSError):
            return decode((self.root / _INDEX).read_bytes(), _STATES) or {}
        return {}

    def _write_index(self) -> None:
        """What a later run on this machine need not fetch: files whose version in the store is known."""
        states = {name: asdict(state) for name, state in self._known.items() if state.version}
        write_atomic(self.root / _INDEX, json.dumps(states))


def default_folder() -> Path:
    """Where mirrors are, unless the config says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ocr-engine" / "outputs"


@contextlib.contextmanager
def mirrored(
    url: str, folder: Path, every_s: float, *, to_write: bool = True, on_sync: OnSync | None = None
) -> Iterator[Path]:
    """A local folder that stands for the output folder at `url`, sent there every so often and at the end.

    Raises OutputError where the store cannot be read at the start, or written at the end.
    """
    if not to_write:
        with tempfile.TemporaryDirectory(prefix="ocr-engine-") as elsewhere:
            look = Mirror(url, Path(elsewhere))
            look.fetch(to_write=False)
            yield look.root
        return
    mirror = Mirror(url, folder, on_sync)
    mirror.fetch()
    ended = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(mirror, ended, every_s), name="mirror", daemon=True)
    thread.start()
    try:
        yield mirror.root
    finally:
        ended.set()
        thread.join()
        mirror.finish()


def _keep_sending(mirror: Mirror, ended: threading.Event, every_s: float) -> None:
    pause_s = every_s
    while not ended.wait(pause_s):
        started_s = time.monotonic()
        try:
            mirror.sync()
        except OutputError as error:
            logger.warning("%s; trying again", error)
        pause_s = max(every_s, (time.monotonic() - started_s) * _SCAN_SHARE)


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_ours(name: str) -> bool:
    """Whether a name in the store is no part of the output: this module's own, or other drivers'."""
    return name in (_INDEX, LOCK_NAME) or is_lock(name) or name.startswith(f"{DRIVERS}/")
