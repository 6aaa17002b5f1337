"""`python -m proofs.drafts`: answers with drafts are the answers without, on vLLM's V2 runner without a GPU.

Nano in float32 on a CPU, Triton's interpreter in the place of a compiler: slow and exact. The pages are read
twice, each time by a process of its own, asynchronously as on a GPU: without drafts, then with. Every prompt
is computed in chunks. The last digit of a page's number says what else is special about it (`Kind`): without
a draft beside others, under a narrow guard, which changes some answers, cancelled on the way, in a loop,
asked again, with a stored answer full of errors for a draft. Exit code 1 where an answer differs.
With `--keep FOLDER` a reading that was killed goes on, and both read the encoder's features from there.

With `--waves` the engine runs almost empty again and again: most steps decode alone, with more and less
pages, so most are small ones (`ocr_engine.engine.vllm.small_steps`), in slots that others had before.

`--family` takes a small checkpoint with random weights in nano's place. Its answers are noise, so all drafts
are stored answers with errors. A window over the answer is made as narrow as 8 tokens, and vLLM's Triton
kernel attends behind it, as on a GPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ocr_engine.families import FAMILIES, OCR
from proofs.draft_pages import ROOT, Answered, answers_in
from proofs.draft_reading import ENVIRONMENT, Reading


def main() -> int:
    """Both readings, compared; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m proofs.drafts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pdf", nargs="*", type=Path, default=[ROOT / "samples/handbook.pdf"])
    parser.add_argument("--pages", type=int, default=10, help="pages in all, from the PDFs in turn (10)")
    parser.add_argument("--tokens", type=int, default=60, help="tokens of an answer at most (60)")
    parser.add_argument("--mode", default="base")
    parser.add_argument("--family", choices=sorted(FAMILIES), default=OCR)
    parser.add_argument("--waves", action="store_true", help="ask for pages in waves, prompts in one piece")
    parser.add_argument("--keep", type=Path, help="where answers are kept")
    parser.add_argument("--run", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        stored, written = args.run
        Reading(args, answers_in(stored), written).read()
        return 0
    with tempfile.TemporaryDirectory() as usual:
        folder = args.keep or Path(usual)
        folder.mkdir(parents=True, exist_ok=True)
        plain = _apart(folder / "none", folder / "plain.jsonl")
        drafted = _apart(folder / "plain.jsonl", folder / "drafts.jsonl")
    return _compare(plain, drafted)


def _apart(stored: Path, written: Path) -> dict[str, Answered]:
    """A reading in a process of its own, with drafts where there are stored answers."""
    started = time.monotonic()
    words = [sys.executable, "-m", "proofs.drafts", *sys.argv[1:], "--run", str(stored), str(written)]
    with (log := written.with_suffix(".log")).open("w") as stderr:
        done = subprocess.run(words, env=os.environ | ENVIRONMENT, stderr=stderr, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{written.name}: exit code {done.returncode}\n{log.read_text()[-4000:]}")
    answers = answers_in(written)
    tokens, steps = sum(len(one.ids) for one in answers.values()), sum(one.steps for one in answers.values())
    print(
        f"{written.stem}: {tokens} tokens in {steps} steps of a page;"
        f" {sum(one.drafted for one in answers.values())} drafts;"
        f" {sum(one.prompt_steps > 1 for one in answers.values())} of {len(answers)} prompts in chunks;"
        f" {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return answers


def _compare(plain: dict[str, Answered], drafted: dict[str, Answered]) -> int:
    pairs = {name: (one, drafted[name]) for name, one in plain.items() if name in drafted}
    for kind in Counter(one.kind for one in plain.values()):
        print(_row(kind, [pair for pair in pairs.values() if pair[0].kind is kind]))
    print(_row("in all", list(pairs.values())))
    different = [name for name, (one, other) in pairs.items() if not one.equals(other)]
    print(f"different: {different}" if different else f"all {len(pairs)} answers are the same with drafts")
    return int(bool(different) or plain.keys() != drafted.keys())


def _row(words: str, pairs: Sequence[tuple[Answered, Answered]]) -> str:
    tokens = sum(len(with_drafts.ids) for _, with_drafts in pairs)
    before, after = (sum(pair[place].steps for pair in pairs) for place in (0, 1))
    different = sum(not one.equals(other) for one, other in pairs)
    return (
        f"{len(pairs):4} answers {words}: {different} differ; {tokens} tokens, {tokens / max(1, after):.2f} a"
        f" step; {before} steps without drafts, {after} with"
    )


if __name__ == "__main__":
    raise SystemExit(main())
