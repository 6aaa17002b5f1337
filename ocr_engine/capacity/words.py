"""A prediction in words, and as plain values."""

from collections.abc import Iterator
from dataclasses import asdict

from ocr_engine.capacity import simulation
from ocr_engine.capacity.costs import Costs, GpuKind, Memory, Work
from ocr_engine.capacity.prediction import CapacityPlan
from ocr_engine.capacity.sample import CorpusSample

_HOUR_S = 3600.0


def as_dict(plan: CapacityPlan) -> dict[str, object]:
    """The prediction as plain values."""
    return {
        "documents": plan.sample.documents,
        "pages": plan.sample.pages,
        "pages_per_s": round(plan.pages_per_s, 3),
        "hours": round(plan.hours, 4),
        "gpu_hours": round(plan.gpu_hours, 4),
        "bottleneck": plan.rates.bottleneck,
        "drivers": plan.site.drivers,
        "shard_hours": round(plan.shard_hours, 4),
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
    main_ms, writer_ms = site.driver_s(page) * 1e3, page.writer_s * 1e3
    processes = f"{main_ms:.1f} of the main process, {writer_ms:.1f} of those that write"
    yield f"CPU         {page.cpu_s * 1e3:.0f} ms of render workers, {processes}"
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
    yield f"drivers     {_driver_words(plan)}"


def _driver_words(plan: CapacityPlan) -> str:
    """What several drivers would give, or give."""
    site = plan.site
    if site.drivers > 1:
        shards = f"the largest of {site.drivers} shards is {plan.largest_shard:.0%} of the bytes"
        sharded = f"with drivers.shard {_hours(plan.shard_hours)}"
        return f"{_hours(plan.hours)} with drivers.claim; {sharded}: {shards}"
    more = simulation.enough_drivers(site, plan.load)
    if more.drivers == 1:
        return "one is enough"
    rate = min(simulation.rates(more, plan.load))
    return f"{more.drivers} would give {rate:,.1f} pages/s (--drivers {more.drivers})"


_ADVICE = {
    "storage": "inputs arrive too slowly; bring them nearer",
    "renderers": "more CPU cores a GPU (--cores), or a mode with fewer views",
    "engines": "the GPUs are busy; more of them, or a mode with fewer tokens",
    "writer": "few processes write all; share the corpus between several drivers (--drivers, drivers.claim)",
    "driver": "one process keeps account of all; share the corpus between several (--drivers, drivers.claim)",
}


def _seen(sample: CorpusSample) -> str:
    words = f"{sample.opened:,} opened, {sample.sampled_pages:,} rendered"
    return f"{words}, {sample.unreadable:,} unreadable" if sample.unreadable else words


def _draft_words(sample: CorpusSample, costs: Costs) -> str:
    share = f"{sample.born_digital / sample.sampled_pages:.0%} of the pages are born digital"
    work = sample.work
    kinds = (
        (work.drafted, f"{costs.tokens_a_step:.1f} tokens a step with drafts of their own text"),
        (work.recalled, f"{costs.scan_tokens_a_step:.1f} where there is none, with what was said before"),
    )
    gains = ", ".join(words for part, words in kinds if part)
    return f"{share}: {gains}" if gains else f"{share}; none are verified here (engine.drafts)"


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
