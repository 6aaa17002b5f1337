import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.pages import pdf_pymupdf, render
from ocr_engine.pages.backend import MAX_SIDE_PX, fit_zoom
from ocr_engine.pages.render import open_document
from ocr_engine.records import LayerVerdict, OpenedDocument, PageRef
from tests.pages.documents import document, page, pdf, raw_pdf

AUTO = RenderConfig()
PDFIUM = RenderConfig(backend="pdfium")
PYMUPDF = RenderConfig(backend="pymupdf")
BACKENDS = pytest.mark.parametrize("config", [PYMUPDF, PDFIUM], ids=["pymupdf", "pdfium"])


def opened(
    path: Path, config: RenderConfig = AUTO, password: str = "", max_pages: int = 1000
) -> OpenedDocument:
    return open_document(document(path), config, password, max_pages)


def official_pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """As the official PDF script renders: through a PNG."""
    with pymupdf.open(path) as source:
        png = source[0].get_pixmap(matrix=pymupdf.Matrix(2.0, 2.0), alpha=False).tobytes("png")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_pixels_are_those_of_the_official_script(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "Hello, world", size=(595.3, 841.9))
    rendered = page(path)
    np.testing.assert_array_equal(np.asarray(rendered.image.convert("RGB")), official_pixels(path))
    assert (rendered.backend, rendered.image.mode) == ("pymupdf", "L"), "black on white has no colour"
    assert rendered.geometry.dpi == 144
    assert rendered.geometry.width_pt == pytest.approx(595.3, abs=0.01)


@pytest.mark.parametrize("color", [(1, 0, 0), (1, 1, 0.98), (0.98, 1, 1)])
def test_a_page_with_a_spot_of_colour_has_all_channels(
    tmp_path: Path, color: tuple[float, float, float]
) -> None:
    path = tmp_path / "a.pdf"
    with pymupdf.open() as made:
        made.new_page(width=200, height=100).draw_rect(pymupdf.Rect(150, 50, 151, 51), fill=color, width=0)
        made.save(path)
    rendered = page(path, config=PYMUPDF)
    assert rendered.image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(rendered.image), official_pixels(path))


def test_opening_tells_content_pages_and_renderer(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "one", "two", "three")
    result = opened(path)
    assert result.content_id == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert (result.page_count, result.claimed_pages, result.backend) == (3, 3, "pymupdf")
    capped = opened(path, max_pages=2)
    assert (capped.page_count, capped.claimed_pages) == (2, 3)


@BACKENDS
def test_rotation_and_user_unit_are_applied(tmp_path: Path, config: RenderConfig) -> None:
    path = raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 100 200]/Rotate 90/UserUnit 2")
    rendered = page(path, config=config)
    assert (rendered.geometry.width_pt, rendered.geometry.height_pt) == (400, 200)
    assert rendered.image.size == (800, 400)
    shown = rendered.image.convert("L")
    assert shown.getpixel((10, 10)) == 0, "the lower left corner turns to the upper left"
    assert shown.getpixel((790, 390)) == 255


@BACKENDS
def test_annotations_and_form_fields_are_drawn(tmp_path: Path, config: RenderConfig) -> None:
    with pymupdf.open() as made:
        sheet = made.new_page(width=200, height=100)
        square = sheet.add_rect_annot(pymupdf.Rect(10, 10, 50, 50))
        square.set_colors(stroke=(1, 0, 0), fill=(1, 0, 0))
        square.update()
        field = pymupdf.Widget()
        field.field_type, field.field_name = pymupdf.PDF_WIDGET_TYPE_TEXT, "name"
        field.rect, field.fill_color = pymupdf.Rect(100, 10, 180, 50), (0, 0, 1)
        sheet.add_widget(field)
        made.save(tmp_path / "a.pdf")
    image = page(tmp_path / "a.pdf", config=config).image
    assert image.getpixel((60, 60)) == (255, 0, 0)
    red, _, blue = image.getpixel((280, 60))  # type: ignore[misc]
    assert blue > red, "the form field is missing"


@BACKENDS
def test_large_pages_are_clamped_before_rendering(tmp_path: Path, config: RenderConfig) -> None:
    path = raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 14400 7200]")
    small = RenderConfig(backend=config.backend, max_pixels=50_000)
    rendered = page(path, config=small)
    assert 45_000 < rendered.image.width * rendered.image.height <= 50_000
    assert rendered.geometry.dpi == pytest.approx(72 * rendered.image.width / 14400, rel=0.01)
    assert (rendered.geometry.width_pt, rendered.geometry.height_pt) == (14400, 7200)


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6), st.integers(18, 1200), st.integers(10_000, 40_000_000))
def test_no_page_exceeds_the_pixel_limits(width: float, height: float, dpi: int, max_pixels: int) -> None:
    zoom = fit_zoom(width, height, RenderConfig(dpi=dpi, max_pixels=max_pixels))
    assert 0 < zoom <= dpi / 72
    assert np.ceil(width * zoom) * np.ceil(height * zoom) <= max_pixels
    assert max(width, height) * zoom <= MAX_SIDE_PX * 1.000001


@pytest.mark.parametrize(
    "size", [(0.0, 5.0), (-1.0, 5.0), (float("nan"), 5.0), (float("inf"), 5.0), (2e18, 2e18)]
)
def test_sizes_that_are_no_sizes_are_page_errors(size: tuple[float, float]) -> None:
    with pytest.raises(PageError, match="cannot be drawn"):
        fit_zoom(*size, AUTO)


@pytest.mark.parametrize(
    "box",
    [
        "[0 0 0 0]",
        "[nan nan nan nan]",
        "[0 0 -100 -100]",
        "[0 0 1e39 1e39]",
        "[0 0 3e38 3e38]",
        "[null]",
        "7",
    ],
)
def test_absurd_page_boxes_give_a_page_or_a_page_error(tmp_path: Path, box: str) -> None:
    path = raw_pdf(tmp_path / "a.pdf", f"/MediaBox {box}")
    for config in (AUTO, PYMUPDF, PDFIUM):
        try:
            image = page(path, config=config).image
        except PageError:
            continue
        assert 1 <= image.width * image.height <= AUTO.max_pixels


@pytest.mark.parametrize("config", [AUTO, PYMUPDF, PDFIUM], ids=["auto", "pymupdf", "pdfium"])
def test_encrypted_documents(tmp_path: Path, config: RenderConfig) -> None:
    method = pymupdf.PDF_ENCRYPT_AES_256
    path = pdf(tmp_path / "a.pdf", "secret", encryption=method, user_pw="open", owner_pw="own")
    with pytest.raises(DocumentError, match=r"^encrypted: give its password as input\.password$"):
        opened(path, config)
    with pytest.raises(DocumentError, match=r"^encrypted: input\.password is wrong$"):
        opened(path, config, "guess")
    assert (np.asarray(page(path, config=config, password="open").image) < 128).any()
    owner_only = pdf(tmp_path / "b.pdf", "free to read", encryption=method, owner_pw="own")
    assert page(owner_only, config=config).image.size == (400, 200)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><body>Log in</body></html>", "not a PDF: the file is HTML"),
        (
            b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
            "the file is SVG",
        ),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"\xff\xd8\xff\xe0junk", "a JPEG image"),
        (b"", "the file is empty"),
        (b"\0" * 5000, "not a PDF, or one whose beginning is lost: pymupdf: .*; pdfium: "),
    ],
)
def test_what_only_claims_to_be_a_pdf_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=reason) as error:
        opened(path)
    assert "\n" not in str(error.value)


def test_html_is_refused_by_pymupdf_alone_too(tmp_path: Path) -> None:
    """PyMuPDF renders it without complaint, from whatever it links to."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"\n" * 2000 + b"<!DOCTYPE html><html><body>text</body></html>")
    with pytest.raises(DocumentError):
        opened(path, PYMUPDF)


def test_a_document_without_pages_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_text(
        "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj"
    )
    with pytest.raises(DocumentError, match="no pages"):
        opened(path)


def test_pdfium_takes_over_where_pymupdf_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pdf(tmp_path / "a.pdf", "one", "two")
    whole = pdf_pymupdf.PyMuPdfDocument.render

    def fails_on_the_second(self: object, index: int, config: RenderConfig) -> object:
        if index == 1:
            raise PageError("pymupdf: damaged")
        return whole(self, index, config)  # type: ignore[arg-type]

    monkeypatch.setattr(pdf_pymupdf.PyMuPdfDocument, "render", fails_on_the_second)
    assert page(path, 0).backend == "pymupdf"
    assert page(path, 1).backend == "pdfium"
    with pytest.raises(PageError, match="damaged"):
        page(path, 1, PYMUPDF)


def test_without_pymupdf_installed_pdfium_does_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", "one")
    monkeypatch.setitem(sys.modules, "pymupdf", None)
    assert opened(path).backend == "pdfium"
    assert page(path).backend == "pdfium"
    with pytest.raises(DocumentError, match="pip install pymupdf"):
        opened(path, PYMUPDF)


@BACKENDS
def test_file_names_need_not_be_utf8(tmp_path: Path, config: RenderConfig) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pdf")
    path.write_bytes(pdf(tmp_path / "a.pdf", "text").read_bytes())
    assert page(path, config=config).image.size == (400, 200)


def test_a_file_that_changed_is_not_mixed_with_the_one_opened(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "one", "two")
    before = opened(path)
    pdf(path, "quite another document")
    os.utime(path, ns=(1, 1))
    with pytest.raises(PageError, match="changed"):
        render.render_page(PageRef(before.document, "", 1, 2, "pymupdf"), AUTO, "")
    path.unlink()
    with pytest.raises(PageError, match="No such file"):
        render.render_page(PageRef(before.document, "", 1, 2, "pymupdf"), AUTO, "")


def test_pages_past_the_end_are_page_errors(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "one")
    for config in (PYMUPDF, PDFIUM):
        with pytest.raises(PageError):
            page(path, 5, config)


def test_a_long_document_is_opened_once_and_reopened_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", *["x"] * 12)
    opens = []
    real = pdf_pymupdf.PyMuPdfDocument.__init__
    monkeypatch.setattr(
        pdf_pymupdf.PyMuPdfDocument, "__init__", lambda self, *args: (opens.append(1), real(self, *args))[1]
    )
    result = opened(path)
    for index in range(12):
        render.render_page(PageRef(result.document, "", index, 12, "pymupdf"), AUTO, "")
    assert len(opens) == 1


def test_memory_of_a_long_document_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is opened anew now and then, also an encrypted one, and its pages stay the same."""
    monkeypatch.setattr(pdf_pymupdf, "REOPEN_AFTER", 3)
    lock = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "open", "owner_pw": "o"}
    held = pdf_pymupdf.PyMuPdfDocument(pdf(tmp_path / "a.pdf", *"abcdefgh", **lock), "open")
    first = held._document
    pages = [held.render(index, RenderConfig()).image.tobytes() for index in range(8)]
    assert first.is_closed and not held._document.is_closed and len(set(pages)) == 8


def test_renderers_say_nothing_on_the_terminal(tmp_path: Path) -> None:
    """In a process of its own: both libraries take hold of the terminal when they are imported."""
    raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 100 100]", content="(unclosed Tj BT /F1 12 Tf ET Q Q Q")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7\n garbage")
    code = (
        "import sys; from pathlib import Path; from ocr_engine.config import RenderConfig\n"
        "from ocr_engine.errors import DocumentError\n"
        "from ocr_engine.pages.pdf_pymupdf import PyMuPdfDocument as A\n"
        "from ocr_engine.pages.pdf_pdfium import PdfiumDocument as B\n"
        "for cls in (A, B):\n"
        "    cls(Path('a.pdf'), '').render(0, RenderConfig())\n"
        "    try: cls(Path('b.pdf'), '')\n"
        "    except DocumentError: continue\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("backend", ["pymupdf", "pdfium"])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_the_text_layer_is_read_whatever_the_rotation(tmp_path: Path, backend: str, angle: int) -> None:
    path = tmp_path / "a.pdf"
    with pymupdf.open() as made:
        page_ = made.new_page(width=200, height=100)
        page_.insert_text((20, 50), "some words")
        page_.draw_rect(pymupdf.Rect(0, 0, 20, 20), fill=(0, 0, 0))
        page_.set_rotation(angle)
        made.save(path)
    found = page(path, config=RenderConfig(backend=backend))  # type: ignore[arg-type]
    assert found.text_layer().words == ("some", "words")
    width, height = found.image.size
    assert (width > height) == (angle in (0, 180))
    corner = {0: (10, 10), 90: (width - 10, 10), 180: (width - 10, height - 10), 270: (10, height - 10)}[
        angle
    ]
    assert np.asarray(found.image.convert("L"))[corner[::-1]] < 60, (
        "the upper left corner is where /Rotate puts it"
    )


@pytest.mark.parametrize("backend", ["pymupdf", "pdfium"])
def test_a_page_without_text_has_an_empty_layer(tmp_path: Path, backend: str) -> None:
    raw_pdf(tmp_path / "a.pdf", "/MediaBox[0 0 100 100]")
    layer = page(tmp_path / "a.pdf", config=RenderConfig(backend=backend)).text_layer()  # type: ignore[arg-type]
    assert (layer.words, layer.text, layer.verdict) == ((), "", LayerVerdict.NONE)
