"""What PDF/A says of itself: XML whatever the source says, the same bytes each time."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image, ImageCms

from ocr_engine.outputs import pdfa
from ocr_engine.outputs.jpeg_pdf import JpegPdf
from tests.pdfa_rules import broken_rules

NAMES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}


def write(path: Path, *, is_pdfa: bool = True) -> None:
    picture = io.BytesIO()
    Image.new("L", (30, 40), 128).save(picture, "JPEG")
    with path.open("wb") as file:
        pdf = JpegPdf(file)
        pdf.add_page(picture.getvalue(), 300, 400)
        pdf.add_page(None, 0, 99_999)
        pdf.close(is_pdfa=is_pdfa)


def test_a_file_of_pictures_is_pdfa_where_that_is_asked_for(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write(tmp_path / name)
    assert broken_rules(tmp_path / "a.pdf") == []
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    write(tmp_path / "c.pdf", is_pdfa=False)
    assert b"OutputIntent" not in (tmp_path / "c.pdf").read_bytes()


def test_the_profile_is_of_srgb_and_of_no_day() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(pdfa.srgb())).profile
    assert "sRGB" in (profile.profile_description or "") and profile.creation_date.year == 2000


@given(st.dictionaries(st.sampled_from(["title", "author", "subject", "creator", "creationDate"]), st.text()))
def test_whatever_a_source_says_is_xml(about: dict[str, str]) -> None:
    etree.fromstring(pdfa.metadata(about))


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("D:20200131120000+02'30'", "2020-01-31T12:00:00+02:30"),
        ("D:20200131120000Z00'00'", "2020-01-31T12:00:00+00:00"),
        ("D:20200131120000", "2020-01-31T12:00:00+00:00"),
        ("D:20209931120000", None),
        ("yesterday", None),
    ],
)
def test_what_a_source_said_of_itself_stays(said: str, date: str | None) -> None:
    packet = etree.fromstring(pdfa.metadata({"title": "A & <b>\x00", "author": "", "creationDate": said}))
    assert packet.findtext(".//dc:title/rdf:Alt/rdf:li", namespaces=NAMES) == "A & <b>"
    assert packet.find(".//dc:creator", NAMES) is None
    assert packet.findtext(".//xmp:CreateDate", namespaces=NAMES) == date
