"""Asks an engine that has just started for answers that are known, before it reads anybody's page.

The n-gram guard must ban under greedy decoding, the prompt must hold the processor's image tokens, and a
checkpoint that brings a golden page (`self_test.json` beside its weights) must read it as it did.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ocr_engine.engine.base import vision_tokens
from ocr_engine.engine.draft_args import packed
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.errors import EngineError
from ocr_engine.families import FAMILIES, PROMPTS, TOKENS
from ocr_engine.log import printable
from ocr_engine.records import GenerationRequest, PageViews

GOLDEN_FILE, GOLDEN_PAGE = "self_test.json", "self_test.png"
_LENGTH = 4
_WARM_UP_TOK = 32
_GUARDS = {2: (2, 8), 4: (1, 8)}
"""Size and window of the guard by how many tokens may be answered with: few enough that one must repeat, and
enough that after any three there is a fourth."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Token ids of the prompt as the model saw it, and of the answer."""

    prompt_ids: list[int]
    output_ids: list[int]


Ask = Callable[[GenerationRequest, Collection[int]], Awaitable[Reply]]
"""Answers a request greedily, with these token ids alone where there are any."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A page and the token ids that a checkpoint answers it with."""

    views: PageViews
    prompt: str
    token_ids: list[int]


def read_golden(folder: Path, model_id: str) -> Golden | None:
    """The golden page of a checkpoint folder; None where it has none, or one of other weights.

    Raises:
        EngineError: its files are damaged.
    """
    path = folder / GOLDEN_FILE
    if not path.is_file():
        return None
    from PIL import Image

    try:
        values = json.loads(path.read_bytes())
        model, prompt, token_ids = values["model_id"], str(values["prompt"]), list(values["token_ids"])
        with Image.open(folder / GOLDEN_PAGE) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EngineError(f"{path}: damaged ({printable(str(error))}); install the project again") from None
    return Golden(_untiled(pixels), prompt, token_ids) if model == model_id else None


async def check_engine(ask: Ask, prompts: PromptEncoder, family: str, golden: Golden | None) -> None:
    """Run all checks, side by side.

    Raises:
        EngineError: an answer differs from what is known; the message says which and how.
    """
    checks = [_check_guard_and_prompt(ask, prompts, family), _check_whitelist(ask, prompts, family)]
    if golden is not None:
        checks.append(_check_golden(ask, prompts, golden))
    for result in await asyncio.gather(*checks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def warm_up(ask: Ask, prompts: PromptEncoder, family: str) -> None:
    """Have a few answers as a run asks for them, with drafts and without: what they need is compiled then."""
    tokens = _ordinary_tokens(prompts, 8)
    request = GenerationRequest("warm-up", smallest_page(family), PROMPTS["free"], _WARM_UP_TOK, 20, 50)
    drafted = replace(request, draft=packed(tokens * (_WARM_UP_TOK // len(tokens))))
    await asyncio.gather(*(ask(one, ()) for one in (request, drafted, drafted)))
    await ask(drafted, ())


async def _check_guard_and_prompt(ask: Ask, prompts: PromptEncoder, family: str) -> None:
    for count, guard in _GUARDS.items():
        request, tokens = _guarded_request(family, guard), _ordinary_tokens(prompts, count)
        reply = await ask(request, tokens)
        _expect("image tokens", reply.prompt_ids, expanded_prompt(prompts, request, family))
        _expect("n-gram guard", reply.output_ids, _as_guarded(reply.output_ids, tokens, guard))


async def _check_whitelist(ask: Ask, prompts: PromptEncoder, family: str) -> None:
    for allowed in prompts.whitelist_ids[:1]:
        reply = await ask(_guarded_request(family, _GUARDS[2]), (allowed,))
        _expect("n-gram guard's whitelist", reply.output_ids, [allowed] * _LENGTH)


async def _check_golden(ask: Ask, prompts: PromptEncoder, golden: Golden) -> None:
    length = len(golden.token_ids)
    reply = await ask(GenerationRequest("golden", golden.views, golden.prompt, length, 0, 0), ())
    if reply.output_ids == golden.token_ids:
        return
    found, expected = (repr(prompts.decode(ids)[0]) for ids in (reply.output_ids, golden.token_ids))
    raise EngineError(
        f"self-test: the golden page was read as {printable(found)}, expected {printable(expected)}; this"
        " machine does not compute what the model does: try engine.dtype: float32, or the pinned versions"
    )


def _as_guarded(found: Sequence[int], tokens: Sequence[int], guard: tuple[int, int]) -> list[int]:
    """The guarded answer of these tokens that is like the one found as far as the guard allows."""
    expected: list[int] = []
    for place in range(_LENGTH):
        free = [token for token in tokens if token not in banned_tokens(expected, *guard)]
        expected.append(found[place] if place < len(found) and found[place] in free else free[0])
    return expected


def _guarded_request(family: str, guard: tuple[int, int]) -> GenerationRequest:
    return GenerationRequest("self-test", smallest_page(family), PROMPTS["free"], _LENGTH, *guard)


def smallest_page(family: str) -> PageViews:
    """A grey page in the family's mode with the fewest visual tokens."""
    side_px = FAMILIES[family].smallest_mode.base_size_px
    return _untiled(np.full((side_px, side_px, 3), 127, np.uint8))


def expanded_prompt(prompts: PromptEncoder, request: GenerationRequest, family: str) -> list[int]:
    """The prompt's token ids with one `<image>` a visual token."""
    counts = iter([vision_tokens(views, family) for views in request.all_views])
    return [
        token
        for written in prompts.encode(request.prompt, len(request.all_views))
        for token in [written] * (next(counts) if written == prompts.image_id else 1)
    ]


def _untiled(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> PageViews:
    return PageViews(pixels, np.zeros((0, *pixels.shape), np.uint8), (1, 1))


def _ordinary_tokens(prompts: PromptEncoder, count: int) -> list[int]:
    """Different tokens of a prompt's text, which the guard may ban."""
    special = (prompts.image_id, *prompts.whitelist_ids)
    written = prompts.encode(PROMPTS["free"] + PROMPTS["markdown"].replace(TOKENS.image, ""))[1:]
    return list(dict.fromkeys(token for token in written if token not in special))[-count:]


def _expect(what: str, found: list[int], expected: list[int]) -> None:
    if found == expected:
        return
    place = next((i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), -1)
    where = f"token {place}: {found[place]}, expected {expected[place]}" if place >= 0 else "too few or many"
    raise EngineError(
        f"self-test: {what}: {len(found)} tokens, expected {len(expected)} ({where}); this vllm does not work"
        " with this project: install the versions of requirements.txt"
    )
