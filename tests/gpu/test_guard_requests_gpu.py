"""The V2 runner's guard on a GPU: whatever a request brings, the rule or nothing."""

import asyncio
import contextlib
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ocr_engine.config import EngineConfig
from ocr_engine.engine.guard_args import settings_in_engine
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.self_test import smallest_page
from ocr_engine.errors import RequestError
from ocr_engine.families import OCR, PROMPTS
from ocr_engine.records import GenerationRequest
from tests.xargs import random_xargs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
SLOTS, LENGTH, VOCABULARY, BATCHES = 32, 200, 6, 40
REQUESTS = 200


def test_no_settings_stop_the_sampler():
    """Slots are used again, so every batch follows another's settings."""
    pytest.importorskip("vllm", reason="needs vllm")
    from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard

    rng, device = random.Random(7), torch.device("cuda")
    tokens = torch.zeros(SLOTS, LENGTH, dtype=torch.int32, device=device)
    prompt, total = (torch.zeros(SLOTS, dtype=torch.int32, device=device) for _ in range(2))
    tables = {
        name: SimpleNamespace(gpu=table)
        for name, table in (("all_token_ids", tokens), ("prompt_len", prompt), ("total_len", total))
    }
    states = SimpleNamespace(max_num_reqs=SLOTS, device=device, vocab_size=VOCABULARY, **tables)
    config = SimpleNamespace(model_config=SimpleNamespace(max_model_len=LENGTH))
    guard = DeviceNgramGuard(config, states)
    rows = torch.arange(SLOTS, device=device)
    step = SimpleNamespace(
        idx_mapping_np=np.arange(SLOTS),
        expanded_idx_mapping=rows,
        expanded_local_pos=torch.zeros_like(rows),
        input_ids=rows,
    )
    for _ in range(BATCHES):
        asked = [random_xargs(rng, VOCABULARY) for _ in range(SLOTS)]
        outputs = [[rng.randrange(VOCABULARY) for _ in range(rng.randrange(LENGTH - 5))] for _ in asked]
        for slot, (args, output) in enumerate(zip(asked, outputs, strict=True)):
            guarded = guard.add_request(slot, SimpleNamespace(extra_args=args))
            assert guarded == (settings_in_engine(args) is not None)
            prompt[slot], total[slot] = 5, 5 + len(output)
            tokens[slot, 5 : 5 + len(output)] = torch.tensor(output, dtype=torch.int32)
        guard.apply_staged_writes()
        logits = guard.apply(torch.zeros(SLOTS, VOCABULARY, device=device), step)
        for row, args, output in zip(torch.isinf(logits).cpu(), asked, outputs, strict=True):
            found = settings_in_engine(args)
            expected = (
                banned_tokens(output, found.size, found.window, found.whitelist) if found else set[int]()
            )
            assert set(row.nonzero()[:, 0].tolist()) == expected, args
    torch.cuda.synchronize()


def test_no_request_stops_the_engine():
    """With vLLM's check of requests, and with that check switched off."""
    pytest.importorskip("vllm", reason="needs vllm")
    asyncio.run(_ask_an_engine())


async def _ask_an_engine():
    from ocr_engine.engine.vllm.engine import VllmEngine

    engine = VllmEngine(EngineConfig(model="nano", max_num_seqs=32))
    await engine.start()
    try:
        good = GenerationRequest("good", smallest_page(OCR), PROMPTS["free"], 16, 20, 50)
        expected = (await engine.generate(good)).text
        rng = random.Random(11)
        asked = [random_xargs(rng) for _ in range(REQUESTS)]
        refused = await asyncio.gather(*(_refused(engine, good, args) for args in asked))
        assert refused == [_is_wrong(args) for args in asked]
        assert 20 < sum(refused) < REQUESTS
        engine._llm.input_processor.validate_logits_processors_params = lambda _: None
        refused = await asyncio.gather(*(_refused(engine, good, args) for args in asked))
        assert sum(refused) < REQUESTS // 4  # what vLLM's own transport does not carry
        assert (await engine.generate(good)).text == expected
    finally:
        await engine.stop()


def _is_wrong(args):
    from vllm import SamplingParams

    from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard

    try:
        DeviceNgramGuard.validate_params(SamplingParams(extra_args=args))
    except Exception:  # noqa: BLE001 - vLLM refuses some of them itself
        return True
    return False


async def _refused(engine, request, args):
    from vllm.exceptions import VLLMClientError

    prompt, tokens = engine._prompt(request)
    sampling = engine._sampling(request, tokens, streamed=False)
    sampling.extra_args = args
    try:
        sampling._verify_extra_args()
        async with contextlib.aclosing(engine._outputs(prompt, sampling, "any")) as outputs:
            assert [output.outputs[0].token_ids async for output in outputs][-1]
    except (RequestError, VLLMClientError):
        return True
    return False
