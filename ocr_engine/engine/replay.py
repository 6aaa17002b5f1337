"""An engine that answers from stored raw text of an earlier run, or with one built-in page. No model, no GPU.

Used to write outputs again without a GPU, and to test everything around the engine at speed.
"""

import asyncio
import hashlib
import itertools
import json
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ocr_engine.engine.answer import LoopWatch, kept_of_loop
from ocr_engine.engine.base import EngineInfo, OnText, vision_tokens_of
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import FAMILIES, OCR, TOKENS
from ocr_engine.log import printable
from ocr_engine.records import FinishReason, Generation, GenerationRequest, Loop

BUILT_IN_PAGE = """\
<|ref|>title<|/ref|><|det|>[[90, 60, 910, 110]]<|/det|>
# A page without a model

<|ref|>text<|/ref|><|det|>[[90, 140, 910, 300]]<|/det|>
This text is built in. It stands for the answer of a model, so that the way from a page to its files \
can be seen without one.

<|ref|>sub_title<|/ref|><|det|>[[90, 320, 500, 350]]<|/det|>
## What it holds

<|ref|>table<|/ref|><|det|>[[90, 380, 910, 560]]<|/det|>
<table><tr><td>Block</td><td>Count</td></tr><tr><td>table</td><td>1</td></tr>\
<tr><td>figure</td><td>1</td></tr></table>

<|ref|>image<|/ref|><|det|>[[200, 600, 800, 880]]<|/det|>

<|ref|>image_caption<|/ref|><|det|>[[200, 890, 800, 920]]<|/det|>
<center>Figure 1: a part of the page</center>
"""
_CAPACITY = 32
_MAX_BYTES = 8 << 20
_BYTES_PER_TOKEN = 4
_MAX_IDS = 1 << 20
_TOKEN = re.compile(r"<[^<>\n]{1,24}>|\s?\w{1,8}|\s?[^\w\s<]{1,8}|\s+|<")
_RUN_FILE = "run.json"


class ReplayEngine:
    """Reads `<folder>/<request_id>.raw.md`; with folder None every page gets `BUILT_IN_PAGE`.

    Stored text does not say how it was tokenised: tokens are tags, words of up to 8 letters and marks. The
    token limit and the end of loops apply to them as to a model's.
    """

    def __init__(self, folder: Path | None, delay_s: float = 0.0) -> None:
        """An answer takes `delay_s` seconds; as many at one time as there are asked for."""
        self._folder = folder.resolve() if folder is not None else None
        self._delay_s = delay_s
        self._family = OCR if self._folder is None else _family_of_run(self._folder)

    def identify(self) -> EngineInfo:
        """Raises EngineError where the folder is not there."""
        if self._folder is None:
            source, where = "built-in", "the built-in page"
        else:
            if not self._folder.is_dir():
                raise EngineError(f"engine.replay_from: {self._folder}: no such folder of an earlier run")
            source, where = str(self._folder), f"raw text stored in {self._folder}"
        digest = hashlib.sha256((source + BUILT_IN_PAGE).encode("utf-8", "surrogateescape")).hexdigest()
        reason = f"model: none, answers are replayed from {where} (engine.backend: replay)"
        return EngineInfo("replay", reason, "none", 0, _CAPACITY, f"replay-{digest[:24]}", self._family)

    async def start(self) -> None:
        """Nothing to load."""

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The text of a page, or of several with a mark before each.

        Raises RequestError where no raw text of a page is stored.
        """
        started_s = time.perf_counter()
        stored = await asyncio.to_thread(self._stored, request)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        answer = await _replayed(stored, request, on_text or _ignore)
        visual = vision_tokens_of(request, self._family)
        return Generation(
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=visual + 1 + len(request.prompt) // _BYTES_PER_TOKEN,
            vision_tokens=visual,
            output_tokens=answer.tokens,
            seconds=time.perf_counter() - started_s,
            loop=answer.loop,
        )

    async def stop(self) -> None:
        """Nothing to give back."""

    def _stored(self, request: GenerationRequest) -> str:
        names = [request.request_id, *(page.request_id for page in request.further)]
        if self._folder is None:
            texts = [BUILT_IN_PAGE] * len(names)
        else:
            texts = [self._read(self._folder, name) for name in names]
        return texts[0] if len(texts) == 1 else "".join(f"{TOKENS.page}{text}" for text in texts)

    @staticmethod
    def _read(folder: Path, request_id: str) -> str:
        shown = printable(request_id)
        relative = PurePosixPath(request_id)
        if relative.is_absolute() or ".." in relative.parts or "\0" in request_id:
            raise RequestError(f"{shown}: not a page of {folder}")
        try:
            path = (folder / f"{relative}.raw.md").resolve()
            if not path.is_relative_to(folder):
                raise RequestError(f"{shown}: its raw text lies outside {folder}")
            if not path.is_file():
                raise RequestError(f"{shown}: no raw text of this page in {folder}; was output.raw on?")
            if path.stat().st_size > _MAX_BYTES:
                raise RequestError(f"{shown}: raw text over {_MAX_BYTES >> 20} MiB")
            return path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise RequestError(f"{shown}: raw text cannot be read ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class _Replayed:
    text: str
    tokens: int
    finish_reason: FinishReason
    loop: Loop | None = None


async def _replayed(stored: str, request: GenerationRequest, on_text: OnText) -> _Replayed:
    """The stored answer, token by token, as far as the request lets it go."""
    ids: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    table_ids = [ids[mark] for mark in ("<td>", "</td>", "<tr>", "</tr>")]
    watch = LoopWatch(table_ids if request.abort_loops else None)
    ends = [0]
    tokens = itertools.islice(_TOKEN.finditer(stored), request.max_tokens or None)
    while chunk := list(itertools.islice(tokens, request.stream_interval)):
        on_text(stored[ends[-1] : chunk[-1].end()])
        ends += [token.end() for token in chunk]
        if watch.add(ids[token[0]] % _MAX_IDS for token in chunk):
            break
        await asyncio.sleep(0)
    if watch.loop is None:
        reason = FinishReason.STOP if ends[-1] == len(stored) else FinishReason.LENGTH
        watch.add((), reason)
    if watch.loop is not None:
        text = kept_of_loop(watch.loop, lambda count: stored[: ends[count]])
        return _Replayed(text, len(ends) - 1, FinishReason.ABORT, watch.loop)
    return _Replayed(stored[: ends[-1]], len(ends) - 1, reason)


def _ignore(_text: str) -> None:
    pass


def _family_of_run(folder: Path) -> str:
    """The model family that a run's `run.json` names; the first model's where it names none."""
    try:
        with (folder / _RUN_FILE).open("rb") as file:
            family = json.loads(file.read(_MAX_BYTES))["model"]["family"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return OCR
    return family if isinstance(family, str) and family in FAMILIES else OCR
