"""Names of documents' folders: portable, the same in every run, and in nobody's way."""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.config import OutputConfig
from ocr_engine.formats import LAYOUTS, MadeOf, exports_of
from ocr_engine.outputs import files, official_page_writer, report, store_lock, writer
from ocr_engine.outputs import names as module
from ocr_engine.outputs.drawing import DrawnPage, _jpeg
from ocr_engine.outputs.exports import archive, review, stamps
from ocr_engine.outputs.names import MAX_NAME_BYTES, OutputNames, safe_name
from ocr_engine.outputs.writer import open_writer
from ocr_engine.records import (
    Document,
    DocumentKind,
    FigureText,
    PageRecord,
    PageStatus,
    PageTexts,
    page_stem,
)

Make = Callable[..., Document]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report", "report"),
        ("Jahresbericht für 2023 (v2) – 漢字", "Jahresbericht für 2023 (v2) – 漢字"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("two\nlines\ttab", "two_lines_tab"),
        ("-rf", "_rf"),
        (".hidden", "_hidden"),
        ("..", None),
        ("", "document"),
        ("name. . ", "name"),
        ("con", "_con"),
        ("LPT1.tar", "_LPT1.tar"),
        ("console", "console"),
        ("gpj\u202eexe", "gpjexe"),
        ("u\u0308ber", "über"),
        ("bad\udcff", "bad_"),
        ("a\u00a0b", "a b"),
    ],
)
def test_safe_names(text: str, name: str | None) -> None:
    assert safe_name(text) == name or (name is None and safe_name(text).startswith("document~"))


@given(st.text(st.characters(), max_size=300))
@example("\udcff" * 10)
@example("漢" * 200)
@example("." * 300)
@example("con." + "x" * 300)
@example("\u0344" * 120)
def test_any_text_gives_a_portable_name(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_NAME_BYTES
    assert safe_name(name) == name == unicodedata.normalize("NFC", name)
    assert not set(name) & set('/\\\0\n<>:"|?*')
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "


def test_long_names_with_one_beginning_stay_distinct() -> None:
    assert safe_name("x" * 300) != safe_name("x" * 301)


def test_folders_follow_the_input_tree(document: Make) -> None:
    names = OutputNames({})
    assert names.folder_for(document("in/b/a.pdf", "b/a.pdf")) == PurePosixPath("b/a")
    assert names.folder_for(document("in/a.tar.pdf", "a.tar.pdf")) == PurePosixPath("a.tar")
    assert names.folder_for(document("/x/../y.pdf", "/../y.pdf")) == PurePosixPath("y")


def test_colliding_documents_get_distinct_folders_the_same_in_every_run(document: Make) -> None:
    given_names = [
        "one/a.pdf",
        "one/a.PDF",
        "one/A.pdf",
        "one/a.png",
        "two/a.pdf",
        "one/ä.pdf",
        "one/a\u0308.pdf",
    ]
    documents = [document(name, PurePosixPath(name).name) for name in given_names]
    names = OutputNames({})
    folders = [names.folder_for(item) for item in documents]
    assert len({unicodedata.normalize("NFC", str(folder).casefold()) for folder in folders}) == len(folders)
    assert [names.folder_for(item) for item in documents] == folders
    claims = {str(folder): item.given for folder, item in zip(folders, documents, strict=True)}
    backwards = OutputNames(claims)
    assert [backwards.folder_for(item) for item in reversed(documents)] == folders[::-1]


def test_a_claim_holds_also_when_the_document_is_found_from_elsewhere(document: Make) -> None:
    names = OutputNames({"b/a": "in/b/a.pdf"})
    assert names.folder_for(document("in/b/a.pdf", "a.pdf")) == PurePosixPath("b/a")
    assert names.folder_for(document("other/b/a.pdf", "b/a.pdf")) != PurePosixPath("b/a")


@pytest.mark.parametrize(
    "relative", ["journal.jsonl.pdf", "RUN.json.pdf", "a/pages.pdf", "a/a.md.pdf", "a/Layout.pdf"]
)
def test_no_document_takes_the_place_of_our_own_files(document: Make, relative: str) -> None:
    folder = OutputNames({}).folder_for(document(relative, relative))
    assert "~" in folder.name


OWN = ("journal.jsonl", *files.RUN_FILES, ".lock", ".mirror.json", store_lock.RUN_LOCK)
JPEG = _jpeg(Image.new("RGB", (8, 8)), 80)
SEGMENT = "journal/000001-0a1b2c3d-000000.jsonl"
STEMS = (
    "a", "A", "b", "\u00e9", "e\u0301", "STRASSE", "stra\u00dfe", "review", "Review", "pages", "figures",
    "images", "layout", "tables", "page_0", "PAGE_7", "journal", "run.lock", "run.lock.ab", "0001", "index",
    "0001-1", "a.md", "a.pdf", "b.html", "A.HTML", "a_det.mmd", "a_layouts.pdf", "report.html", "outputs.zip",
    "documents.jsonl", "pages.jsonl", "exports.jsonl", ".pages", ".lock", "..", "result_with_boxes.jpg",
)  # fmt: skip


def made(given_name: str) -> Document:
    relative = PurePosixPath(*(part for part in PurePosixPath(given_name).parts if part != ".."))
    return Document(given_name, Path(given_name), relative, DocumentKind.PDF, 1, 1)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every file that any layout or export writes of a document, below its folder; `NAME` is its name."""
    found = {one.target.format(name="NAME") for one in exports_of(MadeOf.DOCUMENT)} - {"review"}
    found |= {f"review/{review.INDEX}", *(f"review/{page_stem(page)}.html" for page in (1, 12345))}
    for layout in LAYOUTS:
        root = tmp_path_factory.mktemp(layout)
        with pytest.MonkeyPatch.context() as patched:
            for place in (writer, official_page_writer):
                patched.setattr(place, "geometry_figure", lambda _: b"drawing")
            write_everything(root, layout)
        below = root / "NAME"
        found |= {str(path.relative_to(below)) for path in below.rglob("*") if path.is_file()}
    return sorted(found)


def write_everything(root: Path, layout: str) -> None:
    config = OutputConfig(layout=layout)  # type: ignore[arg-type]
    one = open_writer(root, PurePosixPath("NAME"), config, "NAME.pdf")
    for page in (1, 12345):
        name = f"{page_stem(page)}-1.jpg"
        record = PageRecord(
            page, PageStatus.DONE, "", "read.write", "gundam", "figure", (),
            figure_texts=(FigureText(name, PageStatus.DONE, text="parsed"),),
        )  # fmt: skip
        texts = PageTexts("raw", "markdown", "det", "mmd", ("1,2\n",))
        one.save_page(record, texts, DrawnPage(((name, JPEG),), JPEG, JPEG, ((name, JPEG),)))
    one.merge()


def test_all_that_is_written_is_known(shapes: list[str]) -> None:
    assert {PurePosixPath(shape).parts[0] for shape in shapes if "/" in shape} == {
        ".pages", "figures", "images", "layout", "page_0", "page_12344", "pages", "review", "tables",
    }  # fmt: skip
    assert {"NAME.md", "NAME.html", "NAME.pdf", "NAME_layouts.pdf", "geo.jpg", "pages.jsonl"} <= set(shapes)
    chunks = {"chunks.jsonl", "chunks.parquet"}
    exported = {
        stamps.NAME,
        "outputs.zip",
        "documents.jsonl",
        "pages.parquet",
        *chunks,
        *archive.ABOUT_THE_RUN,
    }
    assert set(files.RUN_FILES) == exported | {report.NAME, "run.json", files.CHECKSUMS}


def keyed(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def above(path: str) -> set[str]:
    return {path[:at] for at, character in enumerate(path) if character == "/"}


def assert_in_nobodys_way(shapes: list[str], named: dict[str, PurePosixPath]) -> None:
    """No file is in two documents, and none stands where another one, or a document, has a folder."""
    owners = {keyed(name): "the run" for name in (*OWN, SEGMENT)}
    subfolders = {shape.partition("/")[0] for shape in shapes if "/" in shape}
    folders = {keyed(str(folder)) for folder in named.values()}
    assert len(folders) == len(named)
    for document, folder in named.items():
        for name in (folder.name, safe_name(made(document).relative.stem)):
            for shape in shapes:
                path = keyed(f"{folder}/{shape.replace('NAME', name)}")
                assert owners.setdefault(path, document) == document
    taken = folders.union(*map(above, folders))
    assert taken.isdisjoint({f"{folder}/{name}" for folder in folders for name in subfolders})
    assert {"journal", "run.lock"}.isdisjoint(taken)
    assert owners.keys().isdisjoint(taken.union(*map(above, owners)))


parts = st.sampled_from(STEMS) | st.text(st.characters(), min_size=1, max_size=3)
paths = st.lists(parts, min_size=1, max_size=3)
given_names = paths.map(lambda parts: "/".join(part.replace("/", "_") or "x" for part in parts)).flatmap(
    lambda path: st.sampled_from([f"{path}.pdf", f"{path}.PDF"])
)


@settings(max_examples=40)
@given(st.lists(given_names, unique=True, min_size=1, max_size=8), st.randoms(use_true_random=False))
@example(["a.pdf", "a/review/b.pdf", "a/review.pdf"], None)
@example(["journal.pdf", "run.lock.pdf", "report.html/a.pdf"], None)
@example(["a.pdf", "a/a.pdf", "a/a.md/x.pdf", "a/a.md.pdf", "a/page_0/x.pdf"], None)
def test_whatever_documents_are_called_nothing_of_theirs_is_in_anothers_way(
    shapes: list[str], listed: list[str], chance: random.Random | None
) -> None:
    chance = chance or random.Random(0)
    names = OutputNames({})
    named = {name: names.folder_for(made(name)) for name in listed}
    # What a folder may be called with a suffix of ours, as a searchable PDF is that is read in turn.
    for name in chance.sample(listed, min(3, len(listed))):
        twin = str(named[name].parent / f"{PurePosixPath(name).stem}{module._suffix(name)}.pdf")
        named.setdefault(twin, names.folder_for(made(twin)))
        again = name.swapcase()
        named.setdefault(again, names.folder_for(made(again)))
    assert_in_nobodys_way(shapes, named)
    shuffled = list(named)
    chance.shuffle(shuffled)
    later = OutputNames({str(folder): name for name, folder in named.items()})
    assert {name: later.folder_for(made(name)) for name in shuffled} == named


def test_a_suffixed_name_that_is_taken_is_not_given_again(document: Make) -> None:
    taken = "report" + module._suffix("c/report.pdf")
    names = OutputNames({})
    inputs = ("b/report.pdf", f"a/{taken}.pdf", "c/report.pdf")
    folders = [str(names.folder_for(document(name, PurePosixPath(name).name))) for name in inputs]
    assert folders[:2] == ["report", taken] and len(set(folders)) == 3


def test_the_folders_of_earlier_versions_stay(document: Make) -> None:
    names = OutputNames({"a/review/b": "in/a/review/b.pdf"})
    assert str(names.folder_for(document("in/a/review/b.pdf", "a/review/b.pdf"))) == "a/review/b"
    assert str(names.folder_for(document("in/a/review/c.pdf", "a/review/c.pdf"))).startswith("a/review~")


@pytest.mark.parametrize(
    ("there", "free"),
    [
        ((), True),
        (("a/b/c/pages.jsonl",), True),
        (("a/b/pages.jsonl", "a/b/b.md"), True),
        (("a/b/.pages/pages.jsonl", "a/b/result.mmd"), True),
        (("a/b/.DS_Store",), True),
        (("a/b/b.md",), False),
        (("a/b/figures/0001-1.jpg",), False),
        (("a/b/page_0/mine.txt",), False),
        (("a/b",), False),
    ],
)
def test_a_folder_with_files_of_others_is_given_to_no_document(
    tmp_path: Path, document: Make, there: tuple[str, ...], free: bool
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("theirs")
    folder = OutputNames({}, tmp_path).folder_for(document("a/b.pdf", "a/b.pdf"))
    assert (str(folder) == "a/b") is free and folder.parent == PurePosixPath("a")
    claimed = OutputNames({"a/b": "a/b.pdf"}, tmp_path)
    assert str(claimed.folder_for(document("a/b.pdf", "a/b.pdf"))) == "a/b"
