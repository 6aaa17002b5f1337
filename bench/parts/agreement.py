"""Whether a KV cache of eight bits gives the tokens of one of sixteen: greedy answers to the same pages."""

import asyncio
import json
from itertools import takewhile
from pathlib import Path
from typing import Any

from bench.parts.recipe import rendered
from ocr_engine import config as config_module
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import PROMPTS
from ocr_engine.families.views import make_views
from ocr_engine.records import GenerationRequest

TOKENS = 256


def run(
    model: Path, corpus: Path, pages: int, mode: str, settings: dict[str, Any], out: Path
) -> dict[str, Any]:
    """Answer all pages; beside the tokens of an earlier run with the usual cache, how many are equal."""
    values = {"mode": mode, "engine.model": str(model), **settings}
    config = config_module.load(None, values)
    found = asyncio.run(_answers(VllmEngine(config.engine), corpus, pages, mode))
    usual = out / "agreement_tokens.json"
    if config.engine.kv_cache_dtype == "auto":
        usual.write_text(json.dumps(found))
    result = compared(json.loads(usual.read_text()), found)
    print("agreement", config.engine.kv_cache_dtype, result, flush=True)
    return result


def compared(expected: list[list[int]], found: list[list[int]]) -> dict[str, Any]:
    """Shares of 1: tokens before the first that differs, tokens equal in place, answers wholly equal."""
    pairs = list(zip(expected, found, strict=True))
    total = sum(len(one) for one in expected)
    same = [[a == b for a, b in zip(one, other, strict=False)] for one, other in pairs]
    return {
        "pages": len(pairs),
        "tokens": total,
        "before_the_first_difference": sum(len(list(takewhile(bool, one))) for one in same) / total,
        "equal_in_place": sum(map(sum, same)) / total,
        "answers_equal": sum(one == other for one, other in pairs) / len(pairs),
    }


async def _answers(engine: VllmEngine, corpus: Path, pages: int, mode: str) -> list[list[int]]:
    await engine.start()
    try:
        images = rendered(corpus, pages)
        requests = [
            GenerationRequest(f"page-{number}", make_views(image, mode), PROMPTS["markdown"], TOKENS, 20, 50)
            for number, image in enumerate(images)
        ]
        replies = await asyncio.gather(*(engine._ask(request) for request in requests))
    finally:
        await engine.stop()
    return [reply.output_ids for reply in replies]
