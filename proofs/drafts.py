"""`python -m proofs.drafts`: answers with drafts are the answers without, on vLLM's V2 runner without a GPU.

Nano in float32 on a CPU, Triton's interpreter in the place of a compiler: slow and exact. The pages are read
twice, each time by a process of its own, asynchronously as on a GPU: without drafts, then with. Every prompt
is computed in chunks. The last digit of a page's number says what else is special about it (`Kind`): without
a draft beside others, under a guard so narrow that it changes the answer, cancelled on the way, in a loop,
asked again, with a stored answer full of errors for a draft. Exit code 1 where an answer differs.
With `--keep FOLDER` a reading that was killed goes on, and both read the encoder's features from there.

`--family` takes a small checkpoint with random weights in nano's place. Its answers are noise, so all drafts
are stored answers with errors.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ocr_engine.families import FAMILIES, OCR

ROOT = Path(__file__).parents[1]
NANO = ROOT / "ocr_engine/model/nano"
GUARD, NARROW, WIDER = (20, 50), (3, 90), (6, 256)
DRAFTS = 8
IN_FLIGHT, CHUNK_TOK, LOOP_TOK, CANCEL_TOK = 16, 192, 96, 12
WRONG = 0.175
"""The share of a stored answer's tokens that are made wrong: as many as a real layer's are."""
_ENVIRONMENT = {
    "VLLM_USE_V2_MODEL_RUNNER": "1",
    "TRITON_INTERPRET": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "OMP_NUM_THREADS": "1",
}


class Kind(StrEnum):
    """What is special about a page."""

    USUAL = "as usual"
    MIXED = "without a draft, beside others"
    NARROW = "under a guard that changes the answer"
    CANCELLED = "cancelled on the way"
    LOOP = "in a loop, found and cut"
    AGAIN = "asked again, the first answer for a draft"
    STORED = "a stored answer with errors for a draft"


_KINDS = {1: Kind.MIXED, 3: Kind.NARROW, 5: Kind.CANCELLED, 7: Kind.AGAIN, 8: Kind.STORED}


def kind_of(number: int) -> Kind:
    """The kind of the page with this number, from 0."""
    return Kind.LOOP if number == 2 else _KINDS.get(number % 10, Kind.USUAL)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's token ids and what is kept of them; its decode steps, and the drafts verified in them."""

    kind: Kind
    ids: list[int]
    text: str
    ended: str
    steps: int
    drafted: int
    prompt_steps: int

    def equals(self, other: "Answered") -> bool:
        """Whether both say the same. What was cancelled, or cut as a loop, may be cut at another token."""
        ids, others = self.ids, other.ids
        if self.kind in (Kind.CANCELLED, Kind.LOOP):
            least = min(len(ids), len(others))
            ids, others = ids[:least], others[:least]
        same_text = self.kind is Kind.CANCELLED or self.text == other.text
        return bool(ids) and ids == others and self.ended == other.ended and same_text


def main() -> int:
    """Both readings, compared; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m proofs.drafts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pdf", nargs="*", type=Path, default=[ROOT / "samples/handbook.pdf"])
    parser.add_argument("--pages", type=int, default=10, help="pages in all, from the PDFs in turn (10)")
    parser.add_argument("--tokens", type=int, default=60, help="tokens of an answer at most (60)")
    parser.add_argument("--mode", default="base")
    parser.add_argument("--family", choices=sorted(FAMILIES), default=OCR)
    parser.add_argument("--keep", type=Path, help="where answers are kept")
    parser.add_argument("--run", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        stored, written = args.run
        Reading(args, _answers(stored), written).read()
        return 0
    with tempfile.TemporaryDirectory() as usual:
        folder = args.keep or Path(usual)
        folder.mkdir(parents=True, exist_ok=True)
        plain = _apart(folder / "none", folder / "plain.jsonl")
        drafted = _apart(folder / "plain.jsonl", folder / "drafts.jsonl")
    return _compare(plain, drafted)


def _apart(stored: Path, written: Path) -> dict[str, Answered]:
    """A reading in a process of its own, with drafts where there are stored answers."""
    started = time.monotonic()
    words = [sys.executable, "-m", "proofs.drafts", *sys.argv[1:], "--run", str(stored), str(written)]
    with (log := written.with_suffix(".log")).open("w") as stderr:
        done = subprocess.run(words, env=os.environ | _ENVIRONMENT, stderr=stderr, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{written.name}: exit code {done.returncode}\n{log.read_text()[-4000:]}")
    answers = _answers(written)
    tokens, steps = sum(len(one.ids) for one in answers.values()), sum(one.steps for one in answers.values())
    print(
        f"{written.stem}: {tokens} tokens in {steps} steps of a page;"
        f" {sum(one.drafted for one in answers.values())} drafts;"
        f" {sum(one.prompt_steps > 1 for one in answers.values())} of {len(answers)} prompts in chunks;"
        f" {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return answers


def _answers(path: Path) -> dict[str, Answered]:
    lines = path.read_text().splitlines() if path.is_file() else []
    found = {name: one for name, one in map(json.loads, lines)}
    return {name: Answered(**(one | {"kind": Kind(one["kind"])})) for name, one in found.items()}


def _compare(plain: dict[str, Answered], drafted: dict[str, Answered]) -> int:
    different = [name for name in plain if not (name in drafted and plain[name].equals(drafted[name]))]
    for kind, count in Counter(one.kind for one in plain.values()).items():
        both = [(one, drafted[name]) for name, one in plain.items() if one.kind is kind and name in drafted]
        tokens, before, after = (
            sum(of(one) for one in both)
            for of in (lambda o: len(o[1].ids), lambda o: o[0].steps, lambda o: o[1].steps)
        )
        wrong = sum(name in different for name, one in plain.items() if one.kind is kind)
        print(
            f"{count:4} answers {kind}: {wrong} differ; {tokens / max(1, after):.2f} tokens a step,"
            f" {before} steps without drafts and {after} with"
        )
    print(f"different: {different}" if different else f"all {len(plain)} answers are the same with drafts")
    return int(bool(different) or len(plain) != len(drafted))


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
        self._engine = _engine(model, self._prompts, DRAFTS if stored else 0)
        self._counts = _counted(self._engine.engine_core.engine_core.scheduler)
        _keep_features(written.parent / "features")

    def read(self) -> None:
        """Read what is not there yet, and write each answer down when it ends."""
        todo = _todo(self._args, self._stored, _answers(self._written))
        while True:
            while len(self._open) < IN_FLIGHT + 2 and (new := next(todo, None)):
                self._ask(*new)
            if not self._open:
                return
            for output in self._engine.step():
                self._take(output)

    def _ask(self, name: str, kind: Kind, page: Any, first: Answered | None = None) -> None:
        from ocr_engine.engine.answer import TokenAnswer

        allowed = self._loop_ids if kind is Kind.LOOP else None
        self._engine.add_request(name, *_sent(self._prompts, page, self._args.tokens, allowed))
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

    return write_checkpoint(Path(tempfile.mkdtemp(prefix="proof-")), family)


def _engine(model: Path, prompts: Any, drafts: int) -> Any:
    from vllm import LLM

    from ocr_engine.config import EngineConfig
    from ocr_engine.engine.sizes import EngineSizes
    from ocr_engine.engine.vllm.args import engine_args

    sizes = EngineSizes("float32", 2048, IN_FLIGHT, CHUNK_TOK, 1 << 29, 1, drafts=drafts)
    words = engine_args(EngineConfig(), model, sizes, gpu=True, phrases=prompts.phrases())
    words |= {"distributed_executor_backend": "uni", "enforce_eager": True, "async_scheduling": True}
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


def _todo(
    args: argparse.Namespace, stored: dict[str, Answered], done: Collection[str]
) -> Iterator[tuple[str, Kind, Any]]:
    """The requests that are not done, each rendered when it is asked for."""
    for number, (pdf, index) in zip(range(args.pages), _pages(args.pdf), strict=False):
        kind, name = kind_of(number), f"{number}-{pdf.stem}-{index + 1}"
        if name in done:
            continue
        page = _request(args, pdf, index, NARROW if kind is Kind.NARROW else GUARD)
        if kind is Kind.LOOP:
            page = replace(page, ngram_size=0, ngram_window=0, max_tokens=LOOP_TOK)
        if not stored or kind is Kind.MIXED:
            page = replace(page, draft=b"")
        elif kind is Kind.STORED or args.family != OCR:
            page = replace(page, draft=_with_errors(stored[name].ids, number))
        yield name, kind, page


def _pages(pdfs: list[Path]) -> Iterator[tuple[Path, int]]:
    """The first pages of all PDFs, then the second ones, and so on; 0-based."""
    import pymupdf

    counts = {pdf: len(pymupdf.open(pdf)) for pdf in pdfs}
    for index in range(max(counts.values())):
        yield from ((pdf, index) for pdf in pdfs if index < counts[pdf])


def _with_errors(ids: list[int], seed: int) -> bytes:
    from ocr_engine.engine.draft_args import packed

    chance = random.Random(seed)
    return packed([chance.randrange(20, 1000) if chance.random() < WRONG else token for token in ids])


def _interpret() -> None:
    """Have vLLM take Triton's interpreter for a CPU backend, and schedule ahead on a CPU too."""
    import triton.backends

    driver = type("Driver", (), {"is_active": staticmethod(lambda: True)})
    triton.backends.backends["cpu"] = types.SimpleNamespace(driver=driver, compiler=None)
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


def _request(args: argparse.Namespace, pdf: Path, index: int, guard: tuple[int, int]) -> Any:
    from ocr_engine.config import RenderConfig
    from ocr_engine.families import PROMPTS
    from ocr_engine.pages import render
    from ocr_engine.pages.sources import find
    from ocr_engine.reading.draft import DraftForm
    from ocr_engine.reading.prepare import prepare
    from ocr_engine.records import DocumentKind, GenerationRequest

    (document,) = find([str(pdf)], [DocumentKind.PDF])
    ref = render.open_document(document, RenderConfig(), "", index + 1).page(index)
    page = render.render_page(ref, RenderConfig(), "")
    form = DraftForm(str(NANO / "tokenizer.json"), True)
    prepared = prepare(page, FAMILIES[args.family].modes[args.mode], draft=form)
    return GenerationRequest(
        "", prepared.views, PROMPTS["markdown"], 0, *guard, stream_interval=8, draft=prepared.draft
    )


def _sent(prompts: Any, request: Any, tokens: int, allowed: list[int] | None) -> tuple[dict[str, Any], Any]:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    from ocr_engine.engine.draft_args import draft_args
    from ocr_engine.engine.guard_args import guard_args
    from ocr_engine.engine.vllm.view_tensors import tensors_of

    guard = guard_args(request.ngram_size, request.ngram_window, prompts.whitelist_ids)
    params = SamplingParams(
        temperature=0,
        max_tokens=request.max_tokens or tokens,
        stop_token_ids=[prompts.eos_id],
        allowed_token_ids=allowed,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        stream_interval=request.stream_interval,
        extra_args=guard | draft_args(request.draft),
    )
    image = {"image": tensors_of(request.views)}
    return {"prompt_token_ids": prompts.encode(request.prompt), "multi_modal_data": image}, params


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


if __name__ == "__main__":
    raise SystemExit(main())
