"""`python -m ocr_engine plan`: how long a corpus will take, on what, and what holds it up.

Opens and renders a sample on this machine; starts no engine. The costs are those of `costs.json`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ocr_engine.capacity import costs as cost_table
from ocr_engine.capacity import simulation
from ocr_engine.capacity.costs import Costs, GpuKind, Memory, PageCosts, Work
from ocr_engine.capacity.sample import CorpusSample, take
from ocr_engine.capacity.simulation import Load, Site, StationRates
from ocr_engine.config import Config, for_pages_together, pages_together
from ocr_engine.config import options as config_options
from ocr_engine.errors import ExitCode, OcrError, UsageError
from ocr_engine.families import FAMILIES, guessed_family
from ocr_engine.outputs.own_files import OwnFiles
from ocr_engine.pages import sources
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.reading.request import mode_of
from ocr_engine.records import DocumentKind

SCALES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
_BATCHES = 5
_HOUR_S = 3600.0
_LARGE_GB = 100


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What is predicted for a corpus at one site."""

    sample: CorpusSample
    gpu: str
    site: Site
    page: PageCosts
    rates: StationRates
    memory: Memory

    @property
    def pages_per_s(self) -> float:
        """The slowest station's rate."""
        return min(self.rates)

    @property
    def hours(self) -> float:
        """From start to end, the engine's own start left out."""
        return self.sample.pages / self.pages_per_s / _HOUR_S

    @property
    def gpu_hours(self) -> float:
        """GPUs times hours."""
        return self.hours * self.site.gpus


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
    add("inputs", nargs="*", metavar="INPUT", help="as for batch_pdf.py; default: input.path")
    config_options.add_options(add)
    add("--mode", help="resolution mode; default: mode of the config")
    add("--gpu", default="H200", help="kind of GPU (H200)")
    add("--gpus", type=_positive, default=1, metavar="N", help="how many (1)")
    add("--cores", type=_positive, default=16, metavar="N", help="CPU cores for rendering, a GPU (16)")
    add("--storage", type=float, default=2.0, metavar="GB/S", help="what the storage of the inputs gives (2)")
    add("--drivers", type=_positive, default=1, metavar="N", help="runs side by side, each on its share (1)")
    add("--sample", type=_positive, default=64, metavar="N", help="documents and pages to look at (64)")
    add("--output-tokens", type=_positive, metavar="N", help="tokens of an answer, instead of the estimate")
    add("--costs", type=Path, metavar="FILE", help="another table of costs")
    add("--scale", action="store_true", help="also simulate 1 to 1,000 such GPUs")
    add("--plot", type=Path, metavar="FILE", help="draw that as an image")
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
        raise UsageError(f"--storage {args.storage}: expected more than 0")
    config = _config(args)
    sample = _sample(config, args.sample, drafts=_takes_drafts(config, gpu))
    if args.output_tokens:
        sample = replace(sample, work=replace(sample.work, output_tok=float(args.output_tokens)))
    site = Site(args.gpus, args.cores, args.storage, args.drivers, restart_s=costs.restart_s)
    plan = predict(sample, costs, args.gpu, gpu, site)
    lines = [json.dumps(as_dict(plan), indent=2)] if args.json else list(report(plan, gpu, costs))
    if args.scale or args.plot:
        # On a terminal alone: a thousand GPUs take seconds to simulate.
        bar = tqdm(scaling(plan, SCALES), "simulating", len(SCALES), leave=False, unit="size", disable=None)
        table = list(bar)
        lines += [] if args.json else ["", *scaling_lines(table)]
        if args.plot:
            draw(table, args.plot)
    sys.stdout.write("\n".join(lines) + "\n")
    return int(ExitCode.OK)


def _config(args: argparse.Namespace) -> Config:
    return config_options.load_given(args, {"input.path": args.inputs or None, "mode": args.mode})


def _takes_drafts(config: Config, gpu: GpuKind) -> bool:
    """As the engine decides it (`engine.sizes`): a card of 141 GB decodes more than 512 pages together."""
    drafts = config.engine.drafts
    is_plain = not FAMILIES[guessed_family(config.engine.model)].window_tok
    return drafts == "always" or (drafts == "auto" and gpu.memory_gb > _LARGE_GB and is_plain)


def _sample(config: Config, most: int, *, drafts: bool) -> CorpusSample:
    given = [config.input.path] if isinstance(config.input.path, str) else list(config.input.path)
    family = FAMILIES[guessed_family(config.engine.model)]
    pages = pages_together(config, family.name)
    if pages > 1 and family.together:
        config = for_pages_together(config, family.together)
    mode = mode_of(config, family.name)
    with FetchingPool(config.render, config.input) as pool:
        own, folders = OwnFiles(config.output.path), config.input.gathers_folders
        passed_over = set() if config.input.office == "auto" else {DocumentKind.OFFICE}
        found = sources.find(given, set(DocumentKind) - passed_over, own, folders=folders)
        sample = take(found, pool, mode, most, drafts=drafts)
    together = max(1.0, min(pages, sample.work.pages_per_document))
    return replace(sample, work=replace(sample.work, window_tok=family.window_tok, together=together))


def predict(sample: CorpusSample, costs: Costs, name: str, gpu: GpuKind, site: Site) -> CapacityPlan:
    """The prediction for a sampled corpus."""
    page = cost_table.page_costs(costs, sample.work, gpu.speed)
    load = Load(page, sample.work.bytes_per_page)
    memory = cost_table.memory(costs, sample.work, gpu.memory_gb)
    return CapacityPlan(sample, name, site, page, simulation.rates(site, load), memory)


def as_dict(plan: CapacityPlan) -> dict[str, object]:
    """The prediction as plain values."""
    return {
        "documents": plan.sample.documents,
        "pages": plan.sample.pages,
        "pages_per_s": round(plan.pages_per_s, 3),
        "hours": round(plan.hours, 4),
        "gpu_hours": round(plan.gpu_hours, 4),
        "bottleneck": plan.rates.bottleneck,
        "rates": plan.rates._asdict(),
        "page": asdict(plan.page),
        "memory": asdict(plan.memory),
        "work": {**asdict(plan.sample.work), "mode": _mode_words(plan.sample.work)},
    }


def report(plan: CapacityPlan, gpu: GpuKind, costs: Costs) -> Iterator[str]:
    """The prediction in words, a line each."""
    sample, page, memory, site = plan.sample, plan.page, plan.memory, plan.site
    exactly = "" if sample.opened + sample.unreadable >= sample.documents else "about "
    pages = f"{exactly}{sample.pages:,} pages"
    documents = f"{sample.documents:,} document{'' if sample.documents == 1 else 's'}"
    yield f"corpus      {documents}, {pages} ({_seen(sample)})"
    yield f"page        {_page_words(sample.work)}"
    yield f"drafts      {_draft_words(sample, costs)}"
    stages = {"encoder": page.encoder_s, "prefill": page.prefill_s, "decoding": page.decode_s}
    gpu_ms = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in stages.items())
    core_ms, writing_ms = page.cpu_s * 1e3, page.driver_s * 1e3
    yield f"CPU         {core_ms:.0f} ms of a core, {writing_ms:.0f} ms of the process that writes"
    yield f"GPU         {page.gpu_s * 1e3:.1f} ms: {gpu_ms}"
    kind = plan.gpu if gpu.measured else f"{plan.gpu} (scaled by memory bandwidth, not measured)"
    yield f"memory      {memory.needed_gb:.0f} GB at least; {kind} holds {_holds(memory)}"
    stations = ", ".join(f"{name} {rate:,.1f}" for name, rate in plan.rates._asdict().items())
    yield f"bounds      pages/s: {stations}"
    yield (
        f"prediction  {plan.pages_per_s:,.1f} pages/s on {site.gpus} {plan.gpu}: {_hours(plan.hours)},"
        f" {plan.gpu_hours:,.{2 if plan.gpu_hours >= 0.1 else 5}f} GPU hours"
    )
    yield f"bottleneck  {plan.rates.bottleneck}: {_ADVICE[plan.rates.bottleneck]}"


_ADVICE = {
    "storage": "inputs arrive too slowly; bring them nearer",
    "renderers": "more CPU cores a GPU (--cores), or a mode with fewer views",
    "engines": "the GPUs are busy; more of them, or a mode with fewer tokens",
    "driver": "one process keeps account of all; share the corpus between several (--drivers, drivers.claim)",
}


def _seen(sample: CorpusSample) -> str:
    words = f"{sample.opened:,} opened, {sample.sampled_pages:,} rendered"
    return f"{words}, {sample.unreadable:,} unreadable" if sample.unreadable else words


def _draft_words(sample: CorpusSample, costs: Costs) -> str:
    share = f"{sample.born_digital / sample.sampled_pages:.0%} of the pages are born digital"
    if not sample.work.drafted:
        return f"{share}; none are verified here (engine.drafts)"
    return f"{share}: {costs.tokens_a_step:.1f} tokens a step with drafts of their own text"


def _mode_words(work: Work) -> str:
    """The mode of all pages, or the share of each."""
    if len(work.modes) == 1:
        return next(iter(work.modes))
    return ", ".join(f"{name} {share:.0%}" for name, share in work.modes.items())


def _page_words(work: Work) -> str:
    together = f", {work.together:.1f} pages a request" if work.together > 1 else ""
    return (
        f"{_mode_words(work)}: {work.tiles:.1f} tiles, {work.visual_tok:,.0f} visual tokens, answer of about"
        f" {work.output_tok:,.0f} tokens{together}"
    )


def _holds(memory: Memory) -> str:
    return f"{memory.pages:,} pages at one time" if memory.pages else "no page: too small"


def _hours(hours: float) -> str:
    if hours * 60 < 1:
        return f"{hours * _HOUR_S:,.1f} s"
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"


@dataclass(frozen=True, slots=True)
class Scaled:
    """One line of the table over numbers of GPUs: with one driver, and with as many as it takes."""

    gpus: int
    one_driver: simulation.SimulatedRun
    drivers: int
    enough: simulation.SimulatedRun


def scaling(plan: CapacityPlan, numbers: Sequence[int]) -> Iterator[Scaled]:
    """Simulated runs of the same corpus on other numbers of GPUs."""
    load = Load(plan.page, plan.sample.work.bytes_per_page)
    for gpus in numbers:
        site = replace(plan.site, gpus=gpus, drivers=1)
        pages = gpus * simulation.BATCH * _BATCHES
        more = simulation.enough_drivers(site, load)
        yield Scaled(
            gpus, simulation.simulate(site, load, pages), more.drivers, simulation.simulate(more, load, pages)
        )


def scaling_lines(table: Sequence[Scaled]) -> Iterator[str]:
    """The table as markdown."""
    yield "| GPUs | pages/day, one driver | first bottleneck | drivers | pages/day | first bottleneck |"
    yield "|---|---|---|---|---|---|"
    for row in table:
        yield (
            f"| {row.gpus:,} | {row.one_driver.pages_per_day / 1e6:,.2f} M | {row.one_driver.bottleneck} |"
            f" {row.drivers} | {row.enough.pages_per_day / 1e6:,.2f} M | {row.enough.bottleneck} |"
        )


def draw(table: Sequence[Scaled], path: Path) -> None:
    """Pages a day over GPUs, both axes logarithmic. Raises UsageError where the file cannot be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    gpus = [row.gpus for row in table]
    axes.loglog(gpus, [row.one_driver.pages_per_day for row in table], "o-", label="one driver")
    axes.loglog(gpus, [row.enough.pages_per_day for row in table], "s-", label="drivers as needed")
    axes.set_xlabel("GPUs")
    axes.set_ylabel("pages a day")
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot {path}: cannot be written: {error}") from None
