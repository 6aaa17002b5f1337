"""One reading of `proofs.drafts`: vLLM's V2 runner in this process, step by step, on a CPU."""

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fixtures import interpreter
from ocr_engine.families import FAMILIES, OCR
from proofs.draft_pages import NANO, WIDER, Answered, Kind, answers_in, sent, todo

DRAFTS = 8
IN_FLIGHT, CHUNK_TOK, CANCEL_TOK = 16, 192, 12
LEFT, WHOLE_TOK, SMALL_REQUESTS = 3, 2048, 6
"""In waves: pages of one that are left when the next comes, tokens that a step may take in, and pages of a
small step: so few that all slots are given away in between, also the one that nobody has in a small step.
"""
WINDOW_TOK = 8
"""Of a model with a window over its answer: less than its own, so that answers go past it."""
ENVIRONMENT = {
    "VLLM_USE_V2_MODEL_RUNNER": "1",
    "TRITON_INTERPRET": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "OMP_NUM_THREADS": "1",
}
"""What a reading's process is started with."""
SMALL: Counter[Any] = Counter()
"""Steps that `small_steps` took, by their shape."""


@dataclass(slots=True)
class _Open:
    """A request on its way."""

    kind: Kind
    page: Any
    answer: Any
    ids: list[int]
    first: Answered | None = None
    """What was said when the page was asked for before."""


class Reading:
    """Reads the pages in this process, without drafts where no answers are stored."""

    def __init__(self, args: argparse.Namespace, stored: dict[str, Answered], written: Path) -> None:
        _interpret()
        from ocr_engine.engine.prompts import PromptEncoder

        self._args, self._stored, self._written = args, stored, written
        model = _checkpoint(args.family)
        self._prompts = PromptEncoder(model, ["<td>", "</td>"])
        self._loop_ids = self._prompts.encode("<image> the page")[2:4]
        self._open: dict[str, _Open] = {}
        windowed = bool(FAMILIES[args.family].window_tok)
        if windowed:
            _attend_as_a_gpu()
        if not stored:
            _leave_all_steps_to_vllm()
        if args.waves:
            _take_few_pages()
        step_tok = WHOLE_TOK if args.waves else CHUNK_TOK
        self._engine = _engine(model, self._prompts, DRAFTS if stored else 0, step_tok, windowed=windowed)
        self._counts = _counted(self._engine.engine_core.engine_core.scheduler)
        _keep_features(written.parent / "features")

    def read(self) -> None:
        """Read what is not there yet, and write each answer down when it ends.

        Loops come last: a step with one of them has restricted logits, so it is none of `small_steps`.
        """
        for loops in (False, True):
            self._read(todo(self._args, self._stored, answers_in(self._written), loops=loops))
        print(f"{self._written.stem}: {SMALL.total()} small steps of {len(SMALL)} shapes", flush=True)

    def _read(self, pages: Iterator[tuple[str, Kind, Any]]) -> None:
        while True:
            if not self._args.waves or len(self._open) <= LEFT:
                while len(self._open) < IN_FLIGHT + 2 and (new := next(pages, None)):
                    self._ask(*new)
            if not self._open:
                return
            for output in self._engine.step():
                self._take(output)

    def _ask(self, name: str, kind: Kind, page: Any, first: Answered | None = None) -> None:
        from ocr_engine.engine.answer import TokenAnswer

        allowed = self._loop_ids if kind is Kind.LOOP else None
        self._engine.add_request(name, *sent(self._prompts, page, self._args.tokens, allowed))
        answer = TokenAnswer(self._prompts, None, abort_loops=True)
        self._open[name] = _Open(kind, page, answer, [], first)

    def _take(self, output: Any) -> None:
        one = self._open.get(output.request_id)
        if one is None:
            return
        new, how = list(output.outputs[0].token_ids), output.outputs[0].finish_reason or ""
        one.ids += new
        one.answer.add(new, how or None)
        if one.answer.loop is not None:
            how = "loop"
        elif one.kind is Kind.CANCELLED and len(one.ids) >= CANCEL_TOK:
            how = "cancelled"
        if how and not output.finished:
            self._engine.abort_request([output.request_id])
        if how:
            self._end(output.request_id, how)

    def _end(self, name: str, how: str) -> None:
        one, steps = self._open.pop(name), self._counts.pop(name)
        decoded = [drafted for drafted in steps if drafted >= 0]
        text, prompt_steps = one.answer.end()[0], len(steps) - len(decoded)
        found = Answered(one.kind, one.ids, text, how, len(decoded), sum(decoded), prompt_steps)
        if one.kind is Kind.AGAIN and one.first is None:
            size, window = WIDER
            draft = self._prompts.draft(text) if self._stored else b""
            self._ask(
                f"{name}+",
                one.kind,
                replace(one.page, ngram_size=size, ngram_window=window, draft=draft),
                found,
            )
            return
        lines = {name.removesuffix("+"): one.first, name: found} if one.first else {name: found}
        with self._written.open("a") as file:
            file.writelines(json.dumps([key, asdict(value)]) + "\n" for key, value in lines.items())


def _checkpoint(family: str) -> Path:
    if family == OCR:
        return NANO
    from fixtures.checkpoints import write_checkpoint

    folder = write_checkpoint(Path(tempfile.mkdtemp(prefix="proof-")), family)
    config = json.loads((folder / "config.json").read_text())
    if "rswa_window" in config:
        (folder / "config.json").write_text(json.dumps(config | {"rswa_window": WINDOW_TOK}))
    return folder


def _attend_as_a_gpu() -> None:
    """Have vLLM's Triton kernel attend, where a model has a window over its answer."""
    import torch
    from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend

    from ocr_engine.engine.vllm import unlimited_ocr

    # Asked for the size of a kernel's tiles.
    torch.cuda.get_device_capability = lambda *_: (9, 0)
    path = "vllm.v1.attention.backends.triton_attn.TritonAttentionBackend"
    unlimited_ocr._stand_in = lambda _: register_backend(AttentionBackendEnum.CPU_ATTN, path)


def _engine(model: Path, prompts: Any, drafts: int, step_tok: int, *, windowed: bool) -> Any:
    from vllm import LLM

    from ocr_engine.config import EngineConfig
    from ocr_engine.engine.sizes import EngineSizes
    from ocr_engine.engine.vllm.args import engine_args

    sizes = EngineSizes("float32", 2048, IN_FLIGHT, step_tok, 1 << 29, 1, drafts=drafts)
    words = engine_args(EngineConfig(drafts="always"), model, sizes, gpu=True, phrases=prompts.phrases())
    words |= {"distributed_executor_backend": "uni", "enforce_eager": True, "async_scheduling": True}
    if windowed:
        # As on a GPU, so that blocks behind a window are freed.
        words["block_size"] = 16
    return LLM(**words).llm_engine


def _keep_features(folder: Path) -> None:
    """Have the encoder look at each view once in both readings: it is half of the time."""
    import torch

    from ocr_engine.model.vision_tower import VisionTower

    folder.mkdir(parents=True, exist_ok=True)

    def keeping(encode: Any) -> Any:
        def kept(self: Any, views: Any) -> list[Any]:
            return [one(self, view) for view in views]

        def one(self: Any, view: Any) -> Any:
            path = folder / hashlib.sha256(view.numpy().tobytes() + str(view.shape).encode()).hexdigest()
            if not path.is_file():
                torch.save(encode(self, [view])[0], path)
            return torch.load(path)

        return kept

    VisionTower.encode_views = keeping(VisionTower.encode_views)


def _interpret() -> None:
    """Have vLLM take Triton's interpreter for a CPU backend, and schedule ahead on a CPU too."""
    interpreter.allow()
    from vllm.platforms import current_platform

    kind = type(current_platform)
    usual = kind.check_and_update_config.__func__

    def ahead(cls: type, config: Any) -> None:
        usual(cls, config)
        config.scheduler_config.async_scheduling = True

    kind.check_and_update_config = classmethod(ahead)
    from vllm.v1.worker.gpu.sample import sampler

    # The same for greedy requests; interpreted, vLLM's kernel takes a tenth of a second for each token.
    sampler.gumbel_sample = lambda logits, *_, **__: logits.argmax(dim=-1)
    _take_small_steps()


def _leave_all_steps_to_vllm() -> None:
    from ocr_engine.engine.vllm import small_steps

    small_steps.is_possible = lambda _: False


def _take_few_pages() -> None:
    from ocr_engine.engine.vllm import step_plans

    step_plans.MOST_REQUESTS = SMALL_REQUESTS


def _take_small_steps() -> None:
    """Have small steps computed as on a GPU before they are captured; the model has no graphs here."""
    from vllm.config import CUDAGraphMode
    from vllm.forward_context import set_forward_context
    from vllm.v1.worker.gpu.attn_utils import build_slot_mappings_by_layer
    from vllm.v1.worker.gpu.cudagraph_utils import BatchExecutionDescriptor

    from ocr_engine.engine.vllm import small_steps
    from ocr_engine.engine.vllm.step_plans import Planner, Shape

    def no_graph(_: Planner, shape: Shape) -> Any:
        return BatchExecutionDescriptor(CUDAGraphMode.NONE, shape.rows, shape.requests)

    def called(steps: Any, plan: Any, batch: Any, attention: Any) -> Any:
        SMALL[plan.shape] += 1
        _check_nobody(steps._inputs._nobody, steps._runner.req_states, plan)
        runner, (metadata, places) = steps._runner, attention
        layers = build_slot_mappings_by_layer(places, runner.kv_cache_config)
        with set_forward_context(metadata, runner.vllm_config, plan.shape.rows, slot_mapping=layers):
            return runner.model(
                input_ids=None,
                positions=batch.positions,
                intermediate_tensors=None,
                inputs_embeds=runner.model_state.dummy_inputs_embeds(plan.shape.rows),
            )

    Planner.model_graph, small_steps.SmallSteps.compute = no_graph, called
    small_steps.BACKENDS.add("CPU_ATTN")


def _check_nobody(slot: int, states: Any, plan: Any) -> None:
    """That nothing was ever written for the slot that nobody has."""
    if plan.shape.requests > len(plan.ids):
        assert slot in states.free_indices, slot
        assert not states.total_len.gpu[slot], slot
        assert not states.num_computed_tokens.gpu[slot], slot


def _counted(scheduler: Any) -> dict[str, list[int]]:
    """For each request and each of its steps the drafts verified; -1 for a step of its prompt."""
    counts: dict[str, list[int]] = {}
    schedule = scheduler.schedule

    def counting(*args: Any, **more: Any) -> Any:
        step = schedule(*args, **more)
        for name, count in step.num_scheduled_tokens.items():
            drafted = len(step.scheduled_spec_decode_tokens.get(name, ()))
            # vLLM adds to a request's name.
            counts.setdefault(name.rpartition("-")[0], []).append(drafted if count == 1 + drafted else -1)
        return step

    scheduler.schedule = counting
    return counts
