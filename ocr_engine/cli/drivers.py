"""One driver of several: its output folder, the documents that it takes, what it tells the others."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ocr_engine.config import WRITE_KEYS, Config, fingerprint, read_keys
from ocr_engine.conversion.source import Source
from ocr_engine.log import logger, printable
from ocr_engine.outputs.mirror import OnSync
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document
from ocr_engine.sharing import board as boards
from ocr_engine.sharing import places
from ocr_engine.sharing.claims import Claims
from ocr_engine.sharing.shard import Shard
from ocr_engine.sharing.taking import Taking
from ocr_engine.urls import is_url, local_path

Items = Iterable[Document | Refused]


@dataclass(frozen=True, slots=True)
class DriverPart:
    """What one run does of a corpus: all of it, or what it takes as a driver."""

    config: Config
    """Its `output.path` is the driver's own folder."""
    found: Items | Source
    is_whole: bool = True
    on_sync: OnSync | None = None
    """For an output folder in a store; see `outputs.mirror`."""


@contextmanager
def part_of(config: Config, find: Callable[[], Items], *, to_write: bool = True) -> Iterator[DriverPart]:
    """The part of the run that the config asks for. A dry run takes nothing. Raises OutputError."""
    drivers = config.drivers
    if drivers.shard:
        shard = Shard.parse(drivers.shard)
        yield DriverPart(_below(config, drivers.name or shard.name), shard.of(find()), is_whole=False)
    elif drivers.claim and to_write:
        with _taking(config, drivers.name or places.new_name(), find) as part:
            yield part
    else:
        yield DriverPart(config, find())


def _below(config: Config, driver: str) -> Config:
    path = places.run_of(config.output.path, driver)
    logger.info(
        "driver %s: its part is written to %s; `deepseek-ocr merge` brings all parts together", driver, path
    )
    return replace(config, output=replace(config.output, path=path))


@contextmanager
def _taking(config: Config, driver: str, find: Callable[[], Items]) -> Iterator[DriverPart]:
    board = boards.board_at(places.claims_of(config.output.path))
    boards.check(board, printable(config.output.path))
    claims = Claims(board, driver, config.drivers.lease_s, salt_of(config))
    in_store = is_url(config.output.path)
    taking = Taking(claims, find, driver, config.drivers.lease_s, partial(_folder_of, config.output.path))
    source = taking if in_store else _AtOnce(taking)
    claims.start()
    if others := claims.of_other_config():
        logger.warning(
            "drivers.claim: %s work by another config or model: documents are done by both, and either copy"
            " may count; give all drivers the same config, mode and --set",
            ", ".join(others),
        )
    try:
        yield DriverPart(
            _below(config, driver), source, is_whole=False, on_sync=taking.publish if in_store else None
        )
    finally:
        claims.end()


def salt_of(config: Config) -> str:
    """What documents are done again for: all that changes what is read, or how it is written."""
    return fingerprint(config, (*read_keys(config), *WRITE_KEYS, "engine.model", "engine.lora"))


def _folder_of(output: str, driver: str) -> Path | None:
    """Another driver's output folder; one in a store would have to be fetched first."""
    return None if is_url(output) else Path(local_path(places.run_of(output, driver))).expanduser()


class _AtOnce:
    """For a folder that all see: a document whose last line is in the journal is done for all."""

    def __init__(self, taking: Taking) -> None:
        self._taking = taking
        self.documents, self.before = taking.documents, taking.before

    def ended(self, item: Document | Refused) -> None:
        self._taking.ended(item)
        self._taking.publish()()
