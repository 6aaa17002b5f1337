"""Running vLLM servers with `nano` and our plug-in, one killed and restarted mid-run: a local engine's files?

    python -m proofs.servers                          # three servers, 3 GB of memory each
    python -m proofs.servers --pages 40 --images png

Prints one line of JSON; exit code 0 when every page is done, the files are those of a run on a local engine,
and the restarted server read pages again.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from proofs import proof

KEYS = ("engine.model=nano", "engine.max_tokens=160", "engine.enforce_eager=true", "render.workers=1")
OF_NANO = ("--model", str(proof.ROOT / "ocr_engine/model/nano"))
SERVED = (
    "--served-model-name", "nano", "--dtype", "float32", "--enforce-eager", "--no-enable-prefix-caching",
    "--mm-processor-cache-gb", "0", "--trust-request-mm-kwargs", "--max-num-seqs", "4", "--host", "127.0.0.1",
)  # fmt: skip
SMALL = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
START_S = 600.0
_SUCCESS = re.compile(r"^vllm:request_success_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)


@dataclass(slots=True)
class Server:
    """One `vllm serve` at a port of its own, which it keeps when it is started again."""

    port: int
    log: Path
    more: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = [
            sys.executable,
            "-m",
            "vllm.entrypoints.openai.api_server",
            *SERVED,
            *self.more,
            "--port",
            str(self.port),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, env=os.environ | SMALL, start_new_session=True
            )

    def kill(self) -> None:
        """The server and all it started, at once."""
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ready(self) -> bool:
        """Raises SystemExit where it ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise SystemExit(f"a server did not start:\n{self.log.read_text()[-3000:]}")
        return bool(self.said("/health") is not None)

    def said(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def answered(self) -> int:
        """Requests it has answered since it was started."""
        return int(sum(map(float, _SUCCESS.findall(self.said("/metrics") or ""))))


@contextmanager
def servers(folder: Path, count: int, *more: str) -> Iterator[list[Server]]:
    """All of them up, with nano or with `more` as vLLM takes it."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
        found = [Server(port, folder / f"server{n}.log", more or OF_NANO) for n, port in enumerate(ports)]
    try:
        for server in found:
            server.start()
        for server in found:
            wait_ready(server)
        yield found
    finally:
        for server in found:
            server.kill()


def wait_ready(server: Server) -> None:
    deadline_s = time.monotonic() + START_S
    while not server.ready():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"a server did not start within {START_S:g} s")
        time.sleep(0.25)


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What happened: rows at the kill and at the restarted server's first answer, answers of each server."""

    exit_code: int
    rows_at_kill: int
    rows_at_return: int
    answered: list[int]
    answered_before_kill: int
    seconds: float


def disturb(words: list[str], output: Path, found: list[Server], after: int) -> Disturbed:
    """Run; once `after` pages are done kill the last server while it reads, and start it again."""
    started_s, victim = time.monotonic(), found[-1]
    process = subprocess.Popen(words)
    try:
        proof.wait_until(lambda: len(proof.rows(output)) >= after and victim.answered() > 0, process)
        before, at_kill = victim.answered(), len(proof.rows(output))
        victim.kill()
        victim.start()
        came_back = proof.wait_until(lambda: victim.answered() > 0, process, START_S)
        at_return = len(proof.rows(output)) if came_back else -1
        code = process.wait()
    finally:
        process.kill()
        process.wait()
    seconds = round(time.monotonic() - started_s, 1)
    return Disturbed(code, at_kill, at_return, [one.answered() for one in found], before, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--pages", type=int, default=400, help="pages of the generated PDFs (400)")
    parser.add_argument("--images", choices=("views", "png"), default="views", help="how pages are sent")
    parser.add_argument("--mode", default="tiny")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prove-servers-") as name:
        work = Path(name)
        inputs = proof.text_documents(work / "in", args.pages)
        local = subprocess.run(proof.command(inputs, work / "local", *KEYS, mode=args.mode), check=False)
        with servers(work, args.servers) as found:
            urls = ",".join(server.url for server in found)
            keys = (*KEYS, "engine.backend=server", f"engine.server.endpoints=[{urls}]",
                    f"engine.server.images={args.images}", "engine.server.in_flight=8")  # fmt: skip
            words = proof.command(inputs, work / "served", *keys, mode=args.mode)
            done = disturb(words, work / "served", found, args.pages // 6)
        result = proof.compare(work / "served", work / "local")
    print(json.dumps({"local_exit_code": local.returncode, **asdict(done), **asdict(result)}))
    well = done.exit_code == local.returncode and done.rows_at_return > 0 and done.answered[-1] > 0
    return 0 if well and result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
