"""Two engines of `nano` here: one is killed, the other slowed down and then stopped. One engine's files?

    python -m proofs.replicas                 # 3 GB of memory an engine; some minutes on two cores

At a quarter of the pages one replica is killed with SIGKILL. From a third on the other stands still half
of the time; at half of them it is stopped with SIGSTOP for good. Prints one line of JSON; exit code 0 when
the run said that an engine died and that one hung, no page is lost, and every file is that of one engine.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from proofs import proof

KEYS = (
    "engine.model=nano",
    "engine.max_tokens=100",
    "engine.enforce_eager=true",
    "engine.max_num_seqs=4",
    "render.workers=1",
    "quality.retries=[]",
)
_SAID = ("died", "hung")


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to which replica, at how many pages in the journal."""

    what: str
    pid: int
    rows: int


class Run:
    """The run on two replicas."""

    def __init__(self, words: list[str], output: Path, log: Path) -> None:
        self._output = output
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(words, stderr=stderr)

    def replicas(self) -> list[int]:
        """The processes of engines that are there, the oldest first: each leads a session."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child.pid for child in children if child.is_running() and _leads(child.pid)]
        return []

    def rows(self) -> int:
        return len(proof.rows(self._output))

    def at(self, rows: int) -> None:
        """Wait for so many pages, and for both engines."""
        proof.wait_until(lambda: self.rows() >= rows and len(self.replicas()) > 1, self.process)

    def slow_until(self, pid: int, rows: int) -> None:
        """Let this process stand still half of the time."""
        still = False

        def reached() -> bool:
            nonlocal still
            still = not still
            os.kill(pid, signal.SIGSTOP if still else signal.SIGCONT)
            return self.rows() >= rows

        proof.wait_until(reached, self.process)


def _leads(pid: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getsid(pid) == pid
    return False


def disturb(run: Run, pages: int) -> list[Event]:
    """All that is done to the run; what was done is in the list, also where the run ended before the rest."""
    events: list[Event] = []
    with suppress(ProcessLookupError):
        run.at(pages // 4)
        first, second = run.replicas()[:2]
        os.kill(first, signal.SIGKILL)
        events.append(Event("killed", first, run.rows()))
        run.at(pages // 3)
        events.append(Event("slowed", second, run.rows()))
        run.slow_until(second, pages // 2)
        os.kill(second, signal.SIGSTOP)
        events.append(Event("stopped", second, run.rows()))
    return events


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=120, help="pages of the generated PDFs (120)")
    parser.add_argument("--mode", default="tiny")
    parser.add_argument("--hang-s", type=int, default=20, help="engine.hang_timeout_s of the run (20)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prove-replicas-") as name:
        work = Path(name)
        inputs = proof.text_documents(work / "in", args.pages)
        one = proof.command(inputs, work / "one", *KEYS, "engine.replicas=1", mode=args.mode)
        local = subprocess.run(one, check=False)
        two = (*KEYS, "engine.replicas=2", f"engine.hang_timeout_s={args.hang_s}")
        started_s = time.monotonic()
        words = proof.command(inputs, work / "two", *two, mode=args.mode)
        words.remove("--quiet")  # what became of the engines is said in warnings
        run = Run(words, work / "two", work / "log")
        try:
            events = disturb(run, args.pages)
            code = run.process.wait()
        finally:
            run.process.terminate()
            run.process.wait()
        seconds = round(time.monotonic() - started_s, 1)
        said = [line for line in (work / "log").read_text().splitlines() if "starting it again" in line]
        result = proof.compare(work / "two", work / "one")
    happened = {"events": [asdict(event) for event in events], "said": said, "seconds": seconds}
    codes = {"exit_code": code, "one_engine_exit_code": local.returncode}
    print(json.dumps({**codes, **happened, **asdict(result)}))
    well = (
        code == local.returncode and len(events) == 3 and all(any(w in line for line in said) for w in _SAID)
    )
    return 0 if well and result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
