"""Has vLLM's V2 runner encode the new pages of a step before it takes them in.

It would do so last, when it has written 16 pages' prompts, blocks and settings to the device: the GPU has
nothing to do for 10 ms then. So it encodes for 140 ms while the runner does all that. A step without new
pages has nothing to take in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocr_engine.engine.vllm.internals import EncoderCache


def install() -> None:
    """Change vLLM's runner. For the worker's process, before its runner is made."""
    from ocr_engine.engine.vllm.internals import GPUModelRunner

    usual = GPUModelRunner.add_requests

    # Named as in vLLM, which `contract` looks at.
    def encoded_first(self: Any, scheduler_output: Any) -> None:
        if not scheduler_output.scheduled_new_reqs:
            # vLLM would send the settings of all requests once more, half a millisecond a step.
            return
        encode(self, scheduler_output)
        usual(self, scheduler_output)

    GPUModelRunner.add_requests = encoded_first


def encode(runner: Any, scheduler_output: Any) -> None:
    """Encode what a step is to encode; the runner finds it done when it comes to that."""
    cache: EncoderCache | None = runner.encoder_cache
    if cache is None or not scheduler_output.scheduled_encoder_inputs:
        return
    for page in scheduler_output.scheduled_new_reqs:
        cache.add_request(page.req_id, page.mm_features)
    runner.model_state.execute_mm_encoder(scheduler_output.scheduled_encoder_inputs)
