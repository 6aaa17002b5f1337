"""Slots for drafts, for each request its own number; vLLM gives the same to all."""

from collections.abc import Mapping
from typing import Any

from ocr_engine.drafts.worth import Worth
from ocr_engine.engine.draft_args import has_drafts
from ocr_engine.engine.vllm.internals import AsyncScheduler, ModelRunnerOutput, Request, SchedulerOutput


class DraftScheduler(AsyncScheduler):
    """vLLM's, whose requests have as many slots as their drafts were worth of late, and 0 without drafts."""

    num_spec_tokens: int
    requests: Mapping[str, Request]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worth: dict[str, Worth] = {}
        # The worker puts the drafts in their places; lists are read, never written.
        self._slots = [[-1] * count for count in range(self.num_spec_tokens + 1)]

    def _update_after_schedule(self, scheduler_output: SchedulerOutput) -> None:
        super()._update_after_schedule(scheduler_output)
        if self.num_spec_tokens:
            for name in scheduler_output.num_scheduled_tokens:
                request = self.requests[name]
                if not request.is_prefill_chunk:
                    request.spec_token_ids = self.slots(name)

    def slots(self, name: str) -> list[int]:
        """The places for drafts of a request's next step; called once a step."""
        worth = self._worth.get(name)
        if worth is None:
            worth = self._worth[name] = Worth(self._most(self.requests[name]))
        return self._slots[worth.wanted() if worth.most else 0]

    def _most(self, request: Request) -> int:
        params = request.sampling_params
        return self.num_spec_tokens if params is not None and has_drafts(params.extra_args) else 0

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> Any:
        """vLLM's outputs of a step; what it accepted is learnt from."""
        if scheduler_output.scheduled_spec_decode_tokens:
            self._see_drafts(scheduler_output, model_runner_output)
        return super().update_from_output(scheduler_output, model_runner_output)

    def _see_drafts(self, step: SchedulerOutput, sampled: ModelRunnerOutput) -> None:
        tokens, places = sampled.sampled_token_ids, sampled.req_id_to_index
        for name, drafts in step.scheduled_spec_decode_tokens.items():
            worth = self._worth.get(name)
            if worth is not None and tokens and (found := len(tokens[places[name]])):
                worth.saw(len(drafts), found - 1)

    def _free_request(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Forget a request that has ended, however it did."""
        self._worth.pop(request.request_id, None)
        return super()._free_request(request, *args, **kwargs)
