"""What nano reads and what it takes, measured through the engine with its defaults. Prints markdown tables.

    python -m research.measure_nano real FOLDER --pictures OUT    # born-digital PDFs, page by page
    python -m research.measure_nano trials                        # held-out text and fonts, in every mode
    python -m research.measure_nano sizes                         # full synthetic pages by size of type
    python -m research.measure_nano speed                         # start, memory, pages and tokens a second
    python -m research.measure_nano prompts                       # the other prompts on text, charts, blanks

All but `real` draw pages and need `python -m research.nano.pages.assets` first. --model measures another
checkpoint; take
`--set dtype=float32 --set max_num_seqs=16` with it, which are nano's own on a CPU.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ocr_engine.config import EngineConfig
from ocr_engine.families import PROMPTS
from ocr_engine.records import Generation
from research.nano.pages.answers import document
from research.nano.pages.pages import A4, Brief, Page, make_page
from research.nano.pages.pictures import side_by_side
from research.nano.tools.evaluate import TRIAL_SEED, TRIALS, trial_brief
from research.nano.tools.metrics import Reading, boxes, distance, read, summary
from research.nano.tools.questions import draw_questions, overlap, rightness
from research.nano.tools.reader import Meter, Reader, ended, peak_bytes
from research.nano.tools.real import RealPage, choose, find_pages, normal

WORST = 3
HALF = 0.5
"""A box is on what was sought from this intersection over union on, as detections are usually counted."""


def head(*titles: str) -> str:
    return f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"


def table_row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def image_of(page: Page) -> Image.Image:
    return Image.fromarray(page.pixels).convert("RGB")


def real_error(page: RealPage, generation: Generation) -> float:
    """Character error rate after `tools.real.normal`; an answer counts up to twice the truth's length."""
    got = normal(generation.text)[: 2 * len(page.truth) + 20]
    return distance(got, page.truth) / len(page.truth)


async def measure_real(options: argparse.Namespace, config: EngineConfig) -> None:
    pages = choose(find_pages(options.folder), options.per_file)
    if not pages:
        sys.exit(f"{options.folder}: no page of the kind (English, upright, one column, with a text layer)")
    async with Reader(config) as reader:
        answers = await reader.read_all([p.picture() for p in pages], options.mode, PROMPTS["markdown"])
    errors = [real_error(page, answer) for page, answer in zip(pages, answers, strict=True)]
    print(head("page", "type, pt", "words", "tokens", "ended", "CER"))
    for page, answer, error in zip(pages, answers, errors, strict=True):
        cells = (page.name, page.points, len(page.truth.split()), answer.output_tokens)
        print(table_row(*cells, "yes" if ended(answer) else "no", f"{error:.1%}"))
    unended = sum(not ended(a) for a in answers)
    print(
        f"\n{len(pages)} pages, {options.mode}: median {statistics.median(errors):.1%},"
        f" mean {statistics.mean(errors):.1%}, no end {unended}"
    )
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        order = sorted(range(len(pages)), key=errors.__getitem__, reverse=True)
        for place, index in enumerate(order[:WORST] + order[-1:], 1):
            shown = side_by_side(pages[index].picture(), answers[index].text)
            shown.save(options.pictures / f"{place}_{pages[index].path.stem}_{pages[index].number}.png")


def full_page(rng: random.Random, points: float, held: str, words: tuple[int, int]) -> Page:
    return make_page(rng, Brief(A4, 2 * points, 1, rng.randint(*words), 0.09, True, held))


async def scores_of(reader: Reader, pages: list[Page], mode: str, *, grounded: bool = True) -> list[Reading]:
    """Read pages as markdown, or as plain text, and compare."""
    prompt = PROMPTS["markdown" if grounded else "free"]
    answers = await reader.read_all([image_of(page) for page in pages], mode, prompt)
    return [score(page, answer, grounded=grounded) for page, answer in zip(pages, answers, strict=True)]


def score(page: Page, generation: Generation, *, grounded: bool) -> Reading:
    truth, _ = document(page, grounded=grounded).finish()
    stopped = ended(generation)
    return read(generation.text, truth, ended=stopped)


def shares(scores: list[Reading]) -> tuple[str, str, str, str, str]:
    """Median and mean error, median box error, loops and missing ends, as cells of a row."""
    total = summary(scores)
    box = str(total["box"]) if total["box"] >= 0 else ""
    loops, unended = sum(s.looped for s in scores), sum(not s.ended for s in scores)
    return f"{total['median']:.1%}", f"{total['mean']:.1%}", box, str(loops), str(unended)


async def measure_trials(options: argparse.Namespace, config: EngineConfig) -> None:
    print(head("pages", "median CER", "mean CER", "median box error", "loops", "no end"))
    async with Reader(config) as reader:
        for trial in (trial for trial in TRIALS if options.only in trial.name):
            rng = random.Random(TRIAL_SEED)
            pages = [make_page(rng, trial_brief(rng, trial)) for _ in range(options.pages)]
            scores = await scores_of(reader, pages, trial.mode, grounded=trial.grounded)
            print(table_row(trial.name, *shares(scores)), flush=True)


async def measure_sizes(options: argparse.Namespace, config: EngineConfig) -> None:
    titles = ("type, pt", "median CER", "mean CER", "pages <= 1.5 %", "median box error", "loops", "no end")
    print(f"{options.mode}, {options.pages} full pages a row, held-out {options.held}\n\n{head(*titles)}")
    async with Reader(config) as reader:
        for points in options.points:
            rng = random.Random(points)
            pages = [full_page(rng, points, options.held, (250, 450)) for _ in range(options.pages)]
            scores = await scores_of(reader, pages, options.mode)
            good = f"{sum(s.error <= 0.015 for s in scores)} of {len(scores)}"
            median, mean, *others = shares(scores)
            print(table_row(points, median, mean, good, *others), flush=True)


def pages_of_250_words(count: int) -> list[Page]:
    """Pages of held-out text at 12 points whose printed words, tables included, are 230 to 270."""
    rng, found = random.Random(7), []
    while len(found) < count:
        page = full_page(rng, 12, "text", (230, 260))
        truth, _ = document(page, grounded=False).finish()
        if 230 <= len(normal(truth).split()) <= 270:
            found.append(page)
    return found


async def measure_speed(options: argparse.Namespace, config: EngineConfig) -> None:
    images = [image_of(page) for page in pages_of_250_words(options.pages)]
    async with Reader(config, options.in_flight) as reader:
        print(f"start: {reader.start.wall_s:.1f} s, of it {reader.start.cpu_s:.1f} s of CPU")
        titles = ("run", "load", "pages/s", "tokens/s", "CPU s/page", "tokens/page", "peak GiB")
        print(head(*titles))
        for number in range(options.runs):
            meter, load = Meter(), os.getloadavg()[0]
            answers = await reader.read_all(images, options.mode, PROMPTS["markdown"])
            cost, tokens = meter.read(), sum(a.output_tokens for a in answers)
            count = len(images)
            cells = (
                f"{load:.1f}", f"{count / cost.wall_s:.2f}", f"{tokens / cost.wall_s:.0f}",
                f"{cost.cpu_s / count:.2f}", f"{tokens / count:.0f}", f"{peak_bytes() / (1 << 30):.1f}",
            )  # fmt: skip
            print(table_row(number + 1, *cells), flush=True)


async def measure_prompts(options: argparse.Namespace, config: EngineConfig) -> None:
    asked = draw_questions(TRIAL_SEED, options.pages)
    asked = [question for question in asked if options.only in question.kind]
    print(head("prompt, page", "right", "of", "boxes half on it", "an answer", "where that is right"))
    async with Reader(config) as reader:
        for kind in dict.fromkeys(question.kind for question in asked):
            some = [question for question in asked if question.kind == kind]
            reading = (reader.read(image_of(q.page), options.mode, q.prompt) for q in some)
            texts = [answer.text for answer in await asyncio.gather(*reading)]
            right = statistics.mean(rightness(t, q.truth) for t, q in zip(texts, some, strict=True))
            found = [overlap(t, q.truth) for t, q in zip(texts, some, strict=True) if boxes(q.truth)]
            on_it = f"{sum(x >= HALF for x in found)} of {len(found)}" if found else ""
            shown = (f"`{text[:200]}`".replace("|", r"\|") for text in (texts[0], some[0].truth))
            print(table_row(kind, f"{right:.0%}", len(some), on_it, *shown), flush=True)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    real, trials, sizes, speed, prompts = (
        commands.add_parser(name) for name in ("real", "trials", "sizes", "speed", "prompts")
    )
    for command in (real, trials, sizes, speed, prompts):
        command.add_argument("--model", default="nano")
        if command is not trials:
            command.add_argument("--mode", default="base")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of engine.")
    real.add_argument("folder", type=Path)
    real.add_argument("--pictures", type=Path, help="folder for pictures of the worst pages and the best")
    real.add_argument("--per-file", type=int, default=3, help="pages of one file at most")
    trials.add_argument("--pages", type=int, default=16, help="pages of every kind")
    for command in (trials, prompts):
        command.add_argument("--only", default="", metavar="WORDS", help="kinds whose name has these words")
    sizes.add_argument("--points", type=float, nargs="+", default=[8, 9, 10, 11, 12, 13, 14])
    sizes.add_argument("--pages", type=int, default=8)
    sizes.add_argument("--held", choices=("text", "font"), default="text")
    speed.add_argument("--pages", type=int, default=16)
    speed.add_argument("--in-flight", type=int, default=8)
    speed.add_argument("--runs", type=int, default=3)
    prompts.add_argument("--pages", type=int, default=16, help="pages of every kind, of blank ones one")
    return parser.parse_args(arguments)


def engine_config(options: argparse.Namespace) -> EngineConfig:
    given = dict(item.split("=", 1) for item in options.set)
    values: dict[str, Any] = {k: int(v) if v.isdigit() else v for k, v in given.items()}
    return EngineConfig(model=options.model, **values)


def main() -> None:
    options = parse()
    measure = {
        "real": measure_real, "trials": measure_trials, "sizes": measure_sizes, "speed": measure_speed,
        "prompts": measure_prompts,
    }[options.command]  # fmt: skip
    asyncio.run(measure(options, engine_config(options)))


if __name__ == "__main__":
    main()
