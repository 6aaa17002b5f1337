"""EPUBs as one page: chapters in reading order with their pictures, and nothing of an attack."""

import zipfile
from pathlib import Path

import pytest

from ocr_engine.errors import DocumentError
from ocr_engine.pages import ebook
from ocr_engine.pages.ebook import page_of_epub
from tests.pages.test_markup import PIXEL

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><manifest>
<item id="b" href="text/two%20b.xhtml"/><item id="a" href="text/one.xhtml#x"/>
<item id="c" href="../gone.xhtml"/>
</manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="none"/></spine></package>"""
PICTURE = '<img src="../img/p.gif" />'
ONE = f'<?xml version="1.0"?><html><head><title/></head><body><h1>First</h1>{PICTURE}</body></html>'
TWO = "<html><body><p>Second</p></body></html>"
FILES = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/text/one.xhtml": ONE,
    "OPS/text/two b.xhtml": TWO,
    "OPS/img/p.gif": PIXEL,
}


def epub(tmp_path: Path, **files: str | bytes) -> Path:
    """An EPUB of two chapters; `files` replaces by the ends of names, with `_` for dots."""
    path = tmp_path / "a.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in FILES.items():
            end = name.rpartition("/")[2].replace(".", "_").replace(" ", "_")
            archive.writestr(name, files.pop(end, body))
        for name, body in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), body)
    return path


def test_chapters_stand_in_reading_order_with_their_pictures(tmp_path: Path) -> None:
    page = page_of_epub(epub(tmp_path)).decode()
    assert page.index("<h1>First</h1>") < page.index("<p>Second</p>") and page.count("First") == 1
    assert "data:image/gif;base64,R0lG" in page


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>BAD</script>", "<script src='BAD'/>", "<p onclick='BAD'>x</p>", "<iframe src='BAD'/>",
        "<img src='http://h/BAD.png'/>", "<img src='file:///BAD.png'/>", "<img src='../../../BAD.png'/>",
        "<a href='javascript:BAD'>x</a>", "<style>@import 'BAD'</style>", "<object data='BAD'/>",
        "<svg><image href='BAD'/></svg>", "<link href='BAD'/>",
    ],
)  # fmt: skip
def test_nothing_that_acts_or_loads_stays(tmp_path: Path, hostile: str) -> None:
    (tmp_path / "BAD.png").write_bytes(b"BAD")
    page = page_of_epub(epub(tmp_path, one_xhtml=f"<html><body>{hostile}<p>after</p></body></html>")).decode()
    assert "BAD" not in page and "QkFE" not in page and "<p>after</p>" in page and "Second" in page


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"container_xml": "<x/>"}, "no package is named"),
        ({"container_xml": CONTAINER.replace("OPS/", "../../etc/")}, "not an EPUB that can be read"),
        ({"book_opf": "<package"}, "not an EPUB that can be read"),
        ({"book_opf": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}, "has entities"),
        ({"book_opf": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16")}, "has entities"),
        ({"book_opf": "<package/>"}, "without chapters"),
        ({"META-INF__encryption_xml": '<e><EncryptionMethod Algorithm="aes"/></e>'}, "encrypted \\(DRM\\)"),
    ],
)
def test_what_is_no_book_is_said(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        page_of_epub(epub(tmp_path, **files))


def test_scrambled_fonts_are_no_matter(tmp_path: Path) -> None:
    way = '<e><EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></e>'
    assert b"First" in page_of_epub(epub(tmp_path, **{"META-INF__encryption_xml": way}))


def test_a_missing_chapter_keeps_its_place(tmp_path: Path) -> None:
    gone = PACKAGE.replace('<itemref idref="a"/>', '<itemref idref="c"/>')
    page = page_of_epub(epub(tmp_path, book_opf=gone)).decode()
    assert page.index("[a chapter is missing]") < page.index("Second")


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ebook, "MAX_BYTES", 100_000)
    with pytest.raises(DocumentError, match="limit for EPUB"):
        page_of_epub(epub(tmp_path, one_xhtml=b"<p>" + b" " * 200_000))
    monkeypatch.setattr(ebook, "MAX_PICTURE_BYTES", 10)
    assert b"data:image" not in page_of_epub(epub(tmp_path)) and b"First" in page_of_epub(epub(tmp_path))
    monkeypatch.setattr(ebook, "MAX_FILES", 2)
    with pytest.raises(DocumentError, match="more than 2 files"):
        page_of_epub(epub(tmp_path))
