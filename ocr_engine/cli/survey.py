"""`--dry-run`: what a run would read, document by document, and with what. Starts and writes nothing."""

from collections.abc import Iterable, Iterator, Mapping

from ocr_engine import log
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import PageNeeds
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
    total, readable = dict.fromkeys(PageNeeds, 0), 0
    for line in plan_head(config, info):
        print(line)
    async for item in conversion.survey(found):
        counts = {need: item.needs[need] for need in PageNeeds}
        total = {need: total[need] + counts[need] for need in PageNeeds}
        readable += not item.reason
        print(f"{log.printable(item.given)}: {item.reason or needs_words(counts)}")
    print(f"in all: {needs_words(total)}")
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


def needs_words(counts: Mapping[PageNeeds, int]) -> str:
    """How many pages need what."""
    read, write, nothing = (counts[need] for need in (PageNeeds.READ, PageNeeds.WRITE, PageNeeds.NOTHING))
    return f"{read:,} pages to read, {write:,} to write again from stored text, {nothing:,} unchanged"


def plan_head(config: Config, info: EngineInfo) -> Iterator[str]:
    """What the pages would be read with, and where to."""
    yield info.reason
    output = f"{config.output.path} (layout: {config.output.layout})"
    yield f"mode: {config.mode}; prompt: {config.prompt}; output: {output}"
