"""Drafts in vLLM's V2 runner: predictions come with requests, tokens are proposed on the device.

vLLM's own n-gram speculator has the place; ours takes it. A speculator is told nothing of requests, but
logits processors are: one that touches no logit keeps the predictions.

Light to import: vLLM's front end loads `DraftStore` too, to check requests.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ocr_engine.drafts.memory import ROWS
from ocr_engine.engine.draft_args import BOOK_KEY, LONGEST_TOK, MEMORY_KEY, check_draft, predicted_ids
from ocr_engine.engine.vllm.internals import DeviceLogitsProcessor

if TYPE_CHECKING:
    import torch

    from ocr_engine.engine.vllm.internals import LogitsContext, LogitsProcRequestState, SamplingParams

_TORCH_SHARE, _FOR_STEPS = 0.96, 0.04
"""Of a card's memory that torch may hold, and what it may at least beyond vLLM's share."""
_STORES: weakref.WeakKeyDictionary[Any, DraftStore] = weakref.WeakKeyDictionary()
"""The predictions by the runner's table of tokens, which store and speculator are both given."""


class DraftStore(DeviceLogitsProcessor):
    """Predictions of the requests in vLLM's slots, on the device. Changes no logit."""

    def __init__(self, vllm_config: Any, req_states: LogitsProcRequestState) -> None:
        import torch

        from ocr_engine.engine.vllm.internals import StagedWriteTensor, UvaBackedTensor

        count, device = req_states.max_num_reqs, req_states.device
        self.ids = StagedWriteTensor((count, LONGEST_TOK), dtype=torch.int32, device=device)
        self.lengths = UvaBackedTensor(count, dtype=torch.int32)
        book = vllm_config.additional_config.get(BOOK_KEY) or [-1]
        self.book = torch.tensor(book, dtype=torch.int32, device=device)
        self._vocabulary = vllm_config.model_config.get_vocab_size()
        _STORES[req_states.all_token_ids] = self

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raises ValueError for a prediction that is none, before the request enters the batch."""
        check_draft(sampling_params.extra_args)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Put a request's prediction into its slot; never asks for `apply`."""
        ids = predicted_ids(sampling_params.extra_args, self._vocabulary)
        self.lengths.np[req_idx] = len(ids)
        if len(ids):
            self.ids.stage_write(req_idx, 0, ids.tolist())
        return False

    def apply_staged_writes(self) -> None:
        """Send the predictions of new requests to the device."""
        self.lengths.copy_to_uva()
        self.ids.apply_write()

    def apply(self, logits: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """The logits as they are."""
        return logits


def install() -> None:
    """Put our speculator in the place of vLLM's. For the worker's process, before its runner is made."""
    from ocr_engine.engine.vllm.internals import ngram_speculator, topk_topp_sampler

    ngram_speculator.NgramGPUSpeculator = _speculator_class()
    # From vLLM 0.33 on a start with drafts compiles these kernels, which its 0.32 says takes two minutes.
    topk_topp_sampler.register_top_k_top_p_warmups = _register_nothing


def _leave_memory(vllm_config: Any, device: Any) -> None:
    """Have torch give back what it holds for nothing before it takes the last of the card.

    With drafts no two steps are of one size, and torch keeps memory for each: an H200 was full after a minute
    (150.4 of 150.8 GB, without drafts 135). Kernels that are loaded later need some too.
    """
    import torch

    if torch.device(device).type == "cuda":
        share = vllm_config.cache_config.gpu_memory_utilization + _FOR_STEPS
        torch.cuda.set_per_process_memory_fraction(min(1.0, max(_TORCH_SHARE, share)))


def _register_nothing() -> None:
    """No page asks for top-k or top-p; who does has the kernels compiled then."""


def _speculator_class() -> type:
    import torch

    from ocr_engine.engine.vllm import draft_kernel
    from ocr_engine.engine.vllm.internals import NgramGPUSpeculator

    class PageSpeculator(NgramGPUSpeculator):
        """Proposes from the predictions of `DraftStore`."""

        def __init__(self, vllm_config: Any, device: Any, req_states: Any) -> None:
            super().__init__(vllm_config, device, req_states)
            _leave_memory(vllm_config, device)
            self._cursors, self._lost = draft_kernel.states(self.max_num_reqs, device)
            rows = vllm_config.additional_config.get(MEMORY_KEY, ROWS)
            self._memory = draft_kernel.new_memory(device, rows)

        @torch.inference_mode()
        def propose(
            self,
            input_batch: Any,
            attn_metadata: Any,
            slot_mappings: Any,
            last_hidden_states: Any,
            aux_hidden_states: Any,
            num_sampled: Any,
            *args: Any,
            dummy_run: bool = False,
            **more: Any,
        ) -> Any:
            """int64 (requests, drafts), in the order of the batch."""
            drafts = self.drafts[: input_batch.num_reqs]
            store = _STORES.get(self.req_states.all_token_ids)
            if dummy_run or store is None:
                return drafts
            states = self.req_states
            draft_kernel.propose(
                drafts,
                store.ids.gpu,
                store.lengths.gpu,
                store.book,
                self._memory,
                states.all_token_ids.gpu,
                states.prompt_len.gpu,
                states.total_len.gpu,
                input_batch.idx_mapping,
                num_sampled,
                self._cursors,
                self._lost,
            )
            return drafts

    return PageSpeculator
