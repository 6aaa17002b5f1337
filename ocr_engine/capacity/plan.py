"""`python -m ocr_engine plan`: how long a corpus will take, on what, and what holds it up.

Opens and renders a sample on this machine; starts no engine. The costs are those of `costs.json`.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ocr_engine.capacity import costs as cost_table
from ocr_engine.capacity import scaling, words
from ocr_engine.capacity.prediction import largest_shard, predict
from ocr_engine.capacity.sample import CorpusSample, take
from ocr_engine.capacity.simulation import Site
from ocr_engine.config import Config, for_pages_together, pages_together
from ocr_engine.config import options as config_options
from ocr_engine.engine.sizes import verifies_drafts
from ocr_engine.errors import ExitCode, OcrError, UsageError
from ocr_engine.families import FAMILIES, guessed_family
from ocr_engine.outputs.own_files import OwnFiles
from ocr_engine.pages import sources
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.reading.request import mode_of
from ocr_engine.records import Document, DocumentKind
from ocr_engine.sharing.shard import Shard


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the subcommand; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        return _run(args)
    except OcrError as error:
        sys.stderr.write(f"plan: {error}\n")
        return int(error.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ocr_engine plan",
        usage="%(prog)s [INPUT ...] [OPTIONS]",
        description="Predict pages/s, GPU hours and memory for a corpus from a sample. Starts no engine.",
        epilog="Example: python -m ocr_engine plan papers/ --mode gundam --gpu H200 --gpus 2 --cores 32",
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="files, folders, patterns or URLs; default: input.path")
    config_options.add_options(add)
    add("--mode", help="how finely pages are looked at; default: `mode` of the config")
    add("--gpu", default="H200", help="kind of GPU (default H200)")
    add("--gpus", type=_positive, default=1, metavar="N", help="number of GPUs (default 1)")
    add("--cores", type=_positive, default=16, metavar="N", help="CPU cores for each GPU (default 16)")
    add(
        "--storage",
        type=float,
        default=2.0,
        metavar="GB/S",
        help="how fast the inputs can be read (default 2)",
    )
    add(
        "--drivers",
        type=_positive,
        default=1,
        metavar="N",
        help="runs side by side, each on its share (default 1)",
    )
    add(
        "--sample", type=_positive, default=64, metavar="N", help="documents and pages to sample (default 64)"
    )
    add(
        "--output-tokens",
        type=_positive,
        metavar="N",
        help="tokens of a page's answer, instead of the estimate",
    )
    add("--costs", type=Path, metavar="FILE", help="measured costs to use instead of the built-in ones")
    add("--scale", action="store_true", help="also simulate 1 to 1,000 such GPUs")
    add("--plot", type=Path, metavar="FILE", help="draw the simulation of --scale as an image")
    add("--json", action="store_true", help="print the prediction as JSON")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def _run(args: argparse.Namespace) -> int:
    costs = cost_table.load(args.costs)
    gpu = cost_table.gpu_named(costs, args.gpu)
    if args.storage <= 0:
        raise UsageError(f"--storage {args.storage}: must be more than 0 GB/s")
    config = _config(args)
    items = _items(config)
    drafts = verifies_drafts(config.engine.drafts, guessed_family(config.engine.model))
    sample = _sample(config, items, args.sample, drafts=drafts)
    if args.output_tokens:
        sample = replace(sample, work=replace(sample.work, output_tok=float(args.output_tokens)))
    if args.drivers > args.gpus:
        raise UsageError(f"--drivers {args.drivers}: more than GPUs (--gpus {args.gpus}), and each needs one")
    site = Site(
        args.gpus, args.cores, args.storage, args.drivers, costs.engine_cores, restart_s=costs.restart_s
    )
    plan = predict(sample, costs, args.gpu, gpu, site)
    plan = replace(plan, largest_shard=largest_shard(items, args.drivers))
    lines = [json.dumps(words.as_dict(plan), indent=2)] if args.json else list(words.report(plan, gpu, costs))
    if args.scale or args.plot:
        table = list(scaling.scaling(plan, scaling.SCALES))
        lines += [] if args.json else ["", *scaling.scaling_lines(table)]
        if args.plot:
            scaling.draw(table, args.plot)
    sys.stdout.write("\n".join(lines) + "\n")
    return int(ExitCode.OK)


def _config(args: argparse.Namespace) -> Config:
    return config_options.load_given(args, {"input.path": args.inputs or None, "mode": args.mode})


def _items(config: Config) -> list[Document | sources.Refused]:
    """The corpus; with `drivers.shard` that shard of it."""
    given = [config.input.path] if isinstance(config.input.path, str) else list(config.input.path)
    own, folders = OwnFiles(config.output.path), config.input.gathers_folders
    passed_over = set() if config.input.office == "auto" else {DocumentKind.OFFICE}
    found = sources.find(given, set(DocumentKind) - passed_over, own, folders=folders)
    return list(Shard.parse(config.drivers.shard).of(found) if config.drivers.shard else found)


def _sample(
    config: Config, items: Iterable[Document | sources.Refused], most: int, *, drafts: bool
) -> CorpusSample:
    family = FAMILIES[guessed_family(config.engine.model)]
    pages = pages_together(config, family.name)
    if pages > 1 and family.together:
        config = for_pages_together(config, family.together)
    mode = mode_of(config, family.name)
    with FetchingPool(config.render, config.input) as pool:
        sample = take(items, pool, mode, most, drafts=drafts)
    together = max(1.0, min(pages, sample.work.pages_per_document))
    return replace(sample, work=replace(sample.work, window_tok=family.window_tok, together=together))
