"""Rules of PDF/A-2b (ISO 19005-2) that a file breaks, written from the standard: no validator is at hand.

They are read with MuPDF, lxml, Pillow and fontTools, and know nothing of what writes the files.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf
from fontTools.ttLib import TTFont
from lxml import etree
from PIL import ImageCms

_FORBIDDEN = re.compile(
    r"/(AA|JavaScript|JS|Launch|Sound|Movie|ResetForm|ImportData|SubmitForm|Hide|SetOCGState|SetState|Rendition"
    r"|Trans|GoTo3DView|GoToE|GoToR|RichMedia\w*|3D|Screen|FileAttachment|EmbeddedFiles?|EF|XFA|NeedAppearances"
    r"|OPI|TR|HTP|LZWDecode|Crypt|Encrypt|FFilter|FDecodeParms|Alternates|PresSteps|Requirements|DeviceCMYK)\b"
)
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_LINK, _PRINTED, _HIDDEN = 1, 4, 1 | 2 | 32 | 256


def broken_rules(path: Path) -> list[str]:
    """What is against the standard, in words; nothing where nothing is."""
    data = path.read_bytes()
    with pymupdf.open(path) as pdf:
        return [
            *_file(data, pdf),
            *_colours(pdf),
            *_metadata(pdf),
            *_objects(pdf),
            *_fonts(pdf),
            *_pages(pdf),
        ]


def _file(data: bytes, pdf: Any) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7]\r?\n%[\x80-\xff]{4}", data):
        yield "header"
    if not re.search(rb"%%EOF\r?\n?\Z", data):
        yield "something after the end"
    if pdf.is_repaired or pdf.is_encrypted:
        yield "cross-references or encryption"
    # MuPDF gives bytes back in whichever form is shorter.
    strings = re.findall(r"<\w{32}>|\((?:\\.|[^\\)]){16,}\)", pdf.xref_get_key(-1, "ID")[1], re.DOTALL)
    if len(strings) != 2:
        yield "no identity"


def _colours(pdf: Any) -> Iterator[str]:
    intents = pdf.xref_get_key(pdf.pdf_catalog(), "OutputIntents")[1]
    numbers = re.findall(r"(\d+) 0 R", intents)
    outer = intents if "GTS_PDFA1" in intents else "".join(pdf.xref_object(int(number)) for number in numbers)
    profiles = re.findall(r"/DestOutputProfile\s*(\d+) 0 R", outer)
    if not re.search(r"/S\s*/GTS_PDFA1\b", outer) or len(profiles) != 1:
        yield "no output intent"
        return
    profile = ImageCms.ImageCmsProfile(io.BytesIO(pdf.xref_stream(int(profiles[0])))).profile
    if (profile.device_class, profile.xcolor_space.strip(), profile.version < 5) != ("mntr", "RGB", True):
        yield "not a profile for RGB"
    if pdf.xref_get_key(int(profiles[0]), "N")[1] != "3":
        yield "colours of the profile"


def _metadata(pdf: Any) -> Iterator[str]:
    packet = pdf.get_xml_metadata().encode()
    if re.search(rb"<\?xpacket [^>]*(?:bytes|encoding)=", packet):
        yield "attributes of the packet"
    found = {name: value for one in etree.fromstring(packet).iter() for name, value in one.attrib.items()}
    if (found.get(f"{_PDFAID}part"), found.get(f"{_PDFAID}conformance")) != ("2", "B"):
        yield "does not say that it is PDF/A-2b"


def _objects(pdf: Any) -> Iterator[str]:
    for number in range(1, pdf.xref_length()):
        if found := _FORBIDDEN.search(pdf.xref_object(number)):
            yield f"object {number} has {found[0]}"
        if pdf.xref_get_key(number, "Interpolate")[1] == "true":
            yield f"picture {number} is interpolated"


def _fonts(pdf: Any) -> Iterator[str]:
    for number in range(1, pdf.xref_length()):
        kind, name = (pdf.xref_get_key(number, key)[1] for key in ("Subtype", "BaseFont"))
        if pdf.xref_get_key(number, "Type")[1] != "/Font" or kind in ("/Type0", "/Type3"):
            continue
        descriptor = pdf.xref_get_key(number, "FontDescriptor")
        keys = pdf.xref_get_keys(int(descriptor[1].split()[0])) if descriptor[0] == "xref" else ()
        if not {"FontFile", "FontFile2", "FontFile3"} & set(keys):
            yield f"font {name} is not in the file"
        elif kind == "/CIDFontType2" and pdf.xref_get_key(number, "CIDToGIDMap")[0] == "null":
            yield f"font {name} does not say which glyphs"
        if name == "/GlyphLess":
            yield from _widths(pdf, number)


def _widths(pdf: Any, number: int) -> Iterator[str]:
    """Of a font whose glyphs all have the width that it says."""
    descriptor = int(pdf.xref_get_key(number, "FontDescriptor")[1].split()[0])
    font = TTFont(io.BytesIO(pdf.xref_stream(int(pdf.xref_get_key(descriptor, "FontFile2")[1].split()[0]))))
    scale = 1000 / font["head"].unitsPerEm
    said = int(pdf.xref_get_key(number, "DW")[1])
    if {round(width * scale) for width, _ in font["hmtx"].metrics.values()} != {said}:
        yield "widths of the font"
    glyphs = pdf.xref_stream(int(pdf.xref_get_key(number, "CIDToGIDMap")[1].split()[0]))
    if b"\0\0" in {glyphs[at : at + 2] for at in range(0, len(glyphs), 2)}:
        yield "the glyph that stands for none is used"


def _pages(pdf: Any) -> Iterator[str]:
    for page in pdf:
        left, bottom, right, top = map(float, pdf.xref_get_key(page.xref, "MediaBox")[1].strip("[]").split())
        if not all(3 <= round(side, 2) <= 14_400 for side in (right - left, top - bottom)):
            yield f"size of page {page.number + 1}"
        contents = page.read_contents()
        if re.search(rb"(?<![\w.])[kK]\s", contents):
            yield f"page {page.number + 1} has colours of a printer"
        if any(len(string) > 2 * 32_767 for string in re.findall(rb"<([0-9a-fA-F]*)>", contents)):
            yield f"page {page.number + 1} has a string that is too long"
        for number, kind, _ in page.annot_xrefs():
            flags = int(pdf.xref_get_key(number, "F")[1].replace("null", "0"))
            has_look = pdf.xref_get_key(number, "AP")[0] != "null"
            if not flags & _PRINTED or flags & _HIDDEN or not (has_look or kind == _LINK):
                yield f"annotation {number}"
