"""`python -m proofs.drafts`: answers with drafts are the answers without, on vLLM's V2 runner without a GPU.

Nano in float32 on a CPU, Triton's interpreter in the place of a compiler: slow and exact. Every run is a
process of its own: plain; with drafts; with drafts for every second page; with a guard so narrow that it
changes the answers; each asynchronous, as on a GPU. Prints tokens a step; exit code 1 where an id differs.

`--family deepseek-ocr-2` takes a small checkpoint with random weights in nano's place: its answers are noise.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocr_engine.families import OCR, OCR2

ROOT = Path(__file__).parents[1]
RUNS = {
    "plain": {"drafts": 0, "guard": (20, 50)},
    "drafts": {"drafts": 8, "guard": (20, 50)},
    "mixed": {"drafts": 5, "guard": (20, 50), "every": 2},
    "narrow guard": {"drafts": 0, "guard": (3, 90)},
    "narrow guard, drafts": {"drafts": 8, "guard": (3, 90)},
}
SAME = (("plain", "drafts"), ("plain", "mixed"), ("narrow guard", "narrow guard, drafts"))
_ENVIRONMENT = {
    "VLLM_USE_V2_MODEL_RUNNER": "1",
    "TRITON_INTERPRET": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "OMP_NUM_THREADS": "1",
}


def main() -> int:
    """All runs, compared; returns the exit code."""
    parser = argparse.ArgumentParser("python -m proofs.drafts", description=__doc__)
    parser.add_argument("pdf", nargs="*", type=Path, default=[ROOT / "samples/handbook.pdf"])
    parser.add_argument("--pages", type=int, default=3, help="pages of each PDF (3)")
    parser.add_argument("--tokens", type=int, default=120, help="tokens of an answer at most (120)")
    parser.add_argument("--family", choices=(OCR, OCR2), default=OCR)
    parser.add_argument("--run", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(args.pdf, args.pages, args.tokens, args.family, **RUNS[args.run])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = {name: _apart(args, name, Path(folder)) for name in RUNS}
    wrong = [pair for pair in SAME if found[pair[0]]["ids"] != found[pair[1]]["ids"]]
    for name, one in found.items():
        tokens, steps = sum(map(len, one["ids"])), sum(one["steps"])
        print(
            f"{name:22} {tokens:5} tokens in {steps:5} steps: {tokens / steps:.2f} a step,"
            f" {one['drafted']} drafts"
        )
    print(f"different ids: {wrong}" if wrong else "every id is the same with and without drafts")
    return int(bool(wrong))


def _apart(args: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "proofs.drafts", *map(str, args.pdf), "--run", name]
    words += ["--pages", str(args.pages), "--tokens", str(args.tokens), "--family", args.family]
    log = folder / "log"
    with log.open("w") as stderr:
        done = subprocess.run(
            words,
            env=os.environ | _ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
            cwd=ROOT,
        )
    if done.returncode:
        raise SystemExit(f"{name}: exit code {done.returncode}\n{log.read_text()[-4000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(
    pdfs: list[Path],
    pages: int,
    tokens: int,
    family: str,
    drafts: int,
    guard: tuple[int, int],
    every: int = 1,
) -> dict[str, Any]:
    """Ids of the answers, the decode steps that each took, and the drafts verified."""
    _interpret()
    from vllm import LLM

    from ocr_engine.config import EngineConfig
    from ocr_engine.engine.prompts import PromptEncoder
    from ocr_engine.engine.sizes import EngineSizes
    from ocr_engine.engine.vllm.args import engine_args

    model = ROOT / "ocr_engine/model/nano"
    if family != OCR:
        from fixtures.checkpoints import write_checkpoint

        model = write_checkpoint(Path(tempfile.mkdtemp(prefix="proof-")), family)
    prompts = PromptEncoder(model, ["<td>", "</td>"])
    sizes = EngineSizes("float32", 2048, 4, 2048, 1 << 28, 1, drafts=drafts)
    args = engine_args(EngineConfig(), model, sizes, gpu=True, phrases=prompts.phrases())
    args |= {"distributed_executor_backend": "uni", "enforce_eager": True, "async_scheduling": True}
    asked = [_request(family, pdf, number, guard) for pdf in pdfs for number in range(pages)]
    asked = [
        replace(request, draft=b"" if number % every or not drafts else request.draft)
        for number, request in enumerate(asked)
    ]
    llm = LLM(**args)
    scheduler = llm.llm_engine.engine_core.engine_core.scheduler
    counts = _counted(scheduler)
    sent = [_sent(prompts, request, tokens) for request in asked]
    outputs = llm.generate([prompt for prompt, _ in sent], [params for _, params in sent], use_tqdm=False)
    steps = [counts[name] for name in sorted(counts, key=lambda name: int(name.split("-")[0]))]
    return {
        "ids": [list(output.outputs[0].token_ids) for output in outputs],
        "steps": [sum(1 for drafted in of_page if drafted >= 0) for of_page in steps],
        "drafted": sum(drafted for of_page in steps for drafted in of_page if drafted > 0),
    }


def _interpret() -> None:
    """Have vLLM take Triton's interpreter for a CPU backend, and schedule ahead on a CPU too."""
    import triton.backends

    driver = type("Driver", (), {"is_active": staticmethod(lambda: True)})
    triton.backends.backends["cpu"] = types.SimpleNamespace(driver=driver, compiler=None)
    from vllm.platforms import current_platform

    kind = type(current_platform)
    usual = kind.check_and_update_config.__func__

    def ahead(cls: type, config: Any) -> None:
        usual(cls, config)
        config.scheduler_config.async_scheduling = True

    kind.check_and_update_config = classmethod(ahead)


def _request(family: str, pdf: Path, number: int, guard: tuple[int, int]) -> Any:
    from ocr_engine.config import RenderConfig
    from ocr_engine.families import FAMILIES, PROMPTS
    from ocr_engine.pages import render
    from ocr_engine.reading.draft import DraftForm
    from ocr_engine.reading.prepare import prepare
    from ocr_engine.records import GenerationRequest

    page = render.render_page(_ref(pdf, number), RenderConfig(), "")
    form = DraftForm(str(ROOT / "ocr_engine/model/nano/tokenizer.json"), True)
    prepared = prepare(page, FAMILIES[family].modes["base"], draft=form)
    name = f"{pdf.stem}-{number}"
    return GenerationRequest(name, prepared.views, PROMPTS["markdown"], 0, *guard, draft=prepared.draft)


def _ref(pdf: Path, number: int) -> Any:
    from ocr_engine.config import RenderConfig
    from ocr_engine.pages import render
    from ocr_engine.pages.sources import find
    from ocr_engine.records import DocumentKind

    (document,) = find([str(pdf)], [DocumentKind.PDF])
    return render.open_document(document, RenderConfig(), "", number + 1).page(number)


def _sent(prompts: Any, request: Any, tokens: int) -> tuple[dict[str, Any], Any]:
    from vllm import SamplingParams

    from ocr_engine.engine.draft_args import draft_args
    from ocr_engine.engine.guard_args import guard_args
    from ocr_engine.engine.vllm.view_tensors import tensors_of

    guard = guard_args(request.ngram_size, request.ngram_window, prompts.whitelist_ids)
    params = SamplingParams(
        temperature=0,
        max_tokens=tokens,
        stop_token_ids=[prompts.eos_id],
        detokenize=False,
        stream_interval=64,
        extra_args=guard | draft_args(request.draft),
    )
    image = {"image": tensors_of(request.views)}
    return {"prompt_token_ids": prompts.encode(request.prompt), "multi_modal_data": image}, params


def _counted(scheduler: Any) -> dict[str, list[int]]:
    """For each request and each of its steps the drafts verified; -1 for a step of its prompt."""
    counts: dict[str, list[int]] = {}
    schedule = scheduler.schedule

    def counting(*args: Any, **more: Any) -> Any:
        step = schedule(*args, **more)
        for name, count in step.num_scheduled_tokens.items():
            drafted = len(step.scheduled_spec_decode_tokens.get(name, ()))
            counts.setdefault(name, []).append(drafted if count == 1 + drafted else -1)
        return step

    scheduler.schedule = counting
    return counts


if __name__ == "__main__":
    raise SystemExit(main())
