"""Four drivers share one corpus; two are killed, one's clock is an hour wrong; then all is merged.

    python -m proofs.drivers            # into one folder
    python -m proofs.drivers --store    # into an S3 store on loopback; or `--store gs`, `--store az`

Replay engines. Prints one line of JSON; exit code 0 when the merged output has the files of a single run, and
no page is lost or there twice.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fixtures.stores import STORES
from proofs import proof
from proofs.proof import ROOT

KEYS = ("engine.backend=replay", "render.dpi=36", "render.workers=1", "output.sync_s=0.5")
CLAIM = ("engine.replay_delay_s=0.4", "engine.in_flight=4", "drivers.claim=true", "drivers.lease_s=4")
AN_HOUR_LATE = """
import sys, time
now = time.time
time.time = lambda: now() - 3600
from ocr_engine.cli.entries import batch_pdf
sys.exit(batch_pdf(sys.argv[1:]))
"""
DRIVERS, KILLED = 4, 2
_LIMIT_S = 900.0


def start(corpus: Path, output: str, work: Path) -> list["subprocess.Popen[bytes]"]:
    """The drivers, each as on a machine of its own; the last one's clock is an hour late."""
    found = []
    for number in range(DRIVERS):
        words = proof.command(corpus, output, *KEYS, *CLAIM, f"drivers.name=driver-{number}")
        if number == DRIVERS - 1:
            words = [sys.executable, "-c", AN_HOUR_LATE, *words[2:]]
        env = os.environ | {"XDG_CACHE_HOME": str(work / f"machine-{number}"), "PYTHONPATH": str(ROOT)}
        found.append(subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL))
    return found


def disturb(drivers: list["subprocess.Popen[bytes]"], chance: random.Random) -> list[int]:
    """Kill some at random moments; the exit codes of all once they have ended."""
    for driver in chance.sample(drivers[:-1], KILLED):
        time.sleep(chance.uniform(4.0, 12.0))
        driver.kill()
    return [driver.wait(_LIMIT_S) for driver in drivers]


def fetched(client: Any, target: Path) -> Path:
    """The merged output of the store as a folder."""
    client.invalidate_cache()
    for name in client.find("bucket/out"):
        below = name.removeprefix("bucket/out/")
        if not below.startswith(".drivers/"):
            (target / below).parent.mkdir(parents=True, exist_ok=True)
            client.get_file(name, str(target / below))
    return target


def run(work: Path, args: argparse.Namespace, client: Any) -> dict[str, Any]:
    corpus = proof.text_documents(work / "in", args.pages, documents=args.documents)
    output = f"{args.store}://bucket/out" if client else str(work / "out")
    codes = disturb(start(corpus, output, work), random.Random(args.seed))
    options = [word for key in KEYS for word in ("--set", key)]
    merge = [sys.executable, "-m", "ocr_engine", "merge", "--quiet", "--output", output, *options]
    merged = subprocess.run(
        [*merge, "--config", str(ROOT / "config.yaml"), "--set", "mode=tiny"], check=False, cwd=ROOT
    )
    out = fetched(client, work / "fetched") if client else work / "out"
    shutil.rmtree(out / ".drivers", ignore_errors=True)
    subprocess.run(proof.command(corpus, work / "calm", *KEYS), check=False, stderr=subprocess.DEVNULL)
    compared = proof.compare(out, work / "calm")
    return {"exit_codes": codes, "merge": merged.returncode, **asdict(compared), "passed": compared.passed}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", nargs="?", const="s3", choices=tuple(STORES), help="into a store")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="prove-drivers-") as name:
        if args.store:
            with STORES[args.store]() as client:
                result = run(Path(name), args, client)
        else:
            result = run(Path(name), args, None)
    killed = result["exit_codes"].count(-9)
    print(json.dumps(result | {"killed": killed, "seconds": round(time.monotonic() - started, 1)}))
    return 0 if result["passed"] and killed == KILLED and not result["merge"] else 1


if __name__ == "__main__":
    sys.exit(main())
