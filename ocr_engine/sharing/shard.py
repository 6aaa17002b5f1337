"""`drivers.shard: I/N`: the documents of one of N drivers, by a hash of the folder that each is written to.

By folder: documents that would share a name are in one shard, in the order of a single run, so each gets the
name that it has there. Not by content, for which each driver would read the whole corpus.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ocr_engine.outputs.names import first_folder
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document

_KEY_BYTES = 12
_NAME = re.compile(r"shard-(\d{1,9})-of-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th of `count`, from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `I/N`, which the config has checked."""
        number, _, count = text.partition("/")
        return cls(int(number), int(count))

    @property
    def name(self) -> str:
        """Of the driver, the same in every run of the shard."""
        return f"shard-{self.number}-of-{self.count}"

    def of(self, found: Iterable[Document | Refused]) -> Iterator[Document | Refused]:
        """What of it is this shard's, in order."""
        return (item for item in found if int(key_of(item), 16) % self.count == self.number - 1)


def missing(drivers: Iterable[str]) -> list[str]:
    """Of the shards whose drivers have these names, those that are not there, as `I/N`."""
    found = {(int(one[1]), int(one[2])) for name in drivers if (one := _NAME.fullmatch(name))}
    counts = {count for _, count in found}
    return [f"{number}/{count}" for count in sorted(counts) for number in range(1, count + 1)
            if (number, count) not in found]  # fmt: skip


def key_of(item: Document | Refused) -> str:
    """The same for documents that would share a folder, whatever the machine; hexadecimal."""
    text = first_folder(item) if isinstance(item, Document) else f"\0{item.given}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_KEY_BYTES).hexdigest()
