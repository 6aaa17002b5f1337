"""A PDF font of one empty glyph for all of Unicode: text that is found and copied, and not seen.

The construction is that of Tesseract's searchable PDFs: character codes are UTF-16, mapped to themselves.
Characters beyond its 65,536 get codes of the private area, one each, so that every viewer knows them.
"""

import io
import zlib
from functools import lru_cache

from ocr_engine.outputs.jpeg_pdf import NewNumber, Object, Stream

GLYPH_WIDTH = 500
"""Width of every glyph, in thousandths of an em."""
_PRIVATE = range(0xE000, 0xF900)
_UNKNOWN = 0xFFFD
_BLOCK = 100
"""Entries that one block of a character map may hold."""


class InvisibleFont:
    """The font of one PDF; remembers the characters it gave codes to."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def codes(self, text: str) -> bytes:
        """The text as the font's character codes, two bytes each."""
        return b"".join(self._code(character).to_bytes(2, "big") for character in text)

    def _code(self, character: str) -> int:
        code = ord(character)
        if code in _PRIVATE or 0xD800 <= code < 0xE000:
            return _UNKNOWN
        if code <= 0xFFFF:
            return code
        if character not in self._given and len(self._given) < len(_PRIVATE):
            self._given[character] = _PRIVATE[len(self._given)]
        return self._given.get(character, _UNKNOWN)

    def write(self, number: int, new_number: NewNumber, write_object: Object, write_stream: Stream) -> None:
        """Write the font as object `number`, and what it is made of."""
        descendant, descriptor, file, gids, unicode = (new_number() for _ in range(5))
        write_object(
            number,
            f"<< /Type /Font /Subtype /Type0 /BaseFont /GlyphLess /Encoding /Identity-H"
            f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>",
        )
        write_object(
            descendant,
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /GlyphLess /DW {GLYPH_WIDTH}"
            f" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
            f" /CIDToGIDMap {gids} 0 R /FontDescriptor {descriptor} 0 R >>",
        )
        write_object(
            descriptor,
            f"<< /Type /FontDescriptor /FontName /GlyphLess /Flags 5 /FontBBox [0 0 {GLYPH_WIDTH} 1000]"
            f" /Ascent 1000 /Descent -1 /CapHeight 1000 /ItalicAngle 0 /StemV 80 /FontFile2 {file} 0 R >>",
        )
        glyphless = _glyphless()
        write_stream(file, f"/Length1 {len(glyphless)}", glyphless)
        write_stream(gids, "/Filter /FlateDecode", _all_to_one())
        write_stream(unicode, "", self._to_unicode())

    def _to_unicode(self) -> bytes:
        given = [
            f"<{code:04X}> <{character.encode('utf-16-be').hex()}>" for character, code in self._given.items()
        ]
        blocks = [given[at : at + _BLOCK] for at in range(0, len(given), _BLOCK)]
        characters = "".join(f"{len(block)} beginbfchar\n{_lines(block)}endbfchar\n" for block in blocks)
        return _CHARACTER_MAP.format(characters=characters).encode()


def _lines(items: list[str]) -> str:
    return "".join(f"{item}\n" for item in items)


@lru_cache(maxsize=1)
def _all_to_one() -> bytes:
    return zlib.compress(b"\x00\x01" * 65_536)


@lru_cache(maxsize=1)
def _glyphless() -> bytes:
    """A TrueType font whose one glyph draws nothing: a line without width, from corner to corner of its box.

    PDFium leaves text out whose box has no width, as that of an empty glyph has on a page that is turned.
    """
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((GLYPH_WIDTH, 1000))
    pen.closePath()
    line = pen.glyph()
    names = [".notdef", "empty"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({0x20: "empty"})
    builder.setupGlyf({name: line for name in names})
    builder.setupHorizontalMetrics({name: (GLYPH_WIDTH, 0) for name in names})
    builder.setupHorizontalHeader(ascent=1000, descent=-1)
    builder.setupNameTable({"familyName": "GlyphLess", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    buffer = io.BytesIO()
    builder.save(buffer)
    return buffer.getvalue()


_CHARACTER_MAP = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
2 beginbfrange
<0000> <DFFF> <0000>
<F900> <FFFF> <F900>
endbfrange
{characters}endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
