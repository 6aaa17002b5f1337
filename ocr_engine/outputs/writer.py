"""Ready records, texts and drawings in, one document's files out (`layout: tree`). Knows no model output.

    <document>.md   pages/0001.md   pages/0001.raw.md   figures/0001-1.jpg   layout/0001.jpg
    tables/0001-1.csv   pages.jsonl

Every file is whole or not there; `pages.jsonl` gets a page's line after the page's files.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ocr_engine.config import OutputConfig
from ocr_engine.formats import LAYOUTS
from ocr_engine.outputs.document_folder import (
    DocumentFolder,
    Files,
    JoinPages,
    ReadyPage,
    keeps_raw,
    marker,
)
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.geometry import geometry_figure
from ocr_engine.outputs.names import safe_name
from ocr_engine.outputs.page_store import NAME as STORE_NAME
from ocr_engine.outputs.page_store import ContentOf
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.records import PageRecord, page_stem

# Images of the page's own text were made harmless: every link of this form is one of ours.
FIGURE_LINK = re.compile(r"(!\[\]\()\.\./(figures/[0-9]{4,}-[0-9]+\.jpg\))")
_FIGURE_SUFFIXES = (".jpg", ".card.jpg", ".raw.md", ".geo.jpg")


def open_writer(
    root: Path,
    folder: PurePosixPath,
    config: OutputConfig,
    document_name: str,
    join_pages: JoinPages | None = None,
) -> PageWriter:
    """The writer of the configured layout for the document `document_name` (its file name, with suffix).

    `join_pages` puts together what page breaks cut, in the merged file of `layout: tree`.
    Raises OutputError when something that is not a file stands where `pages.jsonl` belongs.
    """
    layout = LAYOUTS[config.layout]
    opened: PageWriter = layout.function(layout.writer)(root, folder, config, document_name, join_pages)
    return opened


class DocumentWriter(PageWriter):
    """Writes the tree layout; a `PageWriter`."""

    def __init__(
        self,
        root: Path,
        folder: PurePosixPath,
        config: OutputConfig,
        document_name: str,
        join_pages: JoinPages | None = None,
    ) -> None:
        self._config = config
        self._join_pages = join_pages
        super().__init__(DocumentFolder(root, folder, "", ("pages", "figures", "layout", "tables")))
        self._merged_name = f"{safe_name(PurePosixPath(document_name).stem)}.md"

    @property
    def made(self) -> tuple[Path, ...]:
        """The merged file."""
        return (self.files.path / self._merged_name,)

    @property
    def merged(self) -> bool:
        """Whether the merged file is there just where it is wanted."""
        return (self.files.path / self._merged_name).is_file() == self._config.merge

    def page_files(self, page: ReadyPage) -> Files:
        """Text, raw text, figures, overlay. A page that is not done starts with a marker."""
        record, texts, drawn = page.record, page.texts, page.drawn or DrawnPage()
        stem = page_stem(record.page)
        return {
            f"pages/{stem}.md": _page_text(record, texts.markdown),
            f"pages/{stem}.raw.md": texts.raw if self._config.raw and keeps_raw(record, texts) else None,
            **{f"figures/{name}": data for name, data in drawn.figures},
            **{f"figures/{PurePosixPath(name).stem}.card.jpg": data for name, data in drawn.cards},
            **self._figure_files(record),
            **{f"tables/{stem}-{k}.csv": table for k, table in enumerate(texts.tables, 1)},
            f"layout/{stem}.jpg": drawn.overlay,
            f"layout/{stem}.geo.jpg": geometry_figure(texts.raw) if record.prompt == "figure" else None,
            f"pages/{stem}.jpg": drawn.page,
        }

    def tidy(self, page: ReadyPage, written: tuple[str, ...]) -> None:
        """Figures and tables beyond those of now."""
        stem = page_stem(page.record.page)
        count = sum(len(block.figures) for block in page.record.blocks)
        self.files.remove_stale(f"figures/{stem}-{{}}", _FIGURE_SUFFIXES, count, written)
        self.files.remove_numbered(f"tables/{stem}-{{}}.csv", first=len(page.texts.tables) + 1)

    def _figure_files(self, record: PageRecord) -> dict[str, bytes | str]:
        """Of figures that were read again: the raw text, and the drawing where it describes one."""
        files: dict[str, bytes | str] = {}
        for read in record.figure_texts:
            name = f"figures/{PurePosixPath(read.name).stem}"
            if read.text and self._config.raw:
                files[f"{name}.raw.md"] = read.text
            if (drawing := geometry_figure(read.text)) is not None:
                files[f"{name}.geo.jpg"] = drawing
        return files

    def unmerge(self) -> None:
        """Take the merged file away."""
        self.files.remove(self._merged_name)

    def drop_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Take away pages that were read from other bytes than these."""
        pages = self.files.store.of_other_content(content_of)
        patterns = ("pages/{}.md", "pages/{}.raw.md", "pages/{}.jpg", "layout/{}.jpg", "layout/{}.geo.jpg")
        for page in pages:
            self.files.remove_stale(f"figures/{page_stem(page)}-{{}}", _FIGURE_SUFFIXES, 0, ())
            self.files.remove_numbered(f"tables/{page_stem(page)}-{{}}.csv", first=1)
        return self.files.drop({page: [name.format(page_stem(page)) for name in patterns] for page in pages})

    def merge(self) -> tuple[str, ...]:
        """Write the merged file page by page, and bring the records into page order."""
        positions = self.files.compact()
        if not self._config.merge:
            self.unmerge()
            return (self.files.below_root(STORE_NAME),)
        path = self.files.path / self._merged_name
        records = self.files.store.at(positions)
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            contents = self._join_pages.contents(records) if self._join_pages else ""
            file.write(contents.encode("utf-8", "replace"))
            for at, (record, text) in enumerate(self._joined(records)):
                slot = self._slot(record) if text is None else self._slot(record, _page_text(record, text))
                file.write((("\n" if at or contents else "") + slot).encode("utf-8", "replace"))
        return self.files.below_root(self._merged_name), self.files.below_root(STORE_NAME)

    def _joined(self, records: Iterable[PageRecord]) -> Iterator[tuple[PageRecord, str | None]]:
        return self._join_pages(records) if self._join_pages else ((record, None) for record in records)

    def _slot(self, record: PageRecord, text: str | None = None) -> str:
        """One page of the merged file: its separator, its text with links seen from there, a line end."""
        text = self.files.read(f"pages/{page_stem(record.page)}.md") if text is None else text
        if text is None:
            text = f"<!-- page {record.page}: its file is missing; run again with --force -->"
        separator = self._config.page_separator.replace("{page}", str(record.page))
        parts = [part for part in (separator, FIGURE_LINK.sub(r"\1\2", text).strip("\n")) if part.strip()]
        return "\n\n".join(parts) + "\n"


def _page_text(record: PageRecord, markdown: str) -> str:
    """A page's own file: its text, after a marker where the page is not done."""
    parts = [part for part in (marker(record), markdown.strip("\n")) if part.strip()]
    return "\n\n".join(parts) + "\n" if parts else ""
