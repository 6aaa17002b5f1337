"""The exports: other forms of finished documents, made at the end of a run."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

_ROOM = "ocr_engine.outputs.exports"


class MadeOf(Enum):
    """What one call of an export's `write` is given."""

    DOCUMENT = "write(document, path): one `SourceDocument`, in a worker; may return lines for people"
    RUN = "write(documents, path): all of them, in the order of their folders"
    FILES = "write(root, folders, path): the documents' folders, after all other exports"


@dataclass(frozen=True, slots=True)
class Export:
    """One export: its switch, its file, and what makes it."""

    key: str
    """The switch below `output` in the config, off by default."""
    target: str
    """The file or folder, in the document's folder or the output folder; `{name}` is the document's."""
    write: str
    """`module:function`."""
    made_of: MadeOf = MadeOf.DOCUMENT
    options: tuple[str, ...] = ()
    """Further keys of the config that it is made by."""
    of_chunks: bool = False
    """Whether it holds documents in chunks: their size and their links are part of what it is made of."""
    needs_pictures: bool = False
    """Whether the pages' pictures are kept for it while they are read."""
    needs_lines: bool = False
    """Whether records say for it where the lines of blocks stand, where a text layer tells."""
    needs_differences: bool = False
    """Whether records say for it what the page's own text has where a block is unlike it."""
    remove: str = ""
    """What takes away a folder, `remove(path, last_page)`; a file needs none."""
    require: str = ""
    """What raises OutputError, before a run, where the export could not be made after it."""

    @property
    def needs_records(self) -> bool:
        """Whether it is made of the pages' records and texts, not of whatever files there are."""
        return self.made_of is not MadeOf.FILES

    def function(self, reference: str) -> Callable[..., Any]:
        """One of the functions that the record names, imported now."""
        found: Callable[..., Any] = pkgutil.resolve_name(reference)
        return found


REVIEW = Export(
    "review",
    "review",
    f"{_ROOM}.review:write",
    needs_pictures=True,
    needs_differences=True,
    remove=f"{_ROOM}.review:remove",
)
_ALL = (
    REVIEW,
    Export("html", "{name}.html", f"{_ROOM}.html:write"),
    Export(
        "searchable_pdf",
        "{name}.pdf",
        f"{_ROOM}.searchable_pdf:write",
        options=("output.searchable_kind", "output.searchable_pdfa"),
        needs_pictures=True,
        needs_lines=True,
    ),
    *(
        Export(
            key,
            f"{{name}}.{suffix}",
            f"{_ROOM}.pandoc:write_{key}",
            require=f"{_ROOM}.pandoc:require_{key}",
        )
        for key, suffix in (("docx", "docx"), ("epub", "epub"), ("latex", "tex"))
    ),
    Export("places", "{name}.places.jsonl", f"{_ROOM}.places_file:write", needs_lines=True),
    Export(
        "alto",
        "alto",
        f"{_ROOM}.alto:write",
        needs_pictures=True,
        needs_lines=True,
        remove=f"{_ROOM}.alto:remove",
        require=f"{_ROOM}.alto:require",
    ),
    Export("hocr", "{name}.hocr", f"{_ROOM}.hocr:write", needs_pictures=True, needs_lines=True),
    Export("docling", "{name}.docling.json", f"{_ROOM}.docling:write", needs_lines=True),
    Export("xlsx", "{name}.xlsx", f"{_ROOM}.xlsx:write", require=f"{_ROOM}.xlsx:require"),
    Export("jsonl", "documents.jsonl", f"{_ROOM}.jsonl:write", MadeOf.RUN),
    Export(
        "parquet", "pages.parquet", f"{_ROOM}.parquet:write", MadeOf.RUN, require=f"{_ROOM}.parquet:require"
    ),
    Export("chunks", "chunks.jsonl", f"{_ROOM}.chunks:write", MadeOf.RUN, of_chunks=True),
    Export(
        "chunks_parquet",
        "chunks.parquet",
        f"{_ROOM}.chunks_parquet:write",
        MadeOf.RUN,
        of_chunks=True,
        require=f"{_ROOM}.chunks_parquet:require",
    ),
    Export("zip", "outputs.zip", f"{_ROOM}.archive:write", MadeOf.FILES),
)
EXPORTS: dict[str, Export] = {export.key: export for export in _ALL}
"""Every export by its key, in the order they are made. The one list to add to."""


def exports_of(made_of: MadeOf) -> tuple[Export, ...]:
    """The exports that are made of this."""
    return tuple(export for export in EXPORTS.values() if export.made_of is made_of)
