"""`layout: official-image` and `official-eval`: the files of the official scripts that write a page each.

    official-image   result_ori.mmd  result.mmd  images/<k>.jpg  result_with_boxes.jpg  geo.jpg (geometry)
    official-eval    NAME.md  NAME_det.md

The scripts know single images; further pages of a document are below `pages/<page>/`. A page that failed has
empty files, so that its slot is there.
"""

from abc import abstractmethod
from pathlib import Path, PurePosixPath

from ocr_engine.config import OutputConfig
from ocr_engine.outputs.document_folder import (
    DocumentFolder,
    Files,
    JoinPages,
    ReadyPage,
    keeps_raw,
)
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.geometry import geometry_figure
from ocr_engine.outputs.names import HIDDEN, safe_name
from ocr_engine.outputs.page_store import NAME as STORE_NAME
from ocr_engine.outputs.page_store import ContentOf
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.records import PageTexts, page_stem

_PAGES = HIDDEN


class OfficialPageWriter(PageWriter):
    """Writes what a script writes of each page; a `PageWriter`."""

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
        super().__init__(DocumentFolder(root, folder, _PAGES, ("", _PAGES, "images")))
        self._name = safe_name(PurePosixPath(document_name).stem)

    @abstractmethod
    def files_of(self, texts: PageTexts, drawn: DrawnPage) -> Files:
        """A page's files but for its figures, by their names where the page is; None where one has to go."""

    @property
    def made(self) -> tuple[Path, ...]:
        """Nothing is made of all pages."""
        return ()

    @property
    def merged(self) -> bool:
        """Nothing is made of all pages."""
        return True

    def page_files(self, page: ReadyPage) -> Files:
        """The page's files and figures, and its raw text."""
        record, texts, drawn = page.record, page.texts, page.drawn or DrawnPage()
        at, raw = self.place(record.page), texts.raw if keeps_raw(record, texts) else None
        return {
            **{f"{at}{name}": data for name, data in self.files_of(texts, drawn).items()},
            **{f"{at}images/{k}.jpg": data for k, (_, data) in enumerate(drawn.figures)},
            f"{_PAGES}/{page_stem(record.page)}.raw.md": raw,
        }

    def tidy(self, page: ReadyPage, written: tuple[str, ...]) -> None:
        """Figures beyond those of now."""
        first = len(page.drawn.figures) if page.drawn else 0
        self.files.remove_numbered(self.place(page.record.page) + "images/{}.jpg", first=first)

    def outputs_of(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """Their records are outputs, too: nothing else shows that a page of these layouts was written."""
        return (self.files.below_root(f"{_PAGES}/{STORE_NAME}"), *written)

    def unmerge(self) -> None:
        """Nothing is made of all pages."""

    def drop_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Take away pages that were read from other bytes than these."""
        pages = self.files.store.of_other_content(content_of)
        for page in pages:
            self.files.remove_numbered(self.place(page) + "images/{}.jpg", first=0)
        return self.files.drop({page: self._names(page) for page in pages})

    def merge(self) -> tuple[str, ...]:
        """Bring the records into page order."""
        self.files.compact()
        return (self.files.below_root(f"{_PAGES}/{STORE_NAME}"),)

    def _names(self, page: int) -> list[str]:
        files = self.files_of(PageTexts(raw=""), DrawnPage())
        return [*(self.place(page) + name for name in files), f"{_PAGES}/{page_stem(page)}.raw.md"]

    @staticmethod
    def place(page: int) -> str:
        """Where a page's files are: the first beside one another as the scripts have them."""
        return "" if page == 1 else f"pages/{page_stem(page)}/"


class ImageWriter(OfficialPageWriter):
    """Writes what `run_dpsk_ocr_image.py` writes."""

    def files_of(self, texts: PageTexts, drawn: DrawnPage) -> Files:
        """Raw and clean text, the page with its boxes, the drawing of a page that is one figure."""
        return {
            "result_ori.mmd": texts.det,
            "result.mmd": texts.mmd,
            "result_with_boxes.jpg": drawn.overlay,
            "geo.jpg": geometry_figure(texts.mmd),
        }


class EvalWriter(OfficialPageWriter):
    """Writes what `run_dpsk_ocr_eval_batch.py` writes."""

    def files_of(self, texts: PageTexts, drawn: DrawnPage) -> Files:
        """Clean and raw text."""
        return {f"{self._name}.md": texts.mmd, f"{self._name}_det.md": texts.det}
