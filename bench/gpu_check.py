"""Checks both full-size models on this machine's GPU with random weights: no download, under five minutes.

    python -m bench.gpu_check [--family deepseek-ocr] [--quantization fp8 int8 mxfp4] [--tiny]
    python -m bench.gpu_check --family deepseek-ocr --quantization mxfp4 --card-gib 8

Writes a checkpoint folder of each model, starts the engine on it, reads pages in every mode, and prints a
line a check, then how far bfloat16 is from float32, stage by stage. --quantization adds memory, speed and
the token agreement with bfloat16 over 100 pages. --card-gib fills the card but for so much memory, and
only reads the sample pages in what is left. --tiny takes small models, for a machine without a GPU.
The exit code is 1 where a check fails.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from bench.full_size import write_full_size
from bench.parts.gpu_watch import GpuWatch
from bench.parts.precision import precision
from bench.parts.small_card import SmallCard
from fixtures.checkpoints import write_checkpoint
from fixtures.recipe import picture
from ocr_engine.config import EngineConfig
from ocr_engine.engine.devices import cuda_gpu_visible
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import EngineError
from ocr_engine.families import FAMILIES, PROMPTS, Mode
from ocr_engine.families.tiling import visual_tokens
from ocr_engine.families.views import make_views
from ocr_engine.records import GenerationRequest, PageViews

SAMPLES = Path(__file__).parents[1] / "samples"
TOKENS, GUARDED_TOKENS, COMPARED_PAGES, COMPARED_TOKENS = 32, 200, 100, 64
MAX_ERROR = 0.1
"""Largest error of bfloat16 relative to the largest value that passes."""
TABLE_HEADER = """\
| mode | float32 against CPU | SAM | CLIP or queries | features in the prompt |
|---|---|---|---|---|"""

failures: list[str] = []
Work = Callable[[VllmEngine], Awaitable[None]]


def say(passed: bool, text: str) -> None:
    """One line a check."""
    print(f"{'ok  ' if passed else 'FAIL'} {text}", flush=True)
    if not passed:
        failures.append(text)


def sample_pages() -> list[Image.Image]:
    """The sample images and, where PyMuPDF is there, the sample PDF's pages."""
    pages = [Image.open(path).convert("RGB") for path in sorted((SAMPLES / "images").glob("*.[jp][pn]g"))]
    try:
        import pymupdf
    except ImportError:
        return [*pages, picture(1190, 1684)]
    with pymupdf.open(SAMPLES / "handbook.pdf") as document:
        for page in document:
            pixmap = page.get_pixmap(dpi=144, alpha=False)
            pages.append(Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples))
    return pages


def request(name: str, views: PageViews, tokens: int, guard: tuple[int, int] = (20, 50)) -> GenerationRequest:
    """A page in markdown; loops are left alone, random weights have many."""
    made = GenerationRequest(name, views, PROMPTS["markdown"], tokens, *guard)
    return replace(made, abort_loops=False)


async def with_engine(folder: Path, label: str, work: Work, **options: Any) -> None:
    """Start the engine on a folder, do the work, stop it; what fails is a line, the next check goes on."""
    engine = VllmEngine(EngineConfig(model=str(folder), **options))
    started_s = time.perf_counter()
    try:
        engine.identify()
        await engine.start()
        found = re.findall(r"Model loading took ([\d.]+) GiB", engine._log.read_text(errors="replace"))
        loaded = f", weights {found[-1]} GiB" if found else ""
        say(True, f"{label}: started and self-tested in {time.perf_counter() - started_s:.0f} s{loaded}")
        await work(engine)
    except Exception as problem:  # noqa: BLE001 - the other checks are worth their time on the machine
        say(False, f"{label}: {type(problem).__name__}: {problem}")
    finally:
        await engine.stop()


async def check_modes(engine: VllmEngine, family: str, pages: list[Image.Image]) -> None:
    """Every sample page in every mode, all in one batch."""
    work = [(mode, page) for mode in FAMILIES[family].modes.values() for page in pages]
    started_s = time.perf_counter()
    asked = (
        engine.generate(request(f"page{i}", make_views(page, mode), TOKENS))
        for i, (mode, page) in enumerate(work)
    )
    answers = await asyncio.gather(*asked, return_exceptions=True)
    seconds = time.perf_counter() - started_s
    for mode in FAMILIES[family].modes.values():
        of_mode = [(page, answers[i]) for i, (other, page) in enumerate(work) if other is mode]
        wrong = [text for page, answer in of_mode if (text := mismatch(page, mode, answer))]
        counts = sorted({visual_tokens(*page.size, mode) for page in pages})
        say(not wrong, f"{family}: {mode.name}: {len(pages)} pages, visual tokens {counts} {wrong[:1] or ''}")
    say(True, f"{family}: {len(work)} pages of {TOKENS} tokens in one batch: {seconds:.1f} s")


def mismatch(page: Image.Image, mode: Mode, answer: Any) -> str:
    """What is wrong with an answer; "" where nothing is."""
    if isinstance(answer, BaseException):
        return repr(answer)
    expected = visual_tokens(*page.size, mode)
    if answer.vision_tokens != expected or answer.prompt_tokens <= expected:
        return f"{answer.vision_tokens} of {answer.prompt_tokens} prompt tokens, expected {expected}"
    ended = answer.finish_reason == "stop" or answer.output_tokens == TOKENS
    return "" if ended else f"{answer.output_tokens} output tokens, expected {TOKENS}"


async def check_guard(engine: VllmEngine, family: str, page: Image.Image) -> None:
    """No banned token in guarded answers of one batch, which without the guard repeat."""
    views = make_views(page, FAMILIES[family].smallest_mode)
    # A preferred token makes repeats likely whatever the weights.
    bias = {engine._prompts.encode(PROMPTS["markdown"])[-1]: 2.0}
    guards = ((0, 0), (2, 400), (3, 90))
    asked = (request("guard", views, GUARDED_TOKENS, guard) for guard in guards)
    replies = await asyncio.gather(*(engine._ask(one, bias=bias) for one in asked))
    repeats = banned_in(replies[0].output_ids, guards[1], engine)
    for guard, reply in zip(guards[1:], replies[1:], strict=True):
        bad = banned_in(reply.output_ids, guard, engine)
        words = f"{bad} banned of {len(reply.output_ids)} tokens; {repeats} without it"
        say(bad == 0, f"{family}: guard {guard[0]}/{guard[1]}: {words}")


def banned_in(ids: list[int], guard: tuple[int, int], engine: VllmEngine) -> int:
    """Tokens that stand where the guard bans them."""
    allowed = engine._prompts.whitelist_ids
    return sum(token in banned_tokens(ids[:i], *guard, allowed) for i, token in enumerate(ids))


async def ids_of_pages(engine: VllmEngine, family: str, count: int) -> tuple[list[list[int]], float]:
    """Greedy ids of many gundam pages without the guard, and pages a second."""
    sizes = [(600 + 37 * i % 900, 700 + 53 * i % 1100) for i in range(count)]
    mode = FAMILIES[family].modes["gundam"]
    views = [make_views(picture(*size), mode) for size in sizes]
    started_s = time.perf_counter()
    replies = await asyncio.gather(
        *(engine._ask(request(f"p{i}", one, COMPARED_TOKENS, (0, 0))) for i, one in enumerate(views))
    )
    return [reply.output_ids for reply in replies], count / (time.perf_counter() - started_s)


def agreement(found: list[list[int]], expected: list[list[int]]) -> str:
    """Tokens equal up to the first difference of each page, and first tokens equal."""
    same = sum(common_prefix(*pair) for pair in zip(found, expected, strict=True))
    first = sum(x[:1] == y[:1] for x, y in zip(found, expected, strict=True))
    total = sum(map(len, expected))
    return f"{same} of {total} tokens before a difference, first token of {first} of {len(found)} pages"


def common_prefix(a: list[int], b: list[int]) -> int:
    """How many ids both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def precision_table(folder: Path, family: str, device: str) -> None:
    """bfloat16 against float32 on the same device, a line a mode; at base also float32 against the CPU."""
    print(TABLE_HEADER)
    for mode, across, errors in precision(folder, family, device):
        print(f"| {family} {mode} | {across} |", " | ".join(f"{e:.1e}" for e in errors), "|", flush=True)
        say(max(errors) < MAX_ERROR, f"{family}: {mode}: bfloat16 within {MAX_ERROR:.0%} of float32")


async def check_family(folder: Path, family: str, arguments: argparse.Namespace) -> None:
    """All checks of one model that need the engine."""
    pages, baseline = sample_pages(), []
    count = 4 if arguments.tiny else COMPARED_PAGES

    async def first(engine: VllmEngine) -> None:
        info = engine.identify()
        say(info.family == family, f"{family}: identified, {info.dtype}, {info.max_model_len} positions")
        await check_modes(engine, family, pages)
        await check_guard(engine, family, pages[0])
        if arguments.quantization:
            ids, speed = await ids_of_pages(engine, family, count)
            baseline.extend(ids)
            print(f"     {family} {info.dtype}: {speed:.2f} pages/s", flush=True)

    async def again(engine: VllmEngine) -> None:
        ids, speed = await ids_of_pages(engine, family, count)
        print(f"     {family}: {speed:.2f} pages/s, {agreement(ids, baseline)}", flush=True)

    await with_engine(folder, family, first, enforce_eager=arguments.eager)
    for name in arguments.quantization if baseline else ():
        options = {"quantization": name, "enforce_eager": arguments.eager}
        await with_engine(folder, f"{family} {name}", again, **options)


async def check_small_card(folder: Path, family: str, arguments: argparse.Namespace) -> None:
    """The sample pages in every mode, and many pages at once, on a card as small as is asked."""
    pages = sample_pages()

    async def work(engine: VllmEngine) -> None:
        await check_modes(engine, family, pages)
        _, speed = await ids_of_pages(engine, family, COMPARED_PAGES)
        print(f"     {family}: {speed:.2f} pages/s", flush=True)

    for name in arguments.quantization or [""]:
        try:
            with SmallCard(arguments.card_gib) as card, GpuWatch() as watch:
                options = card.options(folder, name)
                at_once = options["max_num_seqs"]
                label = f"{family} {name} in {card.free_gib:.2f} GiB, {at_once} pages at once"
                await with_engine(folder, label, work, enforce_eager=arguments.eager, **options)
        except EngineError as problem:
            say(False, f"{family} {name}: {problem}")
            continue
        used_gib = (watch.peak_gb - watch.first_gb) * 1e9 / 2**30
        print(f"     most memory in use: {used_gib:.2f} GiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=FAMILIES, action="append", help="default: all")
    parser.add_argument("--quantization", nargs="+", default=[], help="engine.quantization values to compare")
    parser.add_argument(
        "--card-gib",
        type=float,
        default=0.0,
        help="leave so much of the card's memory free, and check that alone",
    )
    parser.add_argument("--eager", action="store_true", help="engine.enforce_eager: starts faster")
    parser.add_argument("--tiny", action="store_true", help="small models, for a machine without a GPU")
    parser.add_argument(
        "--folder", type=Path, help="keep the checkpoints here; those that are there are used"
    )
    arguments = parser.parse_args()
    started_s = time.perf_counter()
    device = "cuda" if cuda_gpu_visible() else "cpu"
    with tempfile.TemporaryDirectory() as temporary:
        for family in arguments.family or FAMILIES:
            folder = (arguments.folder or Path(temporary)) / family
            if not folder.is_dir():
                write_checkpoint(folder, family) if arguments.tiny else write_full_size(folder, family)
            say(True, f"{family}: checkpoint written ({time.perf_counter() - started_s:.0f} s)")
            if arguments.card_gib:
                asyncio.run(check_small_card(folder, family, arguments))
                continue
            asyncio.run(check_family(folder, family, arguments))
            precision_table(folder, family, device)
    print(f"{len(failures)} checks failed; {time.perf_counter() - started_s:.0f} s in all")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
