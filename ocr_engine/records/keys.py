"""What pages are known by: their place below the output folder, and the fingerprint of their origin."""

import re
from dataclasses import dataclass, replace

_REQUEST_ID = re.compile(r"(.+)/pages/([0-9]+)(?:\+([0-9]+)([a-z]*))?", re.DOTALL)


def page_stem(number: int) -> str:
    """What the names of a page's files (1-based) start with: four digits, more where needed."""
    return f"{number:04d}"


@dataclass(frozen=True, slots=True)
class PageKey:
    """One attempt at one page: its document's folder below the output folder, and its 1-based number."""

    folder: str
    number: int
    attempt: int = 0
    """0 for the first."""
    part: str = ""
    """Of an attempt that reads a page in parts: which one."""

    @classmethod
    def parse(cls, request_id: str) -> "PageKey | None":
        """The key of a request; None where it asks for something else, such as a figure."""
        found = _REQUEST_ID.fullmatch(request_id)
        return cls(found[1], int(found[2]), int(found[3] or 0), found[4] or "") if found else None

    @property
    def stem(self) -> str:
        """What the names of the page's files start with."""
        return page_stem(self.number)

    @property
    def request_id(self) -> str:
        """What an engine knows the attempt by; `tree` has a page's raw text there, with `.raw.md`."""
        attempt = f"+{self.attempt}{self.part}" if self.attempt else ""
        return f"{self.folder}/pages/{self.stem}{attempt}"

    def again(self, attempt: int, part: str = "") -> "PageKey":
        """Another attempt at the same page."""
        return replace(self, attempt=attempt, part=part)

    def figure_id(self, name: str) -> str:
        """What an engine knows a figure of the document by; `name` is its file's."""
        return f"{self.folder}/figures/{name.removesuffix('.jpg')}"

    def table_id(self, block: int) -> str:
        """What an engine knows a table of the page by; `block` is its block's index."""
        return f"{self.folder}/tables/{self.stem}-{block + 1}"

    def __str__(self) -> str:
        attempt = f"+{self.attempt}{self.part}" if self.attempt else ""
        return f"{self.folder} page {self.stem}{attempt}"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a page came from: one hash names what was read, the other how it was written."""

    read: str
    write: str

    @classmethod
    def parse(cls, text: str) -> "Fingerprint":
        """From `READ.WRITE`, as records and journal rows hold it."""
        read, _, write = text.partition(".")
        return cls(read, write)

    def __str__(self) -> str:
        return f"{self.read}.{self.write}"
