"""One run at a time in a folder of an object store, as far as a store without locks allows.

The lock is an object that its run writes again and again: a sign of life. It ages by the store's clock.
"""

import contextlib
import json
import os
import platform
import secrets
from typing import Any

import psutil

from ocr_engine.errors import OutputError
from ocr_engine.log import printable
from ocr_engine.outputs.store import Store

RUN_LOCK = "run.lock"
LOCK_STALE_S = 600.0


class StoreLock:
    """One run's side of the lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._run = secrets.token_hex(4)

    def take(self) -> None:
        """Raises OutputError while another run gives signs of life."""
        other = self._holder()
        if other is not None and not _died_here(other) and self._age_s() < LOCK_STALE_S:
            raise OutputError(
                f"{self._store.url}: another run is writing there ({_name(other)}); wait for it; if it was"
                f" killed, wait {LOCK_STALE_S / 60:g} minutes or remove {RUN_LOCK}"
            )
        self.show_life()

    def keep(self) -> None:
        """Before anything is sent. Raises OutputError where another run has taken over meanwhile."""
        other = self._holder()
        if other is not None and other["run"] != self._run:
            raise OutputError(
                f"{self._store.url}: another run ({_name(other)}) has taken over, as this one gave no sign of"
                f" life for {LOCK_STALE_S / 60:g} minutes; stop this one"
            )
        self.show_life()

    def show_life(self) -> None:
        """Write the lock."""
        values = {"run": self._run, "host": platform.node(), "pid": os.getpid()}
        self._store.write(RUN_LOCK, json.dumps(values).encode())

    def give_back(self) -> None:
        """The next run need not wait."""
        self._store.remove(RUN_LOCK)

    def _holder(self) -> dict[str, Any] | None:
        """What the lock there says; None where there is none, or none that could be understood."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            values = json.loads(self._store.read(RUN_LOCK))
            return {"run": str(values["run"]), "host": str(values["host"]), "pid": int(values["pid"])}
        return None

    def _age_s(self) -> float:
        """Since the last sign of life, by the store's clock alone: two machines' own may be hours apart."""
        probe = f"{RUN_LOCK}.{self._run}"
        self._store.write(probe, b"now")
        try:
            now, then = self._store.modified(probe), self._store.modified(RUN_LOCK)
        except FileNotFoundError:  # given back this moment
            return LOCK_STALE_S
        except NotImplementedError:  # a store without times: whoever wrote the lock may well live
            return 0.0
        finally:
            self._store.remove(probe)
        return float((now - then).total_seconds())


def is_lock(name: str) -> bool:
    """Whether an object belongs to the lock and not to the output."""
    return name == RUN_LOCK or name.startswith(f"{RUN_LOCK}.")


def _name(lock: dict[str, Any]) -> str:
    return printable(f"{lock['run']} on {lock['host']}")


def _died_here(lock: dict[str, Any]) -> bool:
    """Whether the run that left this lock was one of this machine, and is gone."""
    return bool(lock["host"] == platform.node() and not psutil.pid_exists(lock["pid"]))
