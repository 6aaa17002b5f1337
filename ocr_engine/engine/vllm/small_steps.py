"""Decode steps of few pages, launched at once: two CUDA graphs around the model's own.

vLLM's V2 runner prepares a step and samples from it in some hundred small launches, which take its process
4 to 7 ms. With few pages in flight the card is done in 1 to 4: small cards, a single page and the end of
every run wait for the host. So steps that only decode keep those launches as graphs, if they are small
(`step_plans`). What they launch is vLLM's own code, called with sizes a little larger: rows that are left
over belong to a request slot that nobody has, made so that nothing is written for it (`step_inputs`).
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch

from ocr_engine.engine.vllm.fixed_places import fix
from ocr_engine.engine.vllm.replayed import Replayed
from ocr_engine.engine.vllm.step_inputs import StepInputs
from ocr_engine.engine.vllm.step_plans import Plan, Planner, Shape

BACKENDS = {"FLASH_ATTN"}
"""vLLM's attention that prepares a step on the device alone; FlashInfer, for one, plans it on the host."""


@dataclass(frozen=True, slots=True)
class Begun:
    """In the place of vLLM's state between the two halves of a step."""

    plan: Plan
    hidden: torch.Tensor
    batch: Any


class SmallSteps:
    """Those of one runner."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        sampler = runner.sampler
        fix(runner.req_states, runner.block_tables, sampler.sampling_states, *sampler.logits_processors)
        self.planner, self._inputs = Planner(runner), StepInputs(runner)
        self._halves: dict[Shape, tuple[Replayed[Any], Replayed[Any]]] = {}
        self._copied: Any = None
        """When the tokens of the last step are on the host."""

    def begin(self, step: Any, plan: Plan) -> Begun:
        """The first half of a step: its inputs, then the model."""
        self._take_in(step)
        if self._copied is not None:
            torch.cuda.current_stream().wait_event(self._copied)  # the next graph overwrites what is copied
        self._inputs.send(plan)
        inputs, _ = self._halves.setdefault(plan.shape, (Replayed(), Replayed()))
        batch, attention = inputs(lambda: self._inputs.prepare(step, plan))
        return Begun(plan, self.compute(plan, batch, attention), batch)

    def _take_in(self, step: Any) -> None:
        """What vLLM's own step begins with, but for new requests, of which there are none."""
        runner = self._runner
        runner.finish_requests(step)
        runner.free_states(step)
        runner.update_requests(step)
        # From vLLM 0.33 on a step says whose pixels may be forgotten.
        for name, updates in getattr(step, "encoder_input_updates", {}).items():
            runner.encoder_cache.update_encoder_inputs(name, updates)
        if any(blocks is not None for blocks in step.scheduled_cached_reqs.new_block_ids):
            runner.block_tables.apply_staged_writes()

    def compute(self, plan: Plan, batch: Any, attention: Any) -> torch.Tensor:
        """The model's hidden states: (rows or more, width)."""
        hidden: torch.Tensor = self._runner.cudagraph_manager.run_fullgraph(plan.graph)
        return hidden

    def end(self, begun: Begun) -> Any:
        """The second half of a step: its tokens, on their way to the host, and the next drafts."""
        runner, plan = self._runner, begun.plan
        _, sampling = self._halves[plan.shape]
        output, sampled = sampling(lambda: self._sample(begun.hidden, begun.batch))
        result = self._on_its_way(plan, output, sampled)
        if begun.hidden.is_cuda:
            self._copied = result.copy_event
        if runner.num_speculative_steps:
            told = SimpleNamespace(req_ids=plan.ids, has_structured_output_reqs=False)
            runner.draft_tokens_handler.set_draft_tokens(told, runner.req_states.draft_tokens)
        return result

    def _sample(self, hidden: torch.Tensor, batch: Any) -> tuple[Any, torch.Tensor]:
        """What vLLM's sampler gives, and how many tokens of each request; the runner's state goes on."""
        runner = self._runner
        output, sampled, rejected = runner.sample(hidden, batch, None)
        runner.postprocess_sampled(
            batch.idx_mapping, output.sampled_token_ids, sampled, rejected, batch.query_start_loc
        )
        if runner.speculator is not None:
            drafts = runner.speculator.propose(batch, None, None, hidden, None, sampled)
            runner.req_states.draft_tokens[batch.idx_mapping] = drafts
        return output, sampled

    def _on_its_way(self, plan: Plan, output: Any, sampled: torch.Tensor) -> Any:
        """vLLM's answer of a step, without the rows that nobody has."""
        from ocr_engine.engine.vllm.internals import ModelRunnerOutput, gpu_model_runner

        count = len(plan.ids)
        return gpu_model_runner.AsyncOutput(
            model_runner_output=ModelRunnerOutput(
                req_ids=list(plan.ids),
                req_id_to_index={name: place for place, name in enumerate(plan.ids)},
                sampled_token_ids=[],
                prompt_logprobs_dict={},
            ),
            sampler_output=replace(output, sampled_token_ids=output.sampled_token_ids[:count]),
            num_sampled_tokens=sampled[:count],
            main_stream=self._runner.main_stream,
            copy_stream=self._runner.output_copy_stream,
            check_ep_fault=False,
            pending_aux_output=None,
        )


def install() -> None:
    """Change vLLM's runner. For the worker's process, before its runner is made."""
    from ocr_engine.engine.vllm.internals import GPUModelRunner

    usual_begin, usual_end = GPUModelRunner.execute_model, GPUModelRunner.sample_tokens

    # Named as in vLLM, which `contract` looks at.
    @torch.inference_mode()
    def execute_model(
        self: Any,
        scheduler_output: Any,
        intermediate_tensors: Any = None,
        dummy_run: bool = False,
        *args: Any,
        **more: Any,
    ) -> Any:
        steps = None if dummy_run else _steps_of(self)
        plan = steps and steps.planner.plan(scheduler_output)
        if not steps or not plan:
            return usual_begin(self, scheduler_output, intermediate_tensors, dummy_run, *args, **more)
        self.execute_model_state = steps.begin(scheduler_output, plan)
        return None

    @torch.inference_mode()
    def sample_tokens(self: Any, grammar_output: Any) -> Any:
        begun, steps = self.execute_model_state, _steps_of(self)
        if not steps or not isinstance(begun, Begun):
            return usual_end(self, grammar_output)
        self.execute_model_state = None
        return steps.end(begun)

    GPUModelRunner.execute_model = execute_model
    GPUModelRunner.sample_tokens = sample_tokens


_STEPS: weakref.WeakKeyDictionary[Any, SmallSteps | None] = weakref.WeakKeyDictionary()


def _steps_of(runner: Any) -> SmallSteps | None:
    if runner not in _STEPS:
        _STEPS[runner] = SmallSteps(runner) if is_possible(runner) else None
    return _STEPS[runner]


def is_possible(runner: Any) -> bool:
    """Whether the engine is started such that its steps are as these know them: pages on one GPU."""
    config, sampler = runner.vllm_config, runner.sampler
    backends = {group.backend.get_name() for groups in runner.attn_groups for group in groups}
    return not (
        backends - BACKENDS
        or config.parallel_config.world_size > 1
        or config.parallel_config.data_parallel_size > 1
        or config.kv_transfer_config
        or config.ec_transfer_config
        or config.lora_config
        or runner.model_config.rswa_window is not None
        or runner.model_config.enable_prompt_embeds
        or runner.pcp_manager
        or runner.ubatch_runner
        or runner.fast_prefill
        or runner.adaptive_verification
        or runner.aux_output_connector
        or runner.pooling_runner
        or sampler.compute_nans
        or sampler.return_sampling_mask
        or sampler.trace_replay_state
    )
