"""The n-gram guard as a logits processor of vLLM's V2 runner, which keeps the token history on the device.

Settings come with each request in `SamplingParams.extra_args` (`guard_args`). Light to import: vLLM's
front end loads the class too, to check requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocr_engine.engine.guard_args import read_guard_args, settings_in_engine
from ocr_engine.engine.vllm.internals import DeviceLogitsProcessor
from ocr_engine.families import NGRAM_MAX_WHITELIST

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from ocr_engine.engine.vllm.internals import LogitsContext, LogitsProcRequestState, SamplingParams


class DeviceNgramGuard(DeviceLogitsProcessor):
    """Bans before sampling, greedy sampling included; settings live in vLLM's request slots."""

    bans_in_model_logits = False
    """Whether `ban` is called before vLLM copies the logits, so that no copy is asked for."""

    def __init__(self, vllm_config: Any, req_states: LogitsProcRequestState) -> None:
        import torch

        from ocr_engine.engine.vllm.guard_kernel import scratch
        from ocr_engine.engine.vllm.internals import StagedWriteTensor, UvaBackedTensor

        count, device = req_states.max_num_reqs, req_states.device
        self._history = req_states
        self._sizes = UvaBackedTensor(count, dtype=torch.int32)
        self._windows = UvaBackedTensor(count, dtype=torch.int32)
        self._whitelist_len = UvaBackedTensor(count, dtype=torch.int32)
        self._whitelist = StagedWriteTensor((count, NGRAM_MAX_WHITELIST), dtype=torch.int32, device=device)
        self._recent = scratch(count, vllm_config.model_config.max_model_len, device)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raises ValueError for settings that are none, before the request enters the batch."""
        read_guard_args(sampling_params.extra_args)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Put a request's settings into its slot; whether there are any."""
        found = settings_in_engine(sampling_params.extra_args)
        self._sizes.np[req_idx] = found.size if found else 0
        self._windows.np[req_idx] = found.window if found else 0
        self._whitelist_len.np[req_idx] = len(found.whitelist) if found else 0
        if found:
            self._whitelist.stage_write(req_idx, 0, found.whitelist)
        return found is not None and not self.bans_in_model_logits

    def apply_staged_writes(self) -> None:
        """Send the settings of new requests to the device."""
        for tensor in (self._sizes, self._windows, self._whitelist_len):
            tensor.copy_to_uva()
        self._whitelist.apply_write()

    def apply(self, logits: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """Ban in place; logits are (rows, vocabulary): a row a request, and one for each of its drafts."""
        if not self.bans_in_model_logits:
            self.ban(
                logits, ctx.expanded_idx_mapping, ctx.idx_mapping_np, ctx.input_ids, ctx.expanded_local_pos
            )
        return logits

    def has_bans(self, slots: npt.NDArray[np.intp]) -> bool:
        """Whether any request in these slots has a guard."""
        return bool(self._sizes.np[slots].any())

    def ban(
        self,
        logits: torch.Tensor,
        slots: torch.Tensor,
        slots_np: npt.NDArray[np.intp],
        input_ids: torch.Tensor,
        drafts_before: torch.Tensor,
    ) -> None:
        """Ban in place, in logits of any dtype; the rows as `guard_kernel.ban_repeats` has them."""
        from ocr_engine.engine.vllm.guard_kernel import ban_repeats

        if self.has_bans(slots_np):
            ban_repeats(
                logits,
                slots,
                drafts_before,
                input_ids,
                self._history.all_token_ids.gpu,
                self._history.prompt_len.gpu,
                self._history.total_len.gpu,
                self._sizes.gpu,
                self._windows.gpu,
                self._whitelist.gpu,
                self._whitelist_len.gpu,
                self._recent,
            )


def ban_in_model_logits() -> None:
    """Have the guard ban before vLLM copies the logits, so that no request asks for the copy.

    vLLM copies those of a step to float32 as soon as one request has a logits processor. For the worker's
    process, before its runner is made.
    """
    from ocr_engine.engine.vllm.internals import Sampler

    usual = Sampler.apply_sampling_params
    if DeviceNgramGuard.bans_in_model_logits:
        return

    # Named as in vLLM, which `contract` looks at.
    def banned_first(
        self: Any,
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
        for guard in self.logits_processors:
            if isinstance(guard, DeviceNgramGuard):
                guard.ban(logits, expanded_idx_mapping, idx_mapping_np, input_ids, expanded_local_pos)
        return usual(
            self,
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
