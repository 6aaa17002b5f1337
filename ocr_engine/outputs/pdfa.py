"""PDF/A-2b (ISO 19005-2): what such a file says of itself, and which colours its numbers mean."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from PIL import ImageCms

from ocr_engine.outputs.xml_text import xml_text

NAME = "PDF/A-2b"
CLAIM = 'pdfaid:part="2" pdfaid:conformance="B"'
"""What only a file of this kind says in its metadata."""
INTENT = "/Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB)"
"""Entries of the output intent, beside `/DestOutputProfile`."""
_MAX_CHARS = 2_000
_DATE = re.compile(r"D:(\d{14})(?:Z|([+-]\d\d)'?(\d\d)?'?)?")
_DATE_TIME = slice(24, 36)
_CREATED = b"\x07\xd0\0\x01\0\x01\0\0\0\0\0\0"
"""The first of January 2000 in an ICC header: equal documents give equal files."""
_SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
}


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """An ICC profile of sRGB, always the same bytes."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE_TIME] = _CREATED
    return bytes(profile)


def metadata(about: Mapping[str, str] | None = None) -> bytes:
    """The XMP packet: the claim, and of the source its title, author, subject, keywords, program and date.

    `about` has them by their names in PyMuPDF's `metadata`; any text may stand there.
    """
    known = {name: _words(text) for name, text in (about or {}).items() if _words(text)}
    parts = [
        _listed("dc:title", "Alt", known.get("title")),
        _listed("dc:creator", "Seq", known.get("author")),
        _listed("dc:description", "Alt", known.get("subject")),
        _plain("pdf:Keywords", known.get("keywords")),
        _plain("xmp:CreatorTool", known.get("creator")),
        _plain("xmp:CreateDate", _date(known.get("creationDate", ""))),
    ]
    spaces = " ".join(f"xmlns:{name}={quoteattr(space)}" for name, space in _SPACES.items())
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<rdf:RDF {spaces}>\n'
        f'<rdf:Description rdf:about="" {CLAIM}>\n{"".join(parts)}</rdf:Description>\n'
        '</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>\n'
    )
    return packet.encode()


def _words(text: str) -> str:
    return xml_text((text or "").replace("\0", ""))[:_MAX_CHARS].strip()


def _plain(name: str, text: str | None) -> str:
    return f"<{name}>{escape(text)}</{name}>\n" if text else ""


def _listed(name: str, kind: str, text: str | None) -> str:
    language = ' xml:lang="x-default"' if kind == "Alt" else ""
    item = f"<rdf:{kind}><rdf:li{language}>{escape(text or '')}</rdf:li></rdf:{kind}>"
    return f"<{name}>{item}</{name}>\n" if text else ""


def _date(text: str) -> str:
    """A date of a PDF as XMP has it; "" for one that is none."""
    if not (found := _DATE.match(text)):
        return ""
    zone = f"{found[2]}{found[3] or '00'}" if found[2] else "+0000"
    try:
        return datetime.strptime(f"{found[1]}{zone}", "%Y%m%d%H%M%S%z").isoformat()
    except ValueError:
        return ""
