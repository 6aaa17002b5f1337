"""The streamed PDF, read back by two independent PDF libraries."""

import io
from pathlib import Path

import pymupdf
import pypdfium2
from PIL import Image

from ocr_engine.outputs.jpeg_pdf import JpegPdf


def jpeg(color: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 60), color).convert(mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write(path: Path) -> bytes:
    first = jpeg("red")
    with path.open("wb") as file:
        pdf = JpegPdf(file)
        pdf.add_page(first, 100.0, 150.0)
        pdf.add_page(None, 612.0, 792.0)
        pdf.add_page(jpeg("grey", "L"), 0.0, 900.0)
        pdf.close()
    return first


def test_pages_have_their_size_and_picture(tmp_path: Path) -> None:
    path = tmp_path / "layouts.pdf"
    first = write(path)
    document = pypdfium2.PdfDocument(path)
    assert [document[index].get_size() for index in range(3)] == [
        (100.0, 150.0),
        (612.0, 792.0),
        (3.0, 900.0),
    ]
    red, white = (document[index].render(scale=0.5).to_pil().convert("RGB") for index in (0, 1))
    assert red.getpixel((25, 35))[0] > 240 > 20 > red.getpixel((25, 35))[1]
    assert white.getpixel((100, 100)) == (255, 255, 255)
    document.close()
    with pymupdf.open(path) as checked:
        assert not checked.is_repaired, "the cross-reference table is right"
        ((xref, *_),) = checked.get_page_images(0)
        assert checked.extract_image(xref)["image"] == first, "the JPEG goes in as it is"


def test_a_page_larger_than_pdf_knows_keeps_its_size_and_shape_in_larger_units(tmp_path: Path) -> None:
    with (tmp_path / "poster.pdf").open("wb") as file:
        pdf = JpegPdf(file)
        pdf.add_page(jpeg("red"), 18_000.0, 36_000.0, b"0 0 1 rg 9000 18000 9000 18000 re f")
        pdf.add_page(None, 1.0, 99_999.0)
        helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        pdf.write_font(lambda number, new_number, write, stream: write(number, helvetica))
        pdf.close()
    assert pypdfium2.PdfDocument(tmp_path / "poster.pdf")[0].get_size() == (7_200.0, 14_400.0)
    with pymupdf.open(tmp_path / "poster.pdf") as document:
        assert [tuple(map(round, page.rect)) for page in document] == [
            (0, 0, 18_000, 36_000),
            (0, 0, 21, 99_999),
        ]
        pixels = document[0].get_pixmap(matrix=pymupdf.Matrix(0.01, 0.01))
    corners = [pixels.pixel(x, y) for x in (20, 160) for y in (20, 340)]
    red, blue = (254, 0, 0), (0, 0, 255)
    assert corners == [red, red, blue, red], "what is drawn in points stands where it belongs"


def test_no_pages_is_still_a_pdf(tmp_path: Path) -> None:
    with (tmp_path / "empty.pdf").open("wb") as file:
        JpegPdf(file).close()
    assert (tmp_path / "empty.pdf").read_bytes().endswith(b"%%EOF\n")
