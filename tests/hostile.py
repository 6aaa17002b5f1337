"""A set of hostile inputs, made here: files that lie, bombs, names that trick, and answers that attack."""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pymupdf
from PIL import Image

from tests.pages.documents import raw_pdf

NAMES = (
    "new\nline.pdf", "tab\tbell\a.pdf", "\u202efdp.exe.pdf", "-rf.pdf", "--help.pdf", " .pdf", "...pdf",
    "a" * 251 + ".pdf",
    "con.pdf", "a|b;rm -rf $HOME.pdf", "<img src=x onerror=alert(1)>.pdf", "[0-9]*?.pdf", "ünïcödé 漢字.pdf",
    "%2e%2e%2f.pdf", "journal.jsonl.pdf", "pages.pdf", "~root.pdf", "'\"`.pdf", "e\u0301.pdf", "\u00e9.pdf",
)  # fmt: skip
BYTES_NAME = b"not \xff\xfe utf-8.pdf"

ATTACKS: dict[str, str] = {
    "script": "<script>alert(1)</script>kept <img src=x onerror=alert(2)> kept",
    "links": "[kept](javascript:alert(1)) [kept](data:text/html,x) ![kept](file:///etc/passwd) ![](../../x)",
    "tags": "<|ref|>kept<|/ref|><|det|>[[" + "9" * 5000 + ", 1, 2, 3]]<|/det|>kept<|det|><|ref|><|/det|>kept",
    "special tokens": "<|User|> ignore <｜end▁of▁sentence｜> <image> <|grounding|> kept <--- Page Split --->",
    "boxes": "<|ref|>image<|/ref|><|det|>[" + "[1, 2, 300, 400], " * 100_000 + "[1, 2, 3, 4]]<|/det|>\nkept",
    "tables": "<table>" * 2_000 + "<tr><td>kept" + "<td>" * 20_000,
    "nesting": "<b><i>" * 20_000 + "kept" + "> " * 20_000 + "- " * 20_000,
    "colspan": '<table><tr><td colspan="999999999" rowspan="-1">kept</td></tr></table>',
    "markers": "<!-- page 99 --> <!-- page 1: done --> --> kept <!-- page_break",
    "fences": "```\n" * 5_000 + "kept",
    "controls": "kept \x1b[2J\x00\x07 \u202e kept \ud7ff \ufeff",
    "one line": "kept " * 400_000,
    "backslashes": "\\(" * 50_000 + "kept",
    "quadratic": "![" * 30_000 + "](" * 30_000 + "kept",
}  # fmt: skip
"""Raw answers of a model that reads a hostile page. Each holds the word that has to stay."""


def _huge_pages(path: Path) -> None:
    """One page object counted 50,000 times over."""
    kids = " ".join(["3 0 R"] * 50_000)
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count 50000/Kids[{kids}]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",
    ]
    body, offsets = "%PDF-1.7\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_text(f"{body}xref\n0 4\n0000000000 65535 f \n{table}{trailer}")


def _stream_bomb(path: Path) -> None:
    """200 MB of drawing commands in 200 kB."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((50, 50), "bomb")
        document.update_stream(page.get_contents()[0], b"0 0 m 9 9 l S\n" * 15_000_000, compress=True)
        document.save(path)


def _image_bomb(path: Path) -> None:
    """A 30,000 x 30,000 image in a few kB, on a small page."""
    side = 30_000
    packed = zlib.compress(b"\0" * (side * side // 8), 9)
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((50, 50), "bomb")
        image = document.get_new_xref()
        keys = (
            f"/Type/XObject/Subtype/Image/Width {side}/Height {side}/ColorSpace/DeviceGray/BitsPerComponent 1"
        )
        document.update_object(image, f"<<{keys}/Filter/FlateDecode/Length {len(packed)}>>")
        document.update_stream(image, b"\0" * (side * side // 8), compress=True)
        document.xref_set_key(page.xref, "Resources", f"<</XObject<</I {image} 0 R>>>>")
        document.update_stream(page.get_contents()[0], b"q 500 0 0 500 0 0 cm /I Do Q")
        document.save(path)


def _long_drawing(path: Path) -> None:
    """Shadings over shadings: minutes of work for a renderer."""
    function = "<</FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]>>"
    shading = f"<</ShadingType 1/ColorSpace/DeviceRGB/Function{function}>>"
    raw_pdf(path, f"/MediaBox[0 0 9000 9000]/Resources<</Shading<</S {shading}>>>>", "/S sh\n" * 5_000)


def _cut(path: Path) -> None:
    with pymupdf.open() as document:
        for number in range(20):
            document.new_page().insert_text((50, 50), f"page {number}")
        path.write_bytes(document.tobytes()[:4000])


def _loop(path: Path) -> None:
    """Pages whose parent is among their children."""
    path.write_text(
        "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>endobj\ntrailer<</Root 1 0 R/Size 3>>\n"
    )


PDFS: dict[str, Callable[[Path], object]] = {
    "50,000 pages.pdf": _huge_pages,
    "stream bomb.pdf": _stream_bomb,
    "image bomb.pdf": _image_bomb,
    "shadings.pdf": _long_drawing,
    "cut.pdf": _cut,
    "page tree loop.pdf": _loop,
    "giant media box.pdf": lambda path: raw_pdf(path, "/MediaBox[0 0 14400 14400]"),
    "absurd media box.pdf": lambda path: raw_pdf(path, "/MediaBox[0 0 1e30 1e30]"),
    "no media box.pdf": lambda path: raw_pdf(path, "/MediaBox[0 0 0 0]"),
    "sliver.pdf": lambda path: raw_pdf(path, "/MediaBox[0 0 100000 0.01]"),
    "empty.pdf": lambda path: path.write_bytes(b""),
    "zeros.pdf": lambda path: path.write_bytes(b"\0" * 1_000_000),
    "header only.pdf": lambda path: path.write_bytes(b"%PDF-1.7"),
    "html.pdf": lambda path: path.write_text("<!doctype html><script>alert(1)</script>"),
    "zip.pdf": lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 100),
    "sparse.pdf": lambda path: os.truncate(_touched(path), 300 << 20),
}


def _touched(path: Path) -> Path:
    path.write_bytes(b"%PDF-1.7\n")
    return path


def _png_claiming(path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT")


IMAGES: dict[str, Callable[[Path], object]] = {
    "claims 2^31.png": lambda path: _png_claiming(path, 2**31 - 1),
    "bomb.png": lambda path: Image.new("1", (20_000, 20_000)).save(path, optimize=True),
    "frames.gif": lambda path: Image.new("P", (8, 8)).save(
        path, save_all=True, append_images=[Image.new("P", (8, 8), n % 256) for n in range(2_000)]
    ),
    "thin.png": lambda path: Image.new("L", (60_000, 1)).save(path),
    "cut.jpg": lambda path: path.write_bytes(_jpeg()[:500]),
    "text.png": lambda path: path.write_text("not an image"),
}


def _jpeg() -> bytes:
    return Image.effect_noise((200, 200), 50).tobytes("jpeg", "L")


def make_files(folder: Path) -> set[str]:
    """The whole set below `folder`; returns the inputs a run over PDFs must account for, as it names them."""
    inside, outside = folder / "in", folder / "outside"
    inside.mkdir(parents=True)
    outside.mkdir()
    made = pymupdf.open()
    made.new_page(width=200, height=300).insert_text((20, 40), "plain")
    plain = made.tobytes()
    names: list[bytes] = [*map(os.fsencode, NAMES), BYTES_NAME]
    for name in names:
        Path(os.fsdecode(os.fsencode(inside) + b"/" + name)).write_bytes(plain)
    for pdf, make in PDFS.items():
        make(inside / pdf)
    (outside / "secret.pdf").write_bytes(plain)
    (inside / "link.pdf").symlink_to(outside / "secret.pdf")
    (inside / "dangling.pdf").symlink_to(folder / "nowhere")
    (inside / "folder link").symlink_to(outside, target_is_directory=True)
    (inside / "loop").symlink_to(inside, target_is_directory=True)
    os.mkfifo(inside / "pipe.pdf")
    deep = inside.joinpath(*["d" * 200] * 3)
    deep.mkdir(parents=True)
    (deep / "deep.pdf").write_bytes(plain)
    (inside / "folder.pdf").mkdir()
    _socket(inside / "socket.pdf")
    listed = {str(path) for path in inside.rglob("*.pdf") if path.is_symlink() or not path.is_dir()}
    return listed | {str(inside / "folder link"), str(inside / "loop")}


def _socket(path: Path) -> None:
    """Bound under a short relative name: the whole path may be longer than a socket's may be."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_images(folder: Path) -> set[str]:
    """Hostile images below `folder`."""
    folder.mkdir(parents=True)
    for name, make in IMAGES.items():
        make(folder / name)
    return {str(folder / name) for name in IMAGES}
