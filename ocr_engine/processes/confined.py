"""Runs another program as one that is not trusted: without network where the kernel lets us, with bounds.

Nothing of it is left: it is a process group of its own, which is killed as a whole when it has ended, takes
too long, or when the process that started it is gone. The file is also the script that stands between them.
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MB = 1_000_000
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NOWHERE = "http://127.0.0.1:9"
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_LAST_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the program may take: seconds, memory of each of its processes, size of each file it writes."""

    timeout_s: float
    memory_mb: int
    file_mb: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: its exit code, negative for a signal; the end of what it said."""

    code: int
    said: str

    @property
    def signal(self) -> str:
        """The name of the signal that killed it; "" where none did."""
        code = self.code - 128 if self.code > 128 else -self.code
        with contextlib.suppress(ValueError):
            return signal.Signals(code).name if self.code < 0 or self.code > 128 else ""
        return ""


class TookTooLongError(Exception):
    """The program was killed after its time."""


class Confined:
    """One program that runs in a folder of its own. `kill` from any thread."""

    def __init__(
        self, command: Sequence[str], folder: Path, bounds: Bounds, environment: Mapping[str, str]
    ) -> None:
        """Start it in `folder`, which is its home and its place for temporary files, too.

        Raises OSError where it cannot be started.
        """
        self._timeout_s = bounds.timeout_s
        self._log = folder / "said.txt"
        home = {name: str(folder) for name in ("HOME", "TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR")}
        proxies = {spelled: _NOWHERE for name in _PROXIES for spelled in (name, name.upper())}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", __file__, str(bounds.memory_mb), str(bounds.file_mb), *command],
                stdin=subprocess.PIPE,  # closed by the kernel when this process is gone
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), **home, **proxies, **environment},
                start_new_session=True,
            )

    def wait(self) -> Ended:
        """How it ended. Raises TookTooLongError."""
        try:
            code = self._process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            raise TookTooLongError(f"took longer than {self._timeout_s:g} s") from None
        finally:
            self.kill()
        return Ended(code, self._said())

    def kill(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _said(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _LAST_BYTES))
            return file.read(_LAST_BYTES).decode("utf-8", "replace")
        return ""


def _confine(memory_mb: int, file_mb: int) -> None:
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory_mb * _MB),
        (resource.RLIMIT_FSIZE, file_mb * _MB),
    ):
        hard = resource.getrlimit(limit)[1]
        most = (
            most if hard == resource.RLIM_INFINITY else min(most, hard)
        )  # a worker of ours has bounds itself
        resource.setrlimit(limit, (most, most))
    uid, gid = os.getuid(), os.getgid()
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    if unshare is None or unshare(_NEW_USER | _NEW_NET):
        return  # not permitted: the proxies that lead nowhere and the program's own settings remain
    with contextlib.suppress(OSError):  # it is then nobody, which owns what it owned before
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _die_with_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _main(arguments: Sequence[str]) -> int:
    memory_mb, file_mb, *command = arguments
    _confine(int(memory_mb), int(file_mb))
    threading.Thread(target=_die_with_parent, daemon=True).start()
    code = subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(_main(sys.argv[1:]))
