"""The published vLLM recipe, on vLLM's own model class: pages rendered before, n-gram guard, no caches."""

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench.full_size import SPECIAL_IDS
from bench.parts.gpu_watch import GpuWatch
from bench.parts.workload import Save, lengths
from fixtures.torchvision import stand_in

PROMPT = "<image>\n<|grounding|>Convert the document to markdown."


def run(model: Path, corpus: Path, pages: int, repeats: int, mode: str, save: Save) -> dict[str, Any]:
    """Pages a second of each repetition; its rendering is not counted."""
    if mode == "base":
        _at_base()
    return rates(start(model), mode, rendered(corpus, pages), repeats, save)


def start(model: Path, **options: Any) -> Any:
    """A `vllm.LLM` of a checkpoint folder with vLLM's own class."""
    os.environ |= {"VLLM_PLUGINS": "", "VLLM_USE_V2_MODEL_RUNNER": "0", "VLLM_LOGGING_LEVEL": "WARNING"}
    if stand_in():
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
        _import_here()
    from vllm import LLM
    from vllm.model_executor.models.deepseek_ocr import NGramPerReqLogitsProcessor

    usual: dict[str, Any] = {"max_model_len": 8192, "logits_processors": [NGramPerReqLogitsProcessor]}
    return LLM(model=str(model), enable_prefix_caching=False, mm_processor_cache_gb=0, **usual | options)


def _import_here() -> None:
    """Have vLLM take its class from this process: it would look at it in one where torchvision is missing."""
    from vllm import ModelRegistry
    from vllm.model_executor.models.deepseek_ocr import DeepseekOCRForCausalLM
    from vllm.model_executor.models.unlimited_ocr import UnlimitedOCRForCausalLM

    for known in (DeepseekOCRForCausalLM, UnlimitedOCRForCausalLM):
        ModelRegistry.register_model(known.__name__, known)


def rates(
    llm: Any,
    mode: str,
    images: list[Any],
    repeats: int,
    save: Save,
    prompt: str = PROMPT,
    guard: tuple[int, int] = (30, 90),
) -> dict[str, Any]:
    """Pages a second of each repetition, with answers of the benchmark's lengths."""
    from vllm import SamplingParams

    pages = len(images)
    extra = {
        "ngram_size": guard[0],
        "window_size": guard[1],
        "whitelist_token_ids": {SPECIAL_IDS["<td>"], SPECIAL_IDS["</td>"]},
    }
    sampling = [
        SamplingParams(
            temperature=0.0,
            max_tokens=count,
            min_tokens=count,
            ignore_eos=True,
            skip_special_tokens=False,
            extra_args=extra,
        )
        for count in lengths(pages)
    ]
    requests = [{"prompt": prompt, "multi_modal_data": {"image": image}} for image in images]
    llm.generate(requests[:16], SamplingParams(temperature=0.0, max_tokens=8), use_tqdm=False)
    runs = []
    for _ in range(repeats):
        with GpuWatch() as watch:
            started = time.perf_counter()
            answers = llm.generate(requests, sampling, use_tqdm=False)
            seconds = time.perf_counter() - started
        tokens = sum(len(answer.outputs[0].token_ids) for answer in answers)
        runs.append(
            {
                "pages_per_s": pages / seconds,
                "tokens_per_s": tokens / seconds,
                "output_tokens": tokens / pages,
                "prompt_tokens": len(answers[0].prompt_token_ids),
                **watch.figures(pages),
            }
        )
        print("recipe", mode, runs[-1], flush=True)
        save({"runs": runs})
    return {"runs": runs}


def _at_base() -> None:
    """Load vLLM's processor at Base, as the comment in it says: by its constants. The engine is a fork."""
    name = "vllm.transformers_utils.processors.deepseek_ocr"
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    changed = Path(tempfile.mkdtemp(prefix="bench-recipe-")) / "deepseek_ocr.py"
    changed.write_text(at_base(Path(spec.origin).read_text(encoding="utf-8")), encoding="utf-8")
    here = importlib.util.spec_from_file_location(name, changed)
    assert here is not None and here.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(here)
    here.loader.exec_module(module)


def at_base(source: str) -> str:
    """The source of vLLM's processor with the constants of Base."""
    for old, new in (
        ("\nIMAGE_SIZE = 640", "\nIMAGE_SIZE = 1024"),
        ("\nCROP_MODE = True", "\nCROP_MODE = False"),
    ):
        assert source.count(old) == 1, f"vLLM's processor has no {old.strip()} any more"
        source = source.replace(old, new)
    return source


def rendered(corpus: Path, pages: int) -> list[Any]:
    """The corpus's first pages as PIL images at 144 dpi, as the official PDF script renders."""
    return list(islice(_images(corpus), pages))


def _images(corpus: Path) -> Iterator[Any]:
    import pymupdf
    from PIL import Image

    for path in sorted(corpus.glob("*.pdf")):
        for page in pymupdf.open(path):
            pixels = page.get_pixmap(dpi=144, alpha=False)
            yield Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
