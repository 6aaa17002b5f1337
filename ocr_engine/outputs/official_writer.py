"""`layout: official`: the file names, texts and figures of the official `run_dpsk_ocr_pdf.py`.

    NAME_det.mmd   NAME.mmd   NAME_layouts.pdf   images/<page index>_<k>.jpg   .pages/ (pages as they come in)

Mended: a page without end of sequence keeps its slot, so page indexes count all pages; `X.PDF` and names that
hold `pdf` get their three files; the layouts PDF has the source's page size and holds one page in memory.
"""

from pathlib import Path, PurePosixPath

from ocr_engine.config import OutputConfig
from ocr_engine.config.presets import OFFICIAL_PAGE_SPLIT
from ocr_engine.outputs.document_folder import (
    DocumentFolder,
    Files,
    JoinPages,
    ReadyPage,
    keeps_raw,
)
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jpeg_pdf import JpegPdf
from ocr_engine.outputs.jsonl import Position
from ocr_engine.outputs.names import HIDDEN, safe_name
from ocr_engine.outputs.page_store import ContentOf
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.records import A4, page_stem

_PAGES = HIDDEN


class OfficialWriter(PageWriter):
    """Writes the official layout; a `PageWriter`."""

    def __init__(
        self,
        root: Path,
        folder: PurePosixPath,
        config: OutputConfig,
        document_name: str,
        join_pages: JoinPages | None = None,
    ) -> None:
        """`join_pages` is for layouts that write text of our own."""
        self._config = config
        super().__init__(DocumentFolder(root, folder, _PAGES, (_PAGES, "images")))
        self._name = safe_name(PurePosixPath(document_name).stem)

    @property
    def made(self) -> tuple[Path, ...]:
        """The three merged files; the layouts are not there where no page has one."""
        return tuple(self.files.path / name for name in self._merged_names())

    @property
    def merged(self) -> bool:
        """Whether `NAME.mmd`, which is written last, is there."""
        return (self.files.path / f"{self._name}.mmd").is_file()

    def page_files(self, page: ReadyPage) -> Files:
        """The page's pieces of the merged files, and its figures."""
        record, texts, drawn = page.record, page.texts, page.drawn or DrawnPage()
        stem = f"{_PAGES}/{page_stem(record.page)}"
        return {
            f"{stem}.det": texts.det or OFFICIAL_PAGE_SPLIT,
            f"{stem}.mmd": texts.mmd or OFFICIAL_PAGE_SPLIT,
            f"{stem}.raw.md": texts.raw if keeps_raw(record, texts) else None,
            **{_image(record.page).format(k): data for k, (_, data) in enumerate(drawn.figures)},
            f"{stem}.jpg": drawn.overlay,
        }

    def tidy(self, page: ReadyPage, written: tuple[str, ...]) -> None:
        """Figures beyond those of now."""
        first = len(page.drawn.figures) if page.drawn else 0
        self.files.remove_numbered(_image(page.record.page), first=first)

    def unmerge(self) -> None:
        """Take the three merged files away."""
        for name in self._merged_names():
            self.files.remove(name)

    def drop_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Take away pages that were read from other bytes than these."""
        pages = self.files.store.of_other_content(content_of)
        suffixes = (".det", ".mmd", ".raw.md", ".jpg")
        names = {page: [f"{_PAGES}/{page_stem(page)}{suffix}" for suffix in suffixes] for page in pages}
        for page in pages:
            self.files.remove_numbered(_image(page), first=0)
        return self.files.drop(names)

    def merge(self) -> tuple[str, ...]:
        """Write the layouts (where any page has one), the raw and the clean text, page by page."""
        positions = self.files.compact()
        layouts, det, mmd = self._merged_names()
        written = [layouts] if self._merge_layouts(layouts, positions) else []
        self._merge_texts(det, ".det", positions)
        self._merge_texts(mmd, ".mmd", positions)
        return tuple(self.files.below_root(name) for name in (mmd, det, *written))

    def _merged_names(self) -> tuple[str, str, str]:
        return f"{self._name}_layouts.pdf", f"{self._name}_det.mmd", f"{self._name}.mmd"

    def _merge_texts(self, name: str, suffix: str, positions: dict[int, Position]) -> None:
        path = self.files.path / name
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            for page in positions:
                text = self.files.read(f"{_PAGES}/{page_stem(page)}{suffix}")
                file.write((OFFICIAL_PAGE_SPLIT if text is None else text).encode("utf-8", "replace"))

    def _merge_layouts(self, name: str, positions: dict[int, Position]) -> bool:
        """The drawn pages as a PDF; a page without a drawing is an empty page of its size."""
        pages = self.files.path / _PAGES
        if not any((pages / f"{page_stem(page)}.jpg").exists() for page in positions):
            self.files.remove(name)
            return False
        path = self.files.path / name
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            pdf = JpegPdf(file)
            for record in self.files.store.iterate(positions):
                size, drawing = record.geometry or A4, pages / f"{page_stem(record.page)}.jpg"
                jpeg = drawing.read_bytes() if drawing.exists() else None
                pdf.add_page(jpeg, size.width_pt, size.height_pt)
            pdf.close()
        return True


def _image(page: int) -> str:
    """The name of a page's figures (page from 1), their number left open."""
    return f"images/{page - 1}_{{}}.jpg"
