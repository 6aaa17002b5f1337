"""Tokens of an answer given out by the dozen, and until then taken in without a message for each.

vLLM sends every token on its own to the main process, which at 26,000 tokens a second is most of what that
process does; and what it does for the message of a token takes longer than what it does for the token.
`bench/log.md` has the numbers.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ocr_engine.engine.vllm.internals import (
    EngineCoreOutput,
    EngineCoreOutputs,
    ModelRunnerOutput,
    Request,
    SchedulerOutput,
)
from ocr_engine.engine.vllm.scheduler_drafts import DraftScheduler
from ocr_engine.engine.vllm.scores import StepScores, as_message
from ocr_engine.engine.vllm.shortcuts import HELD_TOKENS, SCORES, SHORTCUTS, SHORTCUTS_KEY


@dataclass(slots=True)
class Held:
    """Tokens of a request that were not given out yet, and what ends its answer."""

    interval: int
    stop_ids: frozenset[int] = frozenset()
    most_tok: int = 0
    """The answer ends with this token at the latest; 0 for a request that vLLM must look at each time."""
    token_ids: list[int] = field(default_factory=list)
    scores: list[float] | None = None
    """The log-probability of each; None for a request that asks for none."""

    def add(self, token_ids: Sequence[int], scores: Sequence[float]) -> None:
        """Hold some more."""
        self.token_ids += token_ids
        if self.scores is not None:
            self.scores += scores

    def give(self, output: EngineCoreOutput) -> None:
        """Put all that is held into a message, and hold nothing."""
        output.new_token_ids, self.token_ids = self.token_ids, []
        if self.scores is not None:
            output.new_logprobs, self.scores = as_message(output.new_token_ids, self.scores), []


class TokenScheduler(DraftScheduler):
    """vLLM's, which holds tokens until a request has as many as its `stream_interval` says, or ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: dict[str, Held] = {}
        allowed = self.vllm_config.additional_config.get(SHORTCUTS_KEY, SHORTCUTS)
        self._may_hold, self._may_hold_scores = HELD_TOKENS in allowed, SCORES in allowed
        self._may_take_in = self._may_hold and self._nobody_else_looks()

    def _nobody_else_looks(self) -> bool:
        """Whether a token is of no interest to any other part of vLLM."""
        return (
            not self.kv_cache_manager.enable_caching
            and self.connector is None
            and self.ec_connector is None
            and self.aux_output_connector is None
            and not self.return_sampling_mask
            and self.num_sampled_tokens_per_step == 1
        )

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """The outputs of a step, less those of requests that have too few new tokens yet.

        A client that had requests in the step hears of it also where no output is left: its watchdog counts.
        """
        if not self._may_hold:
            return super().update_from_output(scheduler_output, model_runner_output)
        left, clients = self._take_in(scheduler_output, model_runner_output)
        by_client = super().update_from_output(left, model_runner_output)
        for client in by_client.values():
            client.outputs = [whole for output in client.outputs if (whole := self._collect(output))]
        for index in clients - by_client.keys():
            by_client[index] = EngineCoreOutputs(outputs=[])
        return by_client

    def _take_in(self, step: SchedulerOutput, sampled: ModelRunnerOutput) -> tuple[SchedulerOutput, set[int]]:
        """Note the tokens that end nothing and are held; what is left of the step, and their clients."""
        clients: set[int] = set()
        tokens, places = sampled.sampled_token_ids, sampled.req_id_to_index
        if not self._may_take_in or not tokens or sampled.num_nans_in_logits is not None:
            return step, clients
        left: dict[str, int] = {}
        drafts = step.scheduled_spec_decode_tokens
        scores = StepScores(sampled.logprobs) if self._may_hold_scores and sampled.logprobs else None
        for name, count in step.num_scheduled_tokens.items():
            held, request = self._held.get(name), self.requests.get(name)
            decodes = count == 1 or count == 1 + len(drafts.get(name, ()))
            if held and request and decodes and _take(request, held, tokens[places[name]], count):
                if held.scores is not None and scores is not None:
                    held.scores += scores.of(places[name], len(tokens[places[name]]))
                clients.add(request.client_index)
            else:
                left[name] = count
        rest = copy.copy(step)
        rest.num_scheduled_tokens = left
        return rest, clients

    def _collect(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """The output with all tokens held back of its request, or None where they go on being held back."""
        name = output.request_id
        held = self._held.get(name)
        ended = output.finish_reason is not None
        if held is None and ended:
            return output
        if held is None:
            held = self._held[name] = self._new_held(name)
        held.add(output.new_token_ids, _scores_of(output))
        if len(held.token_ids) < held.interval and not ended:
            return None
        held.give(output)
        if ended:
            del self._held[name]
        return output

    def _new_held(self, name: str) -> Held:
        """As the request says; one token at a time where it says nothing, or wants more than tokens."""
        request: Request | None = self.requests.get(name)
        params = request.sampling_params if request is not None else None
        scored = params is not None and params.logprobs == 0 and self._may_hold_scores
        if request is None or params is None or not (params.logprobs is None or scored):
            return Held(1)
        interval = params.stream_interval or 1
        scores: list[float] | None = [] if scored else None
        if params.repetition_detection is not None or request.structured_output_request is not None:
            return Held(interval, scores=scores)
        stop_ids = {*(params.stop_token_ids or ()), params.eos_token_id} - {None}
        most_tok = min(request.max_tokens, self.max_model_len - request.num_prompt_tokens)
        return Held(interval, frozenset(stop_ids), most_tok, scores=scores)

    def finish_requests(self, request_ids: Any, *args: Any, **kwargs: Any) -> Any:
        """Forget what was held back of requests that are aborted."""
        finished = super().finish_requests(request_ids, *args, **kwargs)
        for request in finished:
            self._held.pop(request.request_id, None)
        return finished


def _scores_of(output: EngineCoreOutput) -> Sequence[float]:
    """The log-probabilities of a message's tokens; nothing where it has none."""
    found = output.new_logprobs
    values: list[float] = [] if found is None else found.logprobs[:, 0].tolist()
    return values


def _take(request: Request, held: Held, found: list[int], scheduled: int) -> bool:
    """Take in a step's new tokens if they neither end the answer nor complete a message; whether it was.

    Of the tokens `scheduled` all but the first were drafts; those that are not among the new were refused.
    """
    count = len(found)
    if (
        not 0 < count <= scheduled
        or len(held.token_ids) + count >= held.interval
        or request.num_output_tokens + count >= held.most_tok
        or not held.stop_ids.isdisjoint(found)
        or request.num_stale_output_tokens
    ):
        return False
    if scheduled > 1 and (metrics := request.spec_decode_metrics) is not None:
        metrics.observe(scheduled - 1, count - 1)
    request.append_output_token_ids(found)
    request.num_in_flight_tokens -= scheduled
    request.num_output_placeholders -= scheduled
    request.num_computed_tokens -= scheduled - count
    held.token_ids += found
    return True
