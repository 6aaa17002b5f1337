"""The pages of `proofs.drafts`, what is special about each, and what was answered."""

import argparse
import json
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ocr_engine.families import FAMILIES, OCR

ROOT = Path(__file__).parents[1]
NANO = ROOT / "ocr_engine/model/nano"
GUARD, NARROW, WIDER = (20, 50), (3, 90), (6, 256)
"""Size and window of the n-gram guard: a page's, one that changes answers, and that of the second time."""
LOOP_TOK = 96
WRONG = 0.175
"""The share of a stored answer's tokens that are made wrong: as many as a real layer's are."""


class Kind(StrEnum):
    """What is special about a page."""

    USUAL = "as usual"
    MIXED = "without a draft, beside others"
    NARROW = "under a narrow guard"
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


def answers_in(path: Path) -> dict[str, Answered]:
    """What a reading wrote down; nothing where there is no such file."""
    lines = path.read_text().splitlines() if path.is_file() else []
    found = {name: one for name, one in map(json.loads, lines)}
    return {name: Answered(**(one | {"kind": Kind(one["kind"])})) for name, one in found.items()}


def todo(
    args: argparse.Namespace, stored: dict[str, Answered], done: Collection[str], *, loops: bool
) -> Iterator[tuple[str, Kind, Any]]:
    """The requests that are not done, those in a loop or all others, each rendered when it is asked for."""
    for number, (pdf, index) in zip(range(args.pages), _pages(args.pdf), strict=False):
        kind, name = kind_of(number), f"{number}-{pdf.stem}-{index + 1}"
        if (kind is Kind.LOOP) is not loops:
            continue
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


def sent(prompts: Any, request: Any, tokens: int, allowed: list[int] | None) -> tuple[dict[str, Any], Any]:
    """vLLM's prompt and sampling parameters of a request, of whose tokens these alone are allowed."""
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
