"""Pages that a renderer draws empty or not whole: asked of the other one, and never quietly blank."""

import io
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError
from ocr_engine.pages import pdf_pdfium, pdf_pymupdf
from ocr_engine.pages.backend import NotInstalledError
from ocr_engine.pages.render import open_document, render_page
from ocr_engine.pages.second_look import draw_page
from ocr_engine.records import PageGeometry, PageImage
from tests.pages.documents import document, page, pdf, raw_pdf
from tests.text_layers import layer_of

PYMUPDF, PDFIUM = RenderConfig(backend="pymupdf"), RenderConfig(backend="pdfium")
Result = PageImage | Exception


def drawn(
    bars: int = 0, *, by: str = "pymupdf", damage: str = "", doubt: str = "", layer: str = ""
) -> PageImage:
    """A drawing with so many black bars, and what its renderer says of it."""
    image = Image.new("RGB", (200, 300), "white")
    for bar in range(bars):
        image.paste("black", (20, 20 + 20 * bar, 180, 24 + 20 * bar))
    geometry = PageGeometry(200, 300, 200, 300, 72)
    return PageImage(
        image, geometry, by, text_layer=lambda: layer_of(layer), damage=damage, doubt=lambda: doubt
    )


def asked(
    first: Result, second: Result | None, trouble: tuple[str, ...] = ()
) -> tuple[list[str], PageImage | None, str]:
    """Who was asked, the page, and what is said of it: its damage, or why there is none."""
    names: list[str] = []

    def call(name: str, result: Result) -> PageImage:
        names.append(name)
        if isinstance(result, Exception):
            raise result
        return result

    both = [("pymupdf", first), *([("pdfium", second)] if second is not None else [])]
    try:
        found = draw_page([(name, partial(call, name, result)) for name, result in both], trouble)
    except InputError as error:
        return names, None, str(error)
    return names, found, found.damage


@pytest.mark.parametrize(
    ("first", "second", "backend", "words"),
    [
        # what the first drew, what the second would, whose drawing is the page (None: failed), what is said
        (drawn(3), drawn(9, by="pdfium"), "pymupdf", ""),
        (drawn(), drawn(9, by="pdfium"), "pymupdf", ""),
        (drawn(damage="bad zlib"), drawn(3, by="pdfium"), "pdfium", "bad zlib"),
        (drawn(damage="bad zlib"), drawn(by="pdfium"), None, "nothing of the page could be drawn: bad zlib"),
        (drawn(damage="bad zlib"), PageError("no page"), None, "bad zlib; no page"),
        (drawn(damage="bad zlib"), MemoryError(), None, "bad zlib; pdfium: needs more memory"),
        (drawn(damage="bad zlib"), NotInstalledError("pdfium"), None, "bad zlib"),
        (drawn(damage="bad zlib"), None, None, "bad zlib"),
        (drawn(1, damage="half"), drawn(9, by="pdfium"), "pdfium", "half"),
        (drawn(8, damage="half"), drawn(9, by="pdfium"), "pymupdf", "half"),
        (drawn(8, damage="half"), PageError("no page"), "pymupdf", "half; no page"),
        (drawn(layer="some words"), drawn(3, by="pdfium"), "pdfium", "text layer has 2 words"),
        (drawn(layer="some words"), drawn(by="pdfium"), "pymupdf", "text layer has 2 words"),
        (drawn(layer="some words"), PageError("no page"), "pymupdf", "no page; pymupdf draws nothing"),
        (drawn(layer="- . -"), drawn(3, by="pdfium"), "pymupdf", ""),
        (drawn(doubt="it was repaired"), drawn(3, by="pdfium"), "pdfium", "it was repaired"),
        (drawn(doubt="it was repaired"), drawn(by="pdfium"), "pymupdf", "it was repaired"),
        (PageError("damaged"), drawn(3, by="pdfium"), "pdfium", "damaged"),
        (PageError("damaged"), drawn(by="pdfium"), None, "nothing of the page could be drawn: damaged"),
        (PageError("damaged"), PageError("no page"), None, "damaged; no page"),
        (NotInstalledError("no pymupdf"), drawn(by="pdfium"), "pdfium", ""),
        (NotInstalledError("no pymupdf"), PageError("no page"), None, "no page"),
    ],
)  # fmt: skip
def test_what_both_drew_decides(
    first: Result, second: Result | None, backend: str | None, words: str
) -> None:
    names, found, said = asked(first, second)
    assert (found.backend if found else None) == backend
    assert words in said and bool(words) == bool(said)
    quiet = isinstance(first, PageImage) and not words
    assert names == (["pymupdf"] if quiet or second is None else ["pymupdf", "pdfium"])


def test_a_page_over_which_a_worker_died_is_not_quietly_blank() -> None:
    assert asked(drawn(by="pdfium"), None, ("pymupdf: hung",))[1] is None
    assert asked(drawn(3, by="pdfium"), None, ("pymupdf: hung",))[2] == "pymupdf: hung"


def test_memory_of_the_first_drawing_is_the_callers_matter() -> None:
    with pytest.raises(MemoryError):
        asked(MemoryError(), drawn(3))


def with_image(path: Path, data: bytes, keys: str, text: str = "") -> Path:
    """A page that holds one image of 300 x 400 grey pixels, its bytes given, and perhaps a line of text."""
    content = (
        f"{f'BT /F 20 Tf 40 40 Td ({text}) Tj ET ' if text else ''}q 300 0 0 400 0 0 cm /I Do Q".encode()
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 400]/Contents 4 0 R"
        b"/Resources<</XObject<</I 5 0 R>>/Font<</F 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(content), content),
        b"<</Type/XObject/Subtype/Image/Width 300/Height 400/ColorSpace/DeviceGray/BitsPerComponent 8 %b"
        b"/Length %d>>stream\n%b\nendstream" % (keys.encode(), len(data), data),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    path.write_bytes(body + b"xref\n0 7\n0000000000 65535 f \n" + table + end)
    return path


def scan() -> Image.Image:
    image = Image.new("L", (300, 400), 255)
    draw = ImageDraw.Draw(image)
    for y in range(20, 380, 20):
        draw.text((20, y), f"a line of a scanned page, {y}", fill=0)
    return image


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    scan().save(file, kind)
    return file.getvalue()


HALVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "jpeg": (lambda: encoded("JPEG"), "/Filter/DCTDecode"),
    "flate": (lambda: zlib.compress(scan().tobytes()), "/Filter/FlateDecode"),
    "raw": (lambda: scan().tobytes(), ""),
}


@pytest.mark.parametrize("kind", HALVES)
def test_half_an_image_in_a_pdf_is_read_and_says_so_each_time(tmp_path: Path, kind: str) -> None:
    make, keys = HALVES[kind]
    data = make()
    whole = page(with_image(tmp_path / "whole.pdf", data, keys))
    assert whole.damage == "" and whole.ink is not None and whole.ink.share > 0.01
    path = with_image(tmp_path / "half.pdf", data[: len(data) // 2], keys)
    opened = open_document(document(path), RenderConfig(), "", 10)
    first, again = (render_page(opened.page(0), RenderConfig(), "") for _ in range(2))
    assert first.damage.startswith("pymupdf: ") and again.damage == first.damage, "MuPDF says it once a file"
    assert first.ink is not None and first.ink.share > 0.005
    bottom = first.image.convert("L").crop((0, first.image.height * 3 // 4, *first.image.size))
    assert max(bottom.getextrema()) < 250, "what is missing is not white"  # type: ignore[type-var]


def test_an_image_of_which_nothing_is_left_fails_its_page(tmp_path: Path) -> None:
    data = encoded("JPEG2000")
    path = with_image(tmp_path / "a.pdf", data[: len(data) // 3], "/Filter/JPXDecode")
    with pytest.raises(PageError, match="nothing of the page could be drawn: pymupdf: "):
        page(path)
    with_text = with_image(tmp_path / "b.pdf", data[: len(data) // 3], "/Filter/JPXDecode", text="page 9")
    assert page(with_text).damage.startswith("pymupdf: "), "the line of text is read, and that it is not all"


def test_a_page_whose_content_is_gone_fails(tmp_path: Path) -> None:
    path = raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 100 100]")
    path.write_bytes(path.read_bytes().replace(b"/Contents 4 0 R", b"/Contents 3 0 R"))
    for config in (RenderConfig(), PYMUPDF):
        with pytest.raises(PageError, match="content stream is not a stream"):
            page(path, config=config)


TEXT = "BT /F 20 Tf 20 40 Td ({}) Tj ET"
FONT = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"


def test_pdfium_draws_what_pymupdf_does_not_see(tmp_path: Path) -> None:
    keys = f"/MediaBox[0 0 300 200]/CropBox[0 0 0 0]{FONT}"
    path = raw_pdf(tmp_path / "a.pdf", keys, TEXT.format("Empty CropBox"))
    alone = page(path, config=PYMUPDF)
    assert alone.ink is not None and alone.ink.share == 0 and "writes text" in alone.damage
    found = page(path)
    assert found.backend == "pdfium" and found.ink is not None and found.ink.share > 0.001
    assert "pymupdf draws nothing, though it writes text" in found.damage
    assert found.text_layer().words == ("Empty", "CropBox")


@pytest.mark.parametrize("config", [RenderConfig(), PYMUPDF, PDFIUM], ids=["auto", "pymupdf", "pdfium"])
def test_invisible_text_on_an_empty_page_is_doubted_not_failed(tmp_path: Path, config: RenderConfig) -> None:
    path = raw_pdf(
        tmp_path / "a.pdf", f"/MediaBox[0 0 300 200]{FONT}", "3 Tr " + TEXT.format("OCR of a scan")
    )
    found = page(path, config=config)
    assert found.ink is not None and found.ink.share == 0
    assert "the page's text layer has 4 words" in found.damage


@pytest.mark.parametrize("content", ["", "1 1 1 rg 0 0 100 100 re f", "q Q"])
def test_truly_blank_pages_ask_no_second_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("PDFium was asked")

    monkeypatch.setattr(pdf_pdfium, "PdfiumDocument", opened)
    found = page(raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 100 100]", content))
    assert (found.backend, found.damage) == ("pymupdf", "") and found.ink is not None and found.ink.share == 0


def test_a_blank_page_of_a_damaged_file_is_doubted_whichever_page_is_first(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "one", "", "three")
    path.write_bytes(path.read_bytes().replace(b"startxref", b"startxxxx"))
    for order in ((0, 1, 2), (1, 0, 2)):
        path = path.rename(tmp_path / f"{order[0]}.pdf")  # opened anew
        opened = open_document(document(path), RenderConfig(), "", 10)
        found = {index: render_page(opened.page(index), RenderConfig(), "").damage for index in order}
        assert found[0] == found[2] == ""
        assert found[1].startswith("pymupdf draws nothing, though the file is damaged (format error")


def test_a_document_that_pdfium_alone_opens_is_doubted_where_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise DocumentError("pymupdf: no pages")

    path = pdf(tmp_path / "a.pdf", "one", "")
    monkeypatch.setattr("ocr_engine.pages.pdf_pymupdf.PyMuPdfDocument", refuses)
    assert (page(path).backend, page(path).damage) == ("pdfium", "")
    assert "pymupdf: no pages" in page(path, 1).damage


def test_the_page_after_a_crash_says_who_could_not_draw_it(tmp_path: Path) -> None:
    """As the pool asks: a document that PyMuPDF opened, drawn by PDFium alone."""
    opened = open_document(document(pdf(tmp_path / "a.pdf", "one", "")), RenderConfig(), "", 10)
    assert opened.backend == "pymupdf"
    found = render_page(opened.page(0), PDFIUM, "")
    assert found.backend == "pdfium" and found.damage.startswith("pymupdf: hung, crashed")
    with pytest.raises(PageError, match="pymupdf: hung, crashed"):
        render_page(opened.page(1), PDFIUM, "")


@pytest.mark.parametrize(
    "message",
    [
        "non-embedded font using identity encoding: Ryumin-Light (mapping via Adobe-Japan1-UCS2)",
        "... repeated 2 times...",
        "freetype could not find any cmaps",
        "closepath with no current point",
        "PDF stream Length incorrect",
    ],
)
def test_notes_on_whole_pages_are_no_damage(message: str) -> None:
    """All that MuPDF said of 94 pages of good files."""
    assert pdf_pymupdf._damage(message) == ""
    assert pdf_pymupdf._damage(f"{message}\npremature end of file in jpeg") == (
        "pymupdf: premature end of file in jpeg"
    )


def test_real_damaged_files_end_with_a_reason(shared_data: Path) -> None:
    bad = shared_data / "corpus/pdf_bad"
    for name, index, renderer, words in (
        ("real/pdfjs__boundingBox_invalid.pdf", 1, "pdfium", "writes text"),
        ("real/qpdf__bad-jpeg.pdf", 0, "pymupdf", "jpeg error"),
        ("gen/null_kid_in_5.pdf", 2, "pymupdf", "non-page object in page tree"),
        ("gen/kids_depth_6000.pdf", 0, "pymupdf", "cycle in page tree"),
        ("gen/mediabox_micro.pdf", 0, "pymupdf", "writes text"),
    ):
        found = page(bad / name, index)
        assert found.backend == renderer and words in found.damage, (name, found.damage)
    with pytest.raises(PageError, match="not a stream"):
        page(bad / "gen/page3_no_contents_ref.pdf", 2)
    assert page(bad / "gen/blank_white.pdf").damage == ""
