"""How vLLM verifies drafts, made cheaper: no copy of the logits in float32, and all of a step's at once.

vLLM copies the logits of a step as soon as one request has a logits processor, and verifies them in pieces of
a gigabyte. With eight drafts and 768 pages that is 3.6 GB a step, and each piece that begins at an odd place
has all kernels compiled anew. The guard needs no copy: it bans in the model's own logits.
"""

from typing import Any

_MOST_BYTES = 1 << 32
"""Of the float32 copy that one request with a temperature still asks for: 900 pages with eight drafts."""


def install() -> None:
    """Change vLLM's sampler. For the worker's process, before its runner is made."""
    from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard
    from ocr_engine.engine.vllm.internals import Sampler, rejection_sampler

    rejection_sampler.MAX_CHUNK_BYTES = _MOST_BYTES
    usual = Sampler.apply_sampling_params
    if DeviceNgramGuard.bans_in_model_logits:
        return

    def banned_first(
        sampler: Any,
        logits: Any,
        expanded_idx_mapping: Any,
        idx_mapping: Any,
        idx_mapping_np: Any,
        pos: Any,
        input_ids: Any,
        expanded_local_pos: Any,
        *args: Any,
        **more: Any,
    ) -> Any:
        for guard in sampler.logits_processors:
            if isinstance(guard, DeviceNgramGuard):
                guard.ban(logits, expanded_idx_mapping, idx_mapping_np, input_ids, expanded_local_pos)
        return usual(
            sampler,
            logits,
            expanded_idx_mapping,
            idx_mapping,
            idx_mapping_np,
            pos,
            input_ids,
            expanded_local_pos,
            *args,
            **more,
        )

    Sampler.apply_sampling_params = banned_first
    DeviceNgramGuard.bans_in_model_logits = True
