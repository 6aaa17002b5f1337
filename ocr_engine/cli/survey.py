"""`--dry-run`: what a run would read, document by document, and with what. Starts and writes nothing."""

from collections.abc import Iterable, Iterator, Mapping

from ocr_engine import log
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.resume import Plan
from ocr_engine.engine import checkpoint
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.errors import ExitCode
from ocr_engine.families import guessed_family
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document


async def print_survey(
    conversion: Conversion, config: Config, info: EngineInfo, found: Iterable[Document | Refused]
) -> ExitCode:
    """Say what would be done; the exit code is that of a run that finds the same."""
    total, readable = dict.fromkeys(Plan, 0), 0
    for line in plan_head(config, info):
        print(line)
    async for item in conversion.survey(found):
        counts = {plan: item.plans[plan] for plan in Plan}
        total = {plan: total[plan] + counts[plan] for plan in Plan}
        readable += not item.reason
        print(f"{log.printable(item.given)}: {item.reason or plan_words(counts)}")
    print(f"in all: {plan_words(total)}")
    return ExitCode.OK if readable else ExitCode.NO_INPUT


def planned_engine(config: Config, engine: Engine) -> EngineInfo:
    """What would run. Unlike `Engine.identify` it downloads nothing: weights that are not here are named.

    Raises what `Engine.identify` raises.
    """
    if config.engine.backend == "vllm":
        try:
            checkpoint.resolve(config.engine.model, config.engine.revision, download=False)
        except checkpoint.NotDownloadedError as error:
            reason = f"model: {error.hub_id}, to be downloaded first"
            family = guessed_family(error.hub_id)
            return EngineInfo(error.hub_id, reason, "", 0, 1, "", family)
    return engine.identify()


def plan_words(counts: Mapping[Plan, int]) -> str:
    """How many pages need what."""
    return (
        f"{counts[Plan.READ]:,} pages to read, {counts[Plan.WRITE]:,} to write again from stored text, "
        f"{counts[Plan.NOTHING]:,} unchanged"
    )


def plan_head(config: Config, info: EngineInfo) -> Iterator[str]:
    """What the pages would be read with, and where to."""
    yield info.reason
    output = f"{config.output.path} (layout: {config.output.layout})"
    yield f"mode: {config.mode}; prompt: {config.prompt}; output: {output}"
