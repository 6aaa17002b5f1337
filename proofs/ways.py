"""A small random checkpoint of a family by every way that a run can go: the same answers?

    python -m proofs.ways                                  # Unlimited-OCR; four starts of vLLM, one at a time
    python -m proofs.ways --family deepseek-ocr-2 --ways server

The sample's pages are read by vLLM in this machine's own engine, then shown with `--stream`, then asked of
`vllm serve` with our plug-in, then read on a Ray cluster. What a random model says is noise; it is the same
noise each time. Prints a line of JSON for each way; exit code 1 where a raw text or a page's status differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fixtures.checkpoints import write_checkpoint
from ocr_engine.families import FAMILIES, UNLIMITED
from proofs import proof
from proofs.servers import servers

SAMPLES = proof.ROOT / "samples"
FEW = (
    "engine.dtype=float32", "engine.max_tokens=24", "engine.max_model_len=4096", "engine.enforce_eager=true",
    "engine.max_num_seqs=4", "quality.retries=[]", "render.workers=1",
)  # fmt: skip
MODE = "base"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=sorted(FAMILIES), default=UNLIMITED)
    parser.add_argument("--ways", nargs="+", choices=sorted(WAYS), default=list(WAYS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prove-ways-") as name:
        work = Path(name)
        checkpoint = write_checkpoint(work / "model", args.family)
        keys = (f"engine.model={checkpoint}", *FEW)
        done = _run(proof.command(SAMPLES, work / "local", *keys, mode=MODE))
        expected = _answers(work / "local")
        print(json.dumps({"way": "local", **done, "pages": len(expected)}), flush=True)
        well = bool(expected)
        for way in args.ways:
            result = WAYS[way](work, checkpoint, keys, expected)
            print(json.dumps({"way": way, **result}), flush=True)
            well = well and bool(result["equal"])
    return 0 if well else 1


Answers = dict[str, tuple[str, str]]
"""By the name of a page's raw text below the output folder: the text, and the page's status."""


def _run(words: list[str]) -> dict[str, object]:
    started_s = time.monotonic()
    run = subprocess.run(words, capture_output=True, text=True, check=False, cwd=proof.ROOT)
    if "Traceback" in run.stderr or not run.returncode >= 0:
        raise SystemExit(run.stderr[-3000:])
    said = run.stderr.strip().splitlines()
    seconds = round(time.monotonic() - started_s, 1)
    return {"exit_code": run.returncode, "seconds": seconds, "said": said[-1] if said else ""}


def _answers(output: Path) -> Answers:
    statuses = {f"{row['document']}/{row['page']}": str(row["status"]) for row in proof.rows(output)}
    texts = {str(path.relative_to(output)): path.read_text() for path in output.rglob("*.raw.md")}
    rows = {path: row for row in proof.rows(output) for path in row.get("outputs", ()) if path in texts}
    return {path: (texts[path], statuses[f"{row['document']}/{row['page']}"]) for path, row in rows.items()}


def _beside(output: Path, expected: Answers, words: list[str]) -> dict[str, object]:
    done, found = _run(words), _answers(output)
    differing = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    return {**done, "pages": len(found), "equal": not differing, "differing": differing[:5]}


def _streamed(work: Path, checkpoint: Path, keys: tuple[str, ...], expected: Answers) -> dict[str, object]:
    """Whether what is shown of an image while it is written is what is stored."""
    words = proof.command(SAMPLES / "images/letter.jpg", work / "stream", *keys, mode=MODE)
    words = [word.replace("batch_pdf.py", "batch_images.py") for word in words if word != "--quiet"]
    run = subprocess.run([*words, "--stream", "--raw"], capture_output=True, text=True, check=False)
    (text,) = [text for text, _ in _answers(work / "stream").values()]
    equal = bool(text.strip()) and text.strip() in run.stdout
    return {"exit_code": run.returncode, "pages": 1, "equal": equal}


def _served(work: Path, checkpoint: Path, keys: tuple[str, ...], expected: Answers) -> dict[str, object]:
    more = ("--model", str(checkpoint), "--max-model-len", "4096")
    with servers(work, 1, *more) as (server,):
        of_server = ("engine.backend=server", f"engine.server.endpoints=[{server.url}]")
        return _beside(
            work / "served", expected, proof.command(SAMPLES, work / "served", *keys, *of_server, mode=MODE)
        )


def _on_ray(work: Path, checkpoint: Path, keys: tuple[str, ...], expected: Answers) -> dict[str, object]:
    with proof.ray_cluster(1, 2, 200 << 20) as cluster:
        on = ("cluster.backend=ray", f"cluster.address={cluster.address}", "cluster.cpus_per_engine=0.5")
        return _beside(work / "ray", expected, proof.command(SAMPLES, work / "ray", *keys, *on, mode=MODE))


Way = Callable[[Path, Path, tuple[str, ...], Answers], dict[str, object]]
WAYS: dict[str, Way] = {"stream": _streamed, "server": _served, "ray": _on_ray}

if __name__ == "__main__":
    sys.exit(main())
