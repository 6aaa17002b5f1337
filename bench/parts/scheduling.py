"""vLLM's scheduler alone, without an engine: pages go in, every step gives each a token."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.multimodal.inputs import MultiModalFeatureSpec, PlaceholderRange
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec, RSWASpec
from vllm.v1.outputs import LogprobsLists, ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

from ocr_engine.engine.draft_args import draft_args, packed
from ocr_engine.engine.sizes import GROUP_KEY
from ocr_engine.engine.vllm.args import speculation
from ocr_engine.engine.vllm.shortcuts import SHORTCUTS, SHORTCUTS_KEY

BLOCK = 16
SCORE_OF_ID = -1 / 1024
NANO = Path(__file__).parents[2] / "ocr_engine/model/nano"


@cache
def _config(seqs: int, tokens: int, group: int, max_len: int, shortcuts: tuple[str, ...], drafts: int) -> Any:
    args = EngineArgs(
        model=str(NANO),
        max_num_seqs=seqs,
        max_num_batched_tokens=tokens,
        max_model_len=max_len,
        enable_prefix_caching=False,
        mm_processor_cache_gb=0,
        additional_config={GROUP_KEY: group, SHORTCUTS_KEY: list(shortcuts)},
        speculative_config=speculation(drafts) if drafts else None,
        per_request_spec_decode_metrics="summary" if drafts else "none",
    )
    config = args.create_engine_config()
    config.scheduler_config.async_scheduling = True
    return config


@dataclass
class Run:
    """A scheduler and what came of its steps; requests end at their length, which is their `max_tokens`."""

    scheduler: Any
    ahead: list[tuple[SchedulerOutput, ModelRunnerOutput]] = field(default_factory=list)
    tokens: dict[str, list[int]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    finished: dict[str, str] = field(default_factory=dict)
    drafts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each request that has ended: drafts verified, and steps that verified any."""
    messages: int = 0
    preemptions: int = 0
    encoded: int = 0
    accepted: Callable[[Request], int] = lambda _: 0
    """How many of a request's drafts a step accepts."""
    schedule_s: float = 0.0
    update_s: float = 0.0
    _number: int = 0

    def add(
        self,
        name: str,
        length: int,
        prompt: int = 914,
        interval: int | None = 64,
        draft: Sequence[int] = (),
        logprobs: int | None = None,
    ) -> None:
        """A page with a prompt of so many tokens, all but the last its placeholders."""
        sampling = SamplingParams(
            max_tokens=length, ignore_eos=True, stream_interval=interval, logprobs=logprobs
        )
        sampling.extra_args = draft_args(packed(draft))
        page = MultiModalFeatureSpec(
            data=None,
            modality="image",
            identifier=name,
            mm_position=PlaceholderRange(offset=1, length=prompt - 2),
        )
        self.scheduler.add_request(Request(name, [7] * prompt, sampling, None, mm_features=[page]))

    def step(self) -> SchedulerOutput:
        """Schedule a step, a step ahead of its results as on a GPU."""
        started = time.process_time()
        output = self.scheduler.schedule()
        self.schedule_s += time.process_time() - started
        self.encoded += sum(len(inputs) for inputs in output.scheduled_encoder_inputs.values())
        self.preemptions += len(output.preempted_req_ids or ())
        self.ahead.append((output, self._sampled(output)))
        if len(self.ahead) > 1:
            self._update()
        return output

    def run(self, steps: int = 100_000) -> None:
        """Until nothing is left, or for so many steps."""
        while self.scheduler.has_requests() and steps:
            self.step()
            steps -= 1
        while self.ahead:
            self._update()

    def _sampled(self, output: SchedulerOutput) -> ModelRunnerOutput:
        names = list(output.num_scheduled_tokens)
        tokens: list[list[int]] = []
        for name in names:
            request = self.scheduler.requests[name]
            whole = request.num_computed_tokens >= request.num_tokens
            drafts = len(output.scheduled_spec_decode_tokens.get(name, ()))
            count = 1 + min(drafts, self.accepted(request)) if whole else 0
            tokens.append([100 + (self._number + more) % 7919 for more in range(1, count + 1)])
            self._number += max(count, 1)
        places = {name: place for place, name in enumerate(names)}
        return ModelRunnerOutput(names, places, tokens, self._logprobs(output, tokens))

    def _logprobs(self, output: SchedulerOutput, tokens: Sequence[Sequence[int]]) -> LogprobsLists | None:
        """Those of each token, made up from its id, in a row for each that was scheduled to be sampled."""
        names, drafts = list(output.num_scheduled_tokens), output.scheduled_spec_decode_tokens
        params = (self.scheduler.requests[name].sampling_params for name in names)
        if not any(one.logprobs is not None for one in params):
            return None
        rows = [1 + len(drafts.get(name, ())) for name in names]
        starts = [0, *accumulate(rows)]
        ids = np.full((starts[-1], 1), -1)
        for start, found in zip(starts, tokens, strict=False):
            ids[start : start + len(found), 0] = found
        scores = (ids * SCORE_OF_ID).astype(np.float32)
        return LogprobsLists(ids, scores, np.zeros(len(ids), np.int64), starts if drafts else None)

    def _update(self) -> None:
        output, sampled = self.ahead.pop(0)
        started = time.process_time()
        made = self.scheduler.update_from_output(output, sampled)
        self.update_s += time.process_time() - started
        for client in made.values():
            for one in client.outputs:
                self.messages += 1
                self.tokens.setdefault(one.request_id, []).extend(one.new_token_ids)
                if one.new_logprobs is not None:
                    self.scores.setdefault(one.request_id, []).extend(
                        one.new_logprobs.logprobs[:, 0].tolist()
                    )
                if one.finish_reason is not None:
                    self.finished[one.request_id] = str(one.finish_reason)
                    if (metrics := one.spec_decode_metrics) is not None:
                        self.drafts[one.request_id] = metrics.num_draft_tokens, sum(metrics.histogram)


def make(
    kind: type,
    seqs: int,
    kv_tokens: int,
    group: int = 16,
    batched: int = 16_384,
    max_len: int = 4096,
    watermark: float = 0.0,
    shortcuts: Sequence[str] = tuple(SHORTCUTS),
    drafts: int = 0,
    window: int = 0,
) -> Run:
    """A scheduler of that class with a KV cache for so many tokens; with `window` that of Unlimited-OCR."""
    config = _config(seqs, batched, group, max_len, tuple(shortcuts), drafts)
    config.scheduler_config.watermark = watermark
    blocks = kv_tokens // BLOCK
    config.cache_config.num_gpu_blocks = blocks
    sizes: dict[str, Any] = {"num_kv_heads": 10, "head_size": 128, "dtype": torch.bfloat16}
    spec: FullAttentionSpec = FullAttentionSpec(block_size=BLOCK, **sizes)
    if window:
        spec = RSWASpec(block_size=BLOCK, rswa_window=window, **sizes)
    cache_config = KVCacheConfig(blocks, [], [KVCacheGroupSpec(["layer"], spec)])
    return Run(
        kind(
            vllm_config=config,
            kv_cache_config=cache_config,
            structured_output_manager=StructuredOutputManager(config),
            block_size=BLOCK,
            hash_block_size=BLOCK,
            log_stats=False,
        )
    )


def cost(kind: type, steps: int = 120, logprobs: int | None = None) -> dict[str, float]:
    """CPU microseconds a token of decoding at 768 in flight; `logprobs` as in vLLM's `SamplingParams`."""
    run = make(kind, 768, 768 * 1400)
    for number in range(768):
        run.add(f"{number}-document/pages/{number:04d}", 3000, logprobs=logprobs)
    for _ in range(64):
        run.step()
    run.schedule_s = run.update_s = 0.0
    for _ in range(steps):
        run.step()
    scale = 1e6 / (768 * steps)
    return {
        "schedule_us_a_token": round(run.schedule_s * scale, 2),
        "update_us_a_token": round(run.update_s * scale, 2),
    }
