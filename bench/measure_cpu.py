"""Memory and seconds a page of a full-size checkpoint on this machine's CPU, with random weights.

    python -m bench.measure_cpu MODEL_FOLDER

MODEL_FOLDER needs config.json and the tokenizer files, no weights. Prints a markdown table. A page costs its
first token (vision and prefill) and then the same time for every further token, at batch size 1.
"""

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

from bench import in_process
from fixtures.recipe import picture
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.families import PROMPTS, resolve_mode
from ocr_engine.families.views import make_views

A4_PX = (1190, 1684)
MODES = ("base", "gundam")


def start(folder: Path) -> Any:
    """The engine in this process, so that its memory is this process's."""
    return in_process.start(
        folder,
        {"VLLM_CPU_KVCACHE_SPACE": "1"},
        load_format="dummy",
        dtype="bfloat16",
        max_model_len=4096,
        max_num_seqs=1,
        max_num_batched_tokens=4096,
    )


def seconds(llm: Any, prompt: dict[str, Any], tokens: int) -> tuple[float, float]:
    """Wall and CPU seconds for a page with so many output tokens."""
    from vllm import SamplingParams

    sampling = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True, detokenize=False)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    llm.generate([prompt], sampling, use_tqdm=False)
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def peak_gib() -> float:
    """Most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def measure(llm: Any, folder: Path, name: str, tokens: int) -> str:
    """One line of the table."""
    views = make_views(picture(*A4_PX), resolve_mode(name))
    prompt = in_process.request(PromptEncoder(folder, ()).encode(PROMPTS["markdown"]), views)
    # The best of three, the first of which warms up: other work on the machine only ever adds.
    first, first_cpu = min(seconds(llm, prompt, 1) for _ in range(3))
    whole, whole_cpu = min(seconds(llm, prompt, tokens + 1) for _ in range(2))
    each, each_cpu = (whole - first) / tokens, (whole_cpu - first_cpu) / tokens
    return (
        f"| {name} | {first:.1f} ({first_cpu:.1f}) | {each:.3f} ({each_cpu:.3f}) |"
        f" {first + 880 * each:.0f} | {peak_gib():.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=100)
    arguments = parser.parse_args()
    started = time.perf_counter()
    llm = start(arguments.folder)
    print(f"start {time.perf_counter() - started:.0f} s, {peak_gib():.1f} GiB; load {os.getloadavg()[0]:.1f}")
    print("| mode | first token, s (CPU s) | further token, s (CPU s) | page of 880 tokens, s | peak GiB |")
    print("|---|---|---|---|---|")
    for name in MODES:
        print(measure(llm, arguments.folder, name, arguments.tokens), flush=True)


if __name__ == "__main__":
    main()
