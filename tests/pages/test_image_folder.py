"""Folders of images as documents: what belongs to one, in which order, and what a damaged image costs."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.pages import image_folder
from ocr_engine.pages.image_folder import natural_order, open_folder
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.sources import Refused, find, folder_at, is_folder
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage

KINDS = (DocumentKind.PDF, DocumentKind.IMAGE)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def found(*inputs: Path | str) -> list[Document | Refused]:
    return list(find(list(map(str, inputs)), KINDS, folders=True))


def shapes(*inputs: Path | str) -> dict[str, list[str]]:
    documents = [one for one in found(*inputs) if isinstance(one, Document)]
    return {str(one.relative): [file.path.name for file in one.files] for one in documents}


def test_numbers_in_names_count() -> None:
    names = ["p10.png", "P2.png", "p2.png", "p1.png", "a.png", "9.png", "10.png", "p02.png", "p1b.png"]
    assert sorted(names, key=natural_order) == [
        "9.png", "10.png", "a.png", "p1.png", "p1b.png", "p02.png", "P2.png", "p2.png", "p10.png",
    ]  # fmt: skip


@given(st.lists(st.text(alphabet="ab0129٣²_.ÄßİI", max_size=8)))
def test_any_names_have_one_order(names: list[str]) -> None:
    assert sorted(names, key=natural_order) == sorted(reversed(names), key=natural_order)


def test_each_folder_is_a_document_and_other_files_stay_themselves(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    touch(
        root,
        "10.png",
        "2.png",
        "a/p.JPG",
        "a/deep/q.png",
        "a/r.png",
        "b/s.tif",
        "b/text.pdf",
        "z.png",
        "notes.txt",
    )
    assert shapes(root) == {
        "a/deep": ["q.png"],
        "a": ["p.JPG", "r.png"],
        "b/text.pdf": [],
        "b": ["s.tif"],
        "scans": ["2.png", "10.png", "z.png"],
    }
    book = found(root / "a")[1]
    assert isinstance(book, Document)
    assert (book.given, book.path, book.stem) == (str(root / "a"), root / "a", "a")
    assert (book.kind, book.size_bytes) == (DocumentKind.FOLDER, len("a/p.JPG") + len("a/r.png"))
    assert folder_at(str(root / "a")) == book and is_folder(str(root)) and not is_folder(str(root / "z.png"))
    assert folder_at(str(tmp_path)) is None


def test_images_chosen_by_name_stay_documents_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "1.png", "book.1/p.png", "book.2/p.png")
    assert shapes(tmp_path / "1.png", tmp_path / "*.png") == {"1.png": []}
    assert shapes(tmp_path / "*/p.png") == {"book.1/p.png": [], "book.2/p.png": []}
    assert shapes(tmp_path / "book*") == {"book.1": ["p.png"], "book.2": ["p.png"]}
    monkeypatch.chdir(tmp_path / "book.1")
    [here] = found(".")
    assert isinstance(here, Document) and (here.given, here.relative) == (".", PurePosixPath("book.1"))


def test_a_folder_met_twice_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert len(found(tmp_path / "a", tmp_path / "link", tmp_path / "a/")) == 1


def test_a_folder_of_too_many_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_folder, "MAX_FILES", 2)
    touch(tmp_path, "in/1.png", "in/2.png", "in/3.png")
    [refused] = found(tmp_path / "in")
    assert isinstance(refused, Refused) and refused.given == str(tmp_path / "in")
    assert "3 images in one folder" in refused.reason and "input.image_folders: files" in refused.reason


def test_folders_in_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    for name in ("/folders/b/10.png", "/folders/b/9.png", "/folders/c.png"):
        store.pipe(name, b"x")
    try:
        assert shapes("memory://folders") == {"b": ["9.png", "10.png"], "folders": ["c.png"]}
        assert shapes("memory://folders/c.png") == {"c.png": []}
        assert shapes("memory://folders/b/*.png") == {"10.png": [], "9.png": []}
        assert folder_at("memory:///folders/b") is not None and not is_folder("memory://folders/c.png")
    finally:
        store.rm("/folders", recursive=True)


def test_what_is_known_of_the_files_is_the_folders_version(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "a/2.png")
    before = folder_at(str(tmp_path / "a"))
    (tmp_path / "a/2.png").write_bytes(b"other")
    after = folder_at(str(tmp_path / "a"))
    assert before and after and before.version != after.version


def opened_as(pages: dict[str, int | str]) -> list[OpenedDocument]:
    """A folder whose files open as said: with so many pages, or with an error."""
    documents = tuple(
        Document(name, Path(name), PurePosixPath(name), DocumentKind.IMAGE, 1, 1) for name in pages
    )

    def open_file(file: Document) -> "Future[OpenedDocument]":
        future: Future[OpenedDocument] = Future()
        what = pages[file.given]
        if isinstance(what, str):
            future.set_exception(DocumentError(what))
        else:
            future.set_result(OpenedDocument(file, f"id of {file.given}", min(what, 5), "pillow", what))
        return future

    folder = Document("f", Path("f"), PurePosixPath("f"), DocumentKind.FOLDER, 1, 1, files=documents)
    return [open_folder(folder, open_file, most).result(10) for most in (100, 3)]


def test_pages_of_a_folder_are_the_frames_of_its_files_and_what_cannot_be_opened_keeps_its_place() -> None:
    whole, cut = opened_as({"a.png": 1, "b.tif": 3, "c.png": "damaged", "d.png": 1})
    names = [whole.page(at).file_name for at in range(whole.page_count)]
    assert names == ["a.png", "b.tif frame 1", "b.tif frame 2", "b.tif frame 3", "c.png", "d.png"]
    assert (whole.claimed_pages, whole.document.files) == (6, ())
    failed = whole.page(4).file
    assert failed and failed.problem == "damaged"
    frame = whole.page(2).in_file()
    assert (frame.document.given, frame.index, frame.content_id) == ("b.tif", 1, "id of b.tif")
    assert str(whole.page(2)) == "f page 3 (b.tif frame 2)"
    assert (cut.page_count, cut.claimed_pages) == (3, 6)
    assert whole.content_of(6) == "id of d.png" and whole.content_of(7) == ""


def test_the_files_of_a_folder_are_opened_a_few_at_a_time_and_another_order_is_another_document() -> None:
    many, _ = opened_as({f"{at}.png": 1 for at in range(50)})
    other, _ = opened_as({f"{at}.png": 1 for at in reversed(range(50))})
    assert many.page_count == 50 and many.content_id != other.content_id


def test_a_fault_that_is_no_bad_input_is_passed_on() -> None:
    def broken(file: Document) -> "Future[OpenedDocument]":
        raise RuntimeError("the worker pool is closed")

    file = Document("a", Path("a"), PurePosixPath("a"), DocumentKind.IMAGE, 1, 1)
    folder = Document("f", Path("f"), PurePosixPath("f"), DocumentKind.FOLDER, 1, 1, files=(file,))
    with pytest.raises(RuntimeError, match="closed"):
        open_folder(folder, broken, 9).result(10)


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(RenderConfig(workers=1), "", 100) as made:
        yield made


def test_a_page_is_drawn_from_its_own_file(pool: RenderPool, tmp_path: Path) -> None:
    for at, grey in enumerate((10, 20, 30)):
        Image.new("L", (9, 9), grey).save(tmp_path / f"{at}.png")
    frames = [Image.new("L", (9, 9), grey) for grey in (40, 50)]
    frames[0].save(tmp_path / "3.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "1.png").write_bytes(b"no image")
    folder = folder_at(str(tmp_path))
    assert folder is not None
    opened = pool.open(folder).result()
    drawn = [pool.run(opened.page(at), grey_of) for at in range(opened.page_count)]
    assert [drawn[at].result() for at in (0, 2, 3, 4)] == [10, 30, 40, 50]
    with pytest.raises(PageError, match="cannot be read as an image"):
        drawn[1].result()


def grey_of(page: PageImage) -> int:
    return int(page.image.getpixel((4, 4))[0])  # type: ignore[index]
