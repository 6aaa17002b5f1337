"""The official layout: names, texts, figures and the layouts PDF of the official script."""

import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pypdfium2
import pytest
from PIL import Image

from ocr_engine.config import OutputConfig
from ocr_engine.config.presets import OFFICIAL_PAGE_SPLIT
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.official_writer import OfficialWriter
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.outputs.writer import open_writer
from ocr_engine.records import PageRecord, PageStatus, PageTexts

MakeRecord = Callable[..., PageRecord]
FOLDER = PurePosixPath("X")
SPLIT = "\n\n<--- Page Split --->\n"


def writer_at(root: Path, name: str = "X.PDF") -> PageWriter:
    return open_writer(root, FOLDER, OutputConfig(layout="official"), name)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def texts(page: int) -> PageTexts:
    return PageTexts(f"raw {page}", det=f"det {page}{SPLIT}", mmd=f"mmd {page}{SPLIT}")


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_page_split_is_that_of_the_script() -> None:
    page_num = "\n<--- Page Split --->"
    assert f"\n{page_num}\n" == OFFICIAL_PAGE_SPLIT


def test_three_files_and_figures_by_page_index(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    assert isinstance(writer, OfficialWriter)
    figures = (("0002-1.jpg", b"a"), ("0002-2.jpg", b"b"))
    outputs = writer.save_page(record(2), texts(2), DrawnPage(figures, jpeg()))
    assert outputs[0] == "X/.pages/0002.det"
    writer.save_page(record(1), texts(1), DrawnPage((), jpeg()))
    assert not writer.merged
    assert writer.merge() == ("X/X.mmd", "X/X_det.mmd", "X/X_layouts.pdf")
    assert writer.merged
    folder = tmp_path / FOLDER
    assert names_in(folder) == {"X.mmd", "X_det.mmd", "X_layouts.pdf", "images", ".pages"}
    assert (folder / "X.mmd").read_bytes() == f"mmd 1{SPLIT}mmd 2{SPLIT}".encode()
    assert (folder / "X_det.mmd").read_bytes() == f"det 1{SPLIT}det 2{SPLIT}".encode()
    assert {name: (folder / "images" / name).read_bytes() for name in names_in(folder / "images")} == {
        "1_0.jpg": b"a",
        "1_1.jpg": b"b",
    }


def test_a_failed_page_keeps_its_slot_in_every_file(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    for page in (1, 3):
        writer.save_page(record(page), texts(page), DrawnPage((), jpeg()))
    writer.save_page(record(2, PageStatus.FAILED, "broken", geometry=None, blocks=()), PageTexts(""), None)
    writer.merge()
    assert (tmp_path / "X/X.mmd").read_text() == f"mmd 1{SPLIT}{SPLIT}mmd 3{SPLIT}"
    document = pypdfium2.PdfDocument(tmp_path / "X/X_layouts.pdf")
    assert [document[index].get_size() for index in range(3)] == [
        (100.0, 150.0),
        (595.0, 842.0),
        (100.0, 150.0),
    ]
    document.close()


def test_without_drawings_there_is_no_layouts_file(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(1), DrawnPage((), jpeg()))
    writer.merge()
    writer.save_page(record(1), texts(1), None)
    assert writer.merge() == ("X/X.mmd", "X/X_det.mmd")
    assert not (tmp_path / "X/X_layouts.pdf").exists()
    assert names_in(tmp_path / "X/.pages") == {"0001.det", "0001.mmd", "0001.raw.md", "pages.jsonl"}


@pytest.mark.parametrize("name", ["my_pdf_report.pdf", "X.PDF", "a.tar.pdf"])
def test_names_the_script_gets_wrong(tmp_path: Path, record: MakeRecord, name: str) -> None:
    writer = writer_at(tmp_path, name)
    writer.save_page(record(1), texts(1), DrawnPage((), jpeg()))
    stem = name.rpartition(".")[0]
    assert writer.merge() == (f"X/{stem}.mmd", f"X/{stem}_det.mmd", f"X/{stem}_layouts.pdf")


def test_earlier_attempts_leave_nothing_and_stored_pages_come_back(
    tmp_path: Path, record: MakeRecord
) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(1), DrawnPage((("0001-1.jpg", b"a"), ("0001-2.jpg", b"b")), jpeg()))
    writer.save_page(record(1), texts(1), DrawnPage((("0001-1.jpg", b"c"),)))
    assert names_in(tmp_path / "X/images") == {"0_0.jpg"}
    assert writer_at(tmp_path).stored(1, "read.other") == (record(1), "raw 1")
    writer.merge()
    writer.unmerge()
    assert names_in(tmp_path / "X") == {"images", ".pages"}
