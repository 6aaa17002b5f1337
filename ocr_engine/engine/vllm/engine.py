"""The vLLM engine: one request a page, greedy, n-gram guarded. vLLM is imported when it starts."""

import asyncio
import contextlib
import gc
import itertools
import shutil
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ocr_engine.config import EngineConfig
from ocr_engine.engine import log_folder, self_test
from ocr_engine.engine.answer import TokenAnswer, answer_room
from ocr_engine.engine.base import EngineInfo, OnText, vision_tokens_of
from ocr_engine.engine.checkpoint import Checkpoint, resolve
from ocr_engine.engine.devices import cuda_gpu_visible
from ocr_engine.engine.draft_args import draft_args
from ocr_engine.engine.guard_args import guard_args
from ocr_engine.engine.lora import LORA_KEY, with_adapter
from ocr_engine.engine.prompts import TOKENIZER, PromptEncoder
from ocr_engine.engine.sizes import EngineSizes, choose_sizes, slow_start_warning
from ocr_engine.engine.vllm import contract, process, scores
from ocr_engine.engine.vllm.args import check_platform, engine_args
from ocr_engine.engine.vllm.outputs import collect, our_errors
from ocr_engine.engine.vllm.shortcuts import SCORES
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import FAMILIES
from ocr_engine.log import logger
from ocr_engine.records import Generation, GenerationRequest


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything known before vLLM is imported."""

    checkpoint: Checkpoint
    sizes: EngineSizes
    gpu: bool


class VllmEngine:
    """Serves any number of concurrent `generate` calls; vLLM batches them."""

    def __init__(self, config: EngineConfig, threads: int = 0, *, scores: bool = False) -> None:
        """With `threads`, so many on a CPU instead of those of `choose_sizes`.

        `scores` makes requests that ask for token probabilities as fast as others; each may ask either way.
        """
        self._config = config
        self._threads = threads
        self._scores = scores
        self._plan: _Plan | None = None
        self._prompts: PromptEncoder | None = None
        self._llm: Any = None
        self._folder: Path | None = None
        self._log = Path()
        self._failed = False
        self._numbers = itertools.count()
        self._steps = process.StepCounter()
        self._start = process.Start()

    def identify(self) -> EngineInfo:
        """Find and check the checkpoint; downloads it where it is a hub id that is new here."""
        plan = self._planned()
        checkpoint, sizes = plan.checkpoint, plan.sizes
        return EngineInfo(
            model=checkpoint.name,
            reason=checkpoint.reason,
            dtype=sizes.dtype,
            max_model_len=sizes.max_model_len,
            capacity=sizes.capacity,
            model_id=checkpoint.model_id,
            family=checkpoint.family,
            revision=checkpoint.revision,
            tokenizer=str(checkpoint.folder / TOKENIZER) if sizes.drafts else None,
        )

    def _planned(self) -> _Plan:
        if self._plan is None:
            gpu = cuda_gpu_visible()
            check_platform(self._config, gpu=gpu)
            checkpoint = resolve(self._config.model, self._config.revision)
            checkpoint = with_adapter(checkpoint, self._config.lora)
            sizes = choose_sizes(self._config, checkpoint, gpu=gpu)
            self._plan = _Plan(checkpoint, replace(sizes, threads=self._threads or sizes.threads), gpu)
        return self._plan

    @property
    def steps(self) -> int:
        """Steps of vLLM's scheduler that gave anything, for a watchdog."""
        return self._steps.value

    async def start(self) -> None:
        """Start vLLM's processes; the event loop stays free meanwhile.

        Raises:
            EngineError: our plug-in is missing here; it did not start within `engine.start_timeout_s`, or
                at all; or it fails its self-test.
        """
        await asyncio.to_thread(process.check_plugin)
        plan = await asyncio.to_thread(self._planned)
        if warning := slow_start_warning(plan.checkpoint, gpu=plan.gpu):
            logger.warning(warning)
        self._prompts = PromptEncoder(plan.checkpoint.folder, self._config.ngram.whitelist)
        self._folder = log_folder.new_folder()
        self._log = process.set_environment(self._folder, plan.sizes.threads, gpu=plan.gpu)
        start = asyncio.create_task(asyncio.to_thread(self._start.run, partial(self._load, plan)))
        try:
            await asyncio.wait_for(asyncio.shield(start), self._config.start_timeout_s)
        except TimeoutError:
            self._start.abandon()
            self._failed = True
            raise EngineError(
                f"the engine did not start within {self._config.start_timeout_s:g} s;"
                f" raise engine.start_timeout_s, or see the log: {self._log}"
            ) from None
        except asyncio.CancelledError:
            self._start.abandon()
            raise
        except Exception as error:  # whatever vLLM raises ends in one line for the user; the log has the rest
            self._failed = True
            cause = process.why_failed(error, self._log)
            raise EngineError(f"the engine did not start: {cause}") from error
        await self._check_itself(plan.checkpoint)

    async def _check_itself(self, checkpoint: Checkpoint) -> None:
        assert self._prompts is not None
        started_s = time.perf_counter()
        # Rounded weights may answer otherwise, and be right.
        exact = not (self._config.quantization or self._config.kv_cache_dtype != "auto")
        golden = self_test.read_golden(checkpoint.folder, checkpoint.model_id) if exact else None
        await self_test.check_engine(self._ask, self._prompts, checkpoint.family, golden)
        if self._planned().sizes.drafts:
            await self_test.warm_up(self._ask, self._prompts, checkpoint.family)
        logger.debug("self-test passed in %.1f s", time.perf_counter() - started_s)

    async def _ask(
        self,
        request: GenerationRequest,
        allowed: Collection[int] = (),
        bias: Mapping[int, float] | None = None,
    ) -> self_test.Reply:
        """A test's request: sampled as a page's, but of the tokens allowed, or with numbers on their logits.

        vLLM refuses `bias` where there are drafts.
        """
        prompt, prompt_tokens = self._prompt(request)
        sampling = self._sampling(request, prompt_tokens, streamed=False)
        sampling.allowed_token_ids = list(allowed) or None
        sampling.logit_bias = dict(bias or {}) or None
        async with contextlib.aclosing(self._outputs(prompt, sampling, request.request_id)) as outputs:
            (output,) = [output async for output in outputs]
        return self_test.Reply(list(output.prompt_token_ids), list(output.outputs[0].token_ids))

    def _load(self, plan: _Plan) -> None:
        from ocr_engine.engine.vllm.internals import AsyncEngineArgs, AsyncLLM

        # Not returned: an idle pool thread would keep a returned object alive.
        contract.warn_of_version()
        shortcuts = contract.safe_shortcuts() if plan.gpu else ()
        assert self._prompts is not None
        args = engine_args(
            self._config,
            plan.checkpoint.folder,
            plan.sizes,
            gpu=plan.gpu,
            pages=FAMILIES[plan.checkpoint.family].max_pages,
            shortcuts=shortcuts,
            phrases=self._prompts.phrases() if plan.sizes.drafts else (),
            scores=self._scores,
        )
        if self._scores and SCORES in shortcuts:
            scores.install_in_front_end()
        if plan.checkpoint.lora:
            args["additional_config"] = args.get("additional_config", {}) | {LORA_KEY: plan.checkpoint.lora}
        if self._start.abandoned:
            return
        self._llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**args))
        self._steps.attach(self._llm.engine_core)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The model's answer for one page; see `Engine.generate`, which also says what it raises."""
        if self._llm is None or self._prompts is None:
            raise EngineError("the engine is not running")
        started_s = time.perf_counter()
        prompt, prompt_tokens = self._prompt(request)
        streamed = request.abort_loops or on_text is not None
        sampling = self._sampling(request, prompt_tokens, streamed=streamed)
        answer = TokenAnswer(self._prompts, on_text, abort_loops=request.abort_loops)
        outputs = self._outputs(prompt, sampling, request.request_id)
        drafted_tok = accepted_tok = 0
        try:
            drafted_tok, accepted_tok = await collect(outputs, answer, prompt_tokens)
        except RequestError as error:
            answer.failed(error)
        text, output_tokens = answer.end()
        found = await asyncio.to_thread(answer.scores, text) if request.scores else None
        return Generation(
            text=text,
            finish_reason=answer.finish_reason,
            prompt_tokens=prompt_tokens,
            vision_tokens=vision_tokens_of(request, self._planned().checkpoint.family),
            output_tokens=output_tokens,
            seconds=time.perf_counter() - started_s,
            loop=answer.loop,
            drafted_tok=drafted_tok,
            accepted_tok=accepted_tok,
            scores=found,
        )

    def _prompt(self, request: GenerationRequest) -> tuple[dict[str, Any], int]:
        """What vLLM is given for the pages of a request, and the tokens it makes of it."""
        from ocr_engine.engine.vllm.view_tensors import tensors_of

        assert self._prompts is not None
        pages = request.all_views
        ids = self._prompts.encode(request.prompt, len(pages))
        tokens = len(ids) - len(pages) + vision_tokens_of(request, self._planned().checkpoint.family)
        return {"prompt_token_ids": ids, "multi_modal_data": {"image": tensors_of(*pages)}}, tokens

    def _sampling(self, request: GenerationRequest, prompt_tokens: int, *, streamed: bool) -> Any:
        from ocr_engine.engine.vllm.internals import RequestOutputKind, SamplingParams

        assert self._prompts is not None
        longest = self._planned().sizes.max_model_len
        return SamplingParams(
            temperature=request.temperature,
            seed=0 if request.temperature > 0 else None,
            max_tokens=answer_room(request.max_tokens, prompt_tokens, longest, "engine.max_model_len"),
            stop_token_ids=[self._prompts.eos_id],
            detokenize=False,
            output_kind=RequestOutputKind.DELTA if streamed else RequestOutputKind.FINAL_ONLY,
            stream_interval=request.stream_interval,
            # Of the token that was sampled, and of no other.
            logprobs=0 if request.scores else None,
            flat_logprobs=request.scores,
            extra_args=guard_args(request.ngram_size, request.ngram_window, self._prompts.whitelist_ids)
            | self._draft(request),
        )

    def _draft(self, request: GenerationRequest) -> dict[str, Any]:
        assert self._prompts is not None
        if not self._planned().sizes.drafts:
            return {}
        draft = request.draft
        return draft_args(self._prompts.draft(draft) if isinstance(draft, str) else draft)

    async def _outputs(
        self, prompt: dict[str, Any], sampling: Any, request_id: str
    ) -> AsyncGenerator[Any, None]:
        """vLLM's outputs, its errors as ours. Closed early, it aborts the request."""
        outputs = self._llm.generate(prompt, sampling, f"{next(self._numbers)}-{request_id}")
        with our_errors(self._died):
            async with contextlib.aclosing(outputs):
                async for output in outputs:
                    yield output

    def _died(self, error: Exception) -> EngineError:
        self._failed = True
        return EngineError(f"the engine died: {process.why_failed(error, self._log)}")

    async def stop(self) -> None:
        """End vLLM's processes and remove the log, which is kept where something failed."""
        llm, self._llm = self._llm, None
        if llm is None:
            process.kill_engine_processes()
            self._remove_log()
            return
        if llm.output_handler is not None:
            # Cancelled first: it would report the end of the engine as its death.
            llm.output_handler.cancel()
            await asyncio.wait([llm.output_handler])
        await asyncio.to_thread(llm.shutdown)
        # vLLM closes its sockets in a callback of this loop, but never their context.
        await asyncio.sleep(0)
        llm.engine_core.resources.ctx.destroy(linger=0)
        process.kill_engine_processes()
        del llm
        # vLLM's object lives in reference cycles, and its finaliser fails in a dying interpreter.
        gc.collect()
        self._remove_log()

    def _remove_log(self) -> None:
        if self._folder is not None and not self._failed:
            process.clear_environment(self._log)
            shutil.rmtree(self._folder, ignore_errors=True)
