"""`layout: page-folders`: a folder a page and one merged file, as scripts around the Hugging Face code do it.

    merged_output.md   page_0/: result.mmd  result_ori.mmd  images/<k>.jpg  result_with_boxes.jpg  geo.jpg

Pages count from 0 in these names. `result.mmd` is the official image script's, letter for letter.
"""

from pathlib import Path

from ocr_engine.outputs.document_folder import marker
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.official_page_writer import ImageWriter
from ocr_engine.records import PageRecord

MERGED_NAME = "merged_output.md"


class PageFolderWriter(ImageWriter):
    """Writes the layout; a `PageWriter`."""

    @property
    def made(self) -> tuple[Path, ...]:
        """The merged file."""
        return (self.files.path / MERGED_NAME,)

    @property
    def merged(self) -> bool:
        """Whether the merged file is there just where it is wanted."""
        return (self.files.path / MERGED_NAME).is_file() == self._config.merge

    def unmerge(self) -> None:
        """Take the merged file away."""
        self.files.remove(MERGED_NAME)

    def merge(self) -> tuple[str, ...]:
        """Write the merged file page by page, its figures linked where they are, and order the records."""
        positions = self.files.compact()
        if not self._config.merge:
            self.unmerge()
            return ()
        path = self.files.path / MERGED_NAME
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            for at, record in enumerate(self.files.store.iterate(positions)):
                file.write((("\n" if at else "") + self._slot(record)).encode("utf-8", "replace"))
        return (self.files.below_root(MERGED_NAME),)

    def _slot(self, record: PageRecord) -> str:
        """One page of the merged file: separator, marker where it is not done, text, a line end."""
        place = self.place(record.page)
        text = (self.files.read(f"{place}result.mmd") or "").replace("![](images/", f"![]({place}images/")
        separator = self._config.page_separator.replace("{page}", str(record.page))
        parts = [part for part in (separator, marker(record), text.strip("\n")) if part.strip()]
        return "\n\n".join(parts) + "\n"

    @staticmethod
    def place(page: int) -> str:
        """The page's folder."""
        return f"page_{page - 1}/"
