"""`layout: page-folders`: a folder a page, one merged file whose links are right."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ocr_engine.config import OutputConfig
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.outputs.writer import open_writer
from ocr_engine.records import JournalRow, PageRecord, PageStatus, PageTexts

MakeRecord = Callable[..., PageRecord]
FOLDER = PurePosixPath("in/report")


def writer_at(root: Path, layout: str = "page-folders", **config: object) -> PageWriter:
    return open_writer(root, FOLDER, OutputConfig(layout=layout, **config), "report.pdf")  # type: ignore[arg-type]


def save(writer: PageWriter, record: PageRecord, figures: int = 1) -> tuple[str, ...]:
    links = "".join(f"![](images/{k}.jpg)\n" for k in range(figures))
    drawn = DrawnPage(tuple((f"{k}.jpg", b"jpeg") for k in range(figures)), b"boxes")
    texts = PageTexts("raw", det="raw", mmd=f"# Page {record.page}\n{links}")
    return writer.save_page(record, texts, drawn)


def names(root: Path) -> set[str]:
    folder = root / FOLDER
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_a_page_and_links_that_are_right(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    save(writer, record(2), figures=2)
    save(writer, record(1))
    assert not writer.merged
    assert writer.merge() == ("in/report/merged_output.md",) and writer.merged
    page = {
        f"page_0/{name}" for name in ("result.mmd", "result_ori.mmd", "result_with_boxes.jpg", "images/0.jpg")
    }
    assert page | {"page_1/images/1.jpg", "merged_output.md", ".pages/pages.jsonl"} <= names(tmp_path)
    assert (tmp_path / FOLDER / "merged_output.md").read_text() == (
        "<!-- page 1 -->\n\n# Page 1\n![](page_0/images/0.jpg)\n\n"
        "<!-- page 2 -->\n\n# Page 2\n![](page_1/images/0.jpg)\n![](page_1/images/1.jpg)\n"
    )
    assert (tmp_path / FOLDER / "page_0/result.mmd").read_text() == "# Page 1\n![](images/0.jpg)\n"


def test_a_failed_page_keeps_its_slot_and_old_figures_go(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path, page_separator="<!-- Page {page} -->")
    save(writer, record(1), figures=2)
    writer.save_page(record(1, PageStatus.FAILED, "it broke", blocks=()), PageTexts(""), None)
    writer.merge()
    merged = (tmp_path / FOLDER / "merged_output.md").read_text()
    assert merged == "<!-- Page 1 -->\n\n<!-- page 1: failed: it broke -->\n"
    assert not {name for name in names(tmp_path) if "images" in name}


def test_without_merging_there_is_no_merged_file(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    save(writer, record(1))
    writer.merge()
    without = writer_at(tmp_path, merge=False)
    assert not without.merged
    without.merge()
    assert "merged_output.md" not in names(tmp_path) and without.merged
    writer.merge()
    writer.unmerge()
    assert "merged_output.md" not in names(tmp_path)


def test_what_is_stored_comes_back(tmp_path: Path, record: MakeRecord) -> None:
    save(writer_at(tmp_path), record(3))
    stored = writer_at(tmp_path).stored(3, "read.other")
    assert stored is not None and stored[1] == "raw" and stored[0].page == 3


def test_a_later_run_finds_the_documents_folder_again(tmp_path: Path, record: MakeRecord) -> None:
    for layout in ("tree", "page-folders", "official", "official-image", "official-eval"):
        root = tmp_path / layout
        journal = Journal(root / "journal.jsonl")
        for item in (record(1), record(2), record(3, PageStatus.FAILED, "it broke", blocks=())):
            writer = writer_at(root, layout)
            outputs = save(writer, item) if item.blocks else writer.save_page(item, PageTexts(""), None)
            journal.append(JournalRow("in/report.pdf", item.page, item.status, "", "r.w", outputs))
            assert journal.claims() == {"in/report": "in/report.pdf"}, layout
            assert all((root / output).is_file() for output in outputs)
        journal.close()
