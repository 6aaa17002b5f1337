"""One document's files in the tree layout: contents, stale files, merging, resuming, faults."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from ocr_engine.config import OutputConfig
from ocr_engine.errors import OutputError
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import TEMPORARY_SUFFIX
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.outputs.writer import DocumentWriter, open_writer
from ocr_engine.records import PageRecord, PageStatus, PageTexts

MakeRecord = Callable[..., PageRecord]
FOLDER = PurePosixPath("in/report")


def texts(page: int = 1) -> PageTexts:
    return PageTexts(
        raw=f"<|ref|>raw {page}", markdown=f"# Page {page}\n\n![](../figures/{page:04d}-1.jpg)\n"
    )


def drawn(page: int = 1, figures: int = 1) -> DrawnPage:
    return DrawnPage(tuple((f"{page:04d}-{k}.jpg", b"jpeg") for k in range(1, figures + 1)), b"overlay")


def writer_at(root: Path, **config: object) -> PageWriter:
    return open_writer(root, FOLDER, OutputConfig(**config), "report.pdf")  # type: ignore[arg-type]


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_the_files_of_a_page(tmp_path: Path, record: MakeRecord) -> None:
    outputs = writer_at(tmp_path).save_page(record(1), texts(), drawn())
    assert outputs == (
        "in/report/pages/0001.md",
        "in/report/pages/0001.raw.md",
        "in/report/figures/0001-1.jpg",
        "in/report/layout/0001.jpg",
    )
    files = tree(tmp_path)
    assert set(files) == {*outputs, "in/report/pages.jsonl"}
    assert files["in/report/pages/0001.md"] == texts().markdown.encode()
    assert files["in/report/pages/0001.raw.md"] == texts().raw.encode()


def test_the_merged_file_holds_every_page_in_order_with_its_slot(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(2), texts(2), drawn(2))
    writer.save_page(
        record(4, PageStatus.FAILED, "cannot be rendered --> <b>\nat all", blocks=()), PageTexts(""), None
    )
    writer.save_page(record(3, PageStatus.TRUNCATED, "no end"), PageTexts("cut", "cut off\n"), None)
    writer.save_page(record(1), texts(1), drawn(1))
    writer.save_page(record(5, PageStatus.BLANK, "nothing to read", blocks=()), PageTexts(""), None)
    assert not writer.merged
    assert writer.merge() == ("in/report/report.md", "in/report/pages.jsonl")
    assert writer.merged
    assert (tmp_path / "in/report/report.md").read_text() == (
        "<!-- page 1 -->\n\n# Page 1\n\n![](figures/0001-1.jpg)\n\n"
        "<!-- page 2 -->\n\n# Page 2\n\n![](figures/0002-1.jpg)\n\n"
        "<!-- page 3 -->\n\n<!-- page 3: truncated: no end -->\n\ncut off\n\n"
        "<!-- page 4 -->\n\n<!-- page 4: failed: cannot be rendered - -> <b> at all -->\n\n"
        "<!-- page 5 -->\n\n<!-- page 5: blank: nothing to read -->\n"
    )


@pytest.mark.parametrize(
    ("separator", "merged"),
    [
        ("", "one\n\ntwo\n"),
        ("---", "---\n\none\n\n---\n\ntwo\n"),
        ("{page}{x}", "1{x}\n\none\n\n2{x}\n\ntwo\n"),
    ],
)
def test_page_separators(tmp_path: Path, record: MakeRecord, separator: str, merged: str) -> None:
    writer = writer_at(tmp_path, page_separator=separator)
    for page, text in ((1, "one\n"), (2, "two\n")):
        writer.save_page(record(page), PageTexts("raw", text), None)
    writer.merge()
    assert (tmp_path / FOLDER / "report.md").read_text() == merged


def test_the_order_of_pages_and_attempts_does_not_show(tmp_path: Path, record: MakeRecord) -> None:
    for name, order in (("a", (1, 2, 3)), ("b", (3, 2, 1, 2))):
        writer = writer_at(tmp_path / name)
        for page in order:
            writer.save_page(record(page), texts(page), drawn(page))
        writer.merge()
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_nothing_of_an_earlier_attempt_stays(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(), drawn(figures=5))
    writer.save_page(record(11), texts(11), drawn(11))
    writer.save_page(record(1), texts(), DrawnPage(drawn(figures=2).figures))
    figures = sorted(path.name for path in (tmp_path / FOLDER / "figures").iterdir())
    assert figures == ["0001-1.jpg", "0001-2.jpg", "0011-1.jpg"]
    assert not (tmp_path / FOLDER / "layout/0001.jpg").exists()
    writer.save_page(record(1, PageStatus.FAILED, "gone", blocks=()), PageTexts(""), None)
    assert sorted(path.name for path in (tmp_path / FOLDER).rglob("0001*")) == ["0001.md"]


def test_tables_are_files_of_their_own_and_old_ones_go(tmp_path: Path, record: MakeRecord) -> None:
    def save(*tables: str) -> tuple[str, ...]:
        return writer_at(tmp_path).save_page(
            record(1, content_id="one"), PageTexts("raw", "text", tables=tables), None
        )

    folder = tmp_path / FOLDER / "tables"
    assert {f"{FOLDER}/tables/0001-{k}.csv" for k in (1, 2, 3)} <= set(save("a,b\n", "c\n", "d\n"))
    save("x\n")
    assert [path.name for path in folder.iterdir()] == ["0001-1.csv"]
    assert (folder / "0001-1.csv").read_text() == "x\n"
    assert writer_at(tmp_path).drop_other_content(lambda page: "another") == (1,)
    assert list(folder.iterdir()) == []


def test_raw_text_is_kept_only_where_asked_for(tmp_path: Path, record: MakeRecord) -> None:
    writer_at(tmp_path).save_page(record(1), texts(), None)
    assert writer_at(tmp_path).stored(1, "read.other") == (record(1), texts().raw)
    writer_at(tmp_path, raw=False).save_page(record(1), texts(), None)
    assert not (tmp_path / FOLDER / "pages/0001.raw.md").exists()
    assert writer_at(tmp_path).stored(1, "read.other") is None


def test_what_is_stored_comes_back_for_a_resumed_run(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), PageTexts("a\r\nb ü", ""), None)
    writer.save_page(record(2, PageStatus.BLANK, blocks=()), PageTexts(""), None)
    writer.save_page(record(3, PageStatus.FAILED, blocks=()), PageTexts(""), None)
    again = writer_at(tmp_path)
    assert again.stored(1, "read.other") == (record(1), "a\r\nb ü")
    assert again.stored(2, "read.other") == (record(2, PageStatus.BLANK, blocks=()), "")
    assert again.stored(3, "read.other") is None
    assert again.stored(4, "read.other") is None


def test_without_merging_there_is_no_merged_file_and_the_records_are_in_order(
    tmp_path: Path, record: MakeRecord
) -> None:
    first = writer_at(tmp_path)
    for page in (2, 1):
        first.save_page(record(page), texts(page), None)
    first.merge()
    second = writer_at(tmp_path, merge=False)
    assert not second.merged
    second.save_page(record(1), texts(1), None)
    assert second.merge() == ("in/report/pages.jsonl",)
    assert second.merged
    assert not (tmp_path / FOLDER / "report.md").exists()


def test_unmerging_takes_the_merged_file_away(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(), None)
    writer.merge()
    writer.unmerge()
    assert not writer.merged
    writer.unmerge()


def test_a_lost_page_file_keeps_its_slot(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(), None)
    (tmp_path / FOLDER / "pages/0001.md").unlink()
    writer.merge()
    assert "page 1: its file is missing" in (tmp_path / FOLDER / "report.md").read_text()


def test_page_numbers_past_9999_stay_in_order(tmp_path: Path, record: MakeRecord) -> None:
    writer = writer_at(tmp_path, page_separator="")
    for page in (10_000, 9_999):
        writer.save_page(record(page), PageTexts("", f"{page} ![](../figures/{page}-1.jpg)\n"), None)
    writer.merge()
    assert (tmp_path / FOLDER / "report.md").read_text() == (
        "9999 ![](figures/9999-1.jpg)\n\n10000 ![](figures/10000-1.jpg)\n"
    )


@pytest.mark.parametrize(
    "name", ["../../evil.pdf", "-rf.pdf", "two\nlines.pdf", ".pdf", "\udcff.pdf", "x" * 250 + ".pdf"]
)
def test_hostile_document_names_stay_in_their_folder(tmp_path: Path, record: MakeRecord, name: str) -> None:
    writer = open_writer(tmp_path, FOLDER, OutputConfig(), name)
    writer.save_page(record(1), texts(), None)
    merged, _ = writer.merge()
    assert (tmp_path / merged).parent == tmp_path / FOLDER
    assert (tmp_path / merged).is_file()


def test_a_crash_at_any_write_is_healed_by_doing_the_page_again(
    tmp_path: Path, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(root: Path) -> None:
        writer = writer_at(root)
        writer.save_page(record(1), texts(), drawn())
        writer.merge()

    convert(tmp_path / "whole")
    expected = tree(tmp_path / "whole")
    real, crash_at = os.replace, 0
    while True:
        calls = 0

        def replace(source: Path, target: Path, crash_at: int = crash_at) -> None:
            nonlocal calls
            calls += 1
            if calls > crash_at:
                raise KeyboardInterrupt  # not an OSError: nothing of ours handles it
            real(source, target)

        root = tmp_path / f"crash{crash_at}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            try:
                convert(root)
            except KeyboardInterrupt:
                pass
            else:
                break
        convert(root)
        assert tree(root) == expected
        crash_at += 1
    assert crash_at >= 5, "text, raw text, figure, overlay, merged file"


def test_what_a_killed_run_left_half_written_is_swept(tmp_path: Path, record: MakeRecord) -> None:
    for subfolder in ("", "pages", "figures", "layout"):
        (tmp_path / FOLDER / subfolder).mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / subfolder / f".0123{TEMPORARY_SUFFIX}").write_text("half")
    writer_at(tmp_path).save_page(record(1), texts(), None)
    assert not list(tmp_path.rglob(f"*{TEMPORARY_SUFFIX}"))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, record: MakeRecord) -> None:
    with pytest.raises(OutputError, match="cannot be written: the disk is full"):
        writer_at(tmp_path).save_page(record(1), texts(), None)
    assert tree(tmp_path) in ({}, {"in/report/pages.jsonl": b""})


def test_a_documents_records_are_there_before_anything_else(
    tmp_path: Path, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    for layout, records in (("tree", "pages.jsonl"), ("page-folders", ".pages/pages.jsonl")):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("ocr_engine.outputs.document_folder.write_all_atomic", stop)
            writer_at(tmp_path / layout, layout=layout).save_page(record(1), texts(), None)
        assert tree(tmp_path / layout) == {f"in/report/{records}": b""}


def test_a_full_disk_while_merging_keeps_the_pages(
    tmp_path: Path, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_at(tmp_path)
    writer.save_page(record(1), texts(), None)
    before = tree(tmp_path)

    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=r"report\.md: cannot be written"):
        writer.merge()
    assert tree(tmp_path) == before


def test_merging_reads_one_page_at_a_time(
    tmp_path: Path, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_at(tmp_path)
    for page in range(1, 31):
        writer.save_page(record(page), PageTexts("", "x" * 1000), None)
    assert isinstance(writer, DocumentWriter)
    slots: list[int] = []
    sizes: list[int] = []
    merged = tmp_path / FOLDER
    real = DocumentWriter._slot

    def slot(self: DocumentWriter, item: PageRecord) -> str:
        slots.append(item.page)
        sizes.append(sum(path.stat().st_size for path in merged.glob(f".*{TEMPORARY_SUFFIX}")))
        return real(self, item)

    monkeypatch.setattr(DocumentWriter, "_slot", slot)
    writer.merge()
    assert slots == list(range(1, 31))
    assert sizes[-1] > 8_000, "earlier pages are on their way to disk before the last is read"


def test_joined_pages_are_written_as_the_joiner_gives_them(tmp_path: Path, record: MakeRecord) -> None:
    class Joiner:
        def __call__(self, records: Iterable[PageRecord]) -> Iterator[tuple[PageRecord, str | None]]:
            for item in records:
                yield item, "one table ![](../figures/0001-1.jpg)" if item.page == 1 else None

        def contents(self, records: Iterable[PageRecord]) -> str:
            return "".join(f"- page {item.page}\n" for item in records)

    writer = open_writer(tmp_path, FOLDER, OutputConfig(), "report.pdf", Joiner())
    writer.save_page(record(1), texts(1), None)
    writer.save_page(record(2), texts(2), None)
    writer.merge()
    merged = (tmp_path / FOLDER / "report.md").read_text()
    contents = "- page 1\n- page 2\n\n"
    page_1 = "<!-- page 1 -->\n\none table ![](figures/0001-1.jpg)\n\n"
    assert merged.startswith(f"{contents}{page_1}<!-- page 2 -->\n\n")
    assert "# Page 2\n\n![](figures/0002-1.jpg)\n" in merged
    assert (tmp_path / FOLDER / "pages/0001.md").read_text() == texts(1).markdown
