"""An S3 server on loopback: a run killed mid-way, another machine that goes on, the store away meanwhile.

    python -m proofs.store

The first run is killed with SIGKILL; others that come before and right after are refused; one that goes on
has a host name of its own (a UTS namespace; needs root) and an empty mirror, and for some seconds the store
answers nobody. Prints one line of JSON; exit code 0 when every file is a local run's and no lock, probe or
journal segment is left behind.
"""

import argparse
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proofs import proof

# Eight answers at a time, half a second each: the killed run leaves pages to the next on any machine.
KEYS = (
    "engine.backend=replay", "engine.replay_delay_s=0.5", "engine.in_flight=8", "render.workers=1",
    "output.sync_s=0.5",
)  # fmt: skip
OUT = "s3://bucket/out"
ELSEWHERE = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh")


class Gate:
    """A TCP forwarder that can be shut: connections break, new ones are refused. What the store is behind."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.refused = 0
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            if not self._open.is_set():
                self.refused += 1
                return
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                other = {client: server, server: client}
                while self._open.is_set():
                    for side in select.select(list(other), [], [], 0.1)[0]:
                        data = side.recv(1 << 16)
                        if not data:
                            return
                        other[side].sendall(data)


@contextmanager
def store() -> Iterator[tuple[Gate, Any]]:
    """A moto server behind a gate, and a client that goes past the gate."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    port = moto.get_host_and_port()[1]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}")
    client.mkdir("bucket")
    try:
        yield Gate(port), client
    finally:
        moto.stop()


def segment_rows(client: Any) -> int:
    """Pages that the store's journal says are done."""
    client.invalidate_cache()
    with suppress(FileNotFoundError):
        return sum(client.cat_file(name).count(b"\n") for name in client.find("bucket/out/journal"))
    return 0


def start(words: list[str], cache: Path, gate: Gate, *, elsewhere: bool = False) -> "subprocess.Popen[bytes]":
    """A run; `elsewhere` on a machine of another name."""
    env = os.environ | {"XDG_CACHE_HOME": str(cache), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{gate.port}"}
    command = [*ELSEWHERE, *words] if elsewhere else words
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE)


def ended(process: "subprocess.Popen[bytes]") -> dict[str, object]:
    """Its exit code and the last line it said."""
    said = process.communicate()[1].decode().strip().splitlines()
    return {"exit_code": process.returncode, "said": said[-1] if said else ""}


def disturb(
    words: list[str], work: Path, gate: Gate, client: Any, pages: int, away_s: float
) -> dict[str, Any]:
    """The whole story; what each run said."""
    first = start(words, work / "one", gate)
    proof.wait_until(lambda: segment_rows(client) >= pages // 5, first)
    first.send_signal(signal.SIGSTOP)  # it must not end before the others have come
    refused = ended(start(words, work / "two", gate, elsewhere=True))
    first.kill()
    first.wait()
    safe = segment_rows(client)
    still_refused = ended(start(words, work / "two", gate, elsewhere=True))
    client.rm_file("bucket/out/run.lock")
    second = start(words, work / "two", gate, elsewhere=True)
    proof.wait_until(lambda: segment_rows(client) >= pages // 2, second)
    gate.shut()
    time.sleep(away_s)
    gate.open()
    went_on = ended(second)
    again = ended(start(words, work / "three", gate, elsewhere=True))
    runs = {
        "refused": refused,
        "refused_after_the_kill": still_refused,
        "went_on": went_on,
        "nothing_to_do": again,
    }
    return {"runs": runs, "rows_safe_at_the_kill": safe, "connections_refused": gate.refused}


def _short(document: str) -> str:
    """Below the input folder, wherever that is."""
    return "/".join(document.split("/")[-2:])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--away-s", type=float, default=20.0, help="how long the store is away (20)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prove-store-") as name, store() as (gate, client):
        work = Path(name)
        inputs = proof.text_documents(work / "in", args.pages)
        subprocess.run(proof.command(inputs, work / "local", *KEYS), check=False)
        client.put(str(inputs), "bucket/in", recursive=True)
        words = proof.command("s3://bucket/in", OUT, *KEYS)
        story = disturb(words, work, gate, client, args.pages, args.away_s)
        client.invalidate_cache()
        left = [path for path in client.find("bucket/out") if "/run.lock" in path or "/out/journal/" in path]
        client.get("bucket/out", str(work / "there"), recursive=True)
        result = proof.compare(work / "there", work / "local", _short)
    print(json.dumps({**story, "left_behind": left, **asdict(result)}))
    codes = [run["exit_code"] for run in story["runs"].values()]
    was_killed = 0 < story["rows_safe_at_the_kill"] < args.pages
    was_disturbed = was_killed and story["connections_refused"] > 0
    return 0 if result.passed and not left and was_disturbed and codes == [2, 2, 0, 0] else 1


if __name__ == "__main__":
    sys.exit(main())
