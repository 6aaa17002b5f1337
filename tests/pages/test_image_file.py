import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError
from ocr_engine.families import PAD_COLOR
from ocr_engine.pages import image_colours, image_limits
from ocr_engine.pages.backend import MAX_SIDE_PX
from ocr_engine.pages.image_limits import refuse_bomb
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.render import open_document
from tests.pages import bad_tasks
from tests.pages.documents import document, page

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def sheet() -> Image.Image:
    """40 x 20, white, with a black corner at the upper left."""
    image = Image.new("RGB", (40, 20), WHITE)
    image.paste(BLACK, (0, 0, 10, 5))
    return image


def is_sheet(image: Image.Image, tolerance: int = 8) -> bool:
    if image.mode != "RGB" or image.size != (40, 20):
        return False
    difference = np.abs(np.asarray(image, dtype=int) - np.asarray(sheet(), dtype=int))
    return bool((difference <= tolerance).mean() > 0.95)


def transparent(mode: str) -> Image.Image:
    """The sheet's ink on a paper that is transparent and black underneath."""
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 5))
    return image.convert(mode)


def deep(dtype: str, white: float) -> Image.Image:
    grey = np.asarray(sheet().convert("L"))
    return Image.fromarray((grey / 255 * white).astype(dtype))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rgb.png", sheet),
        ("grey.png", lambda: sheet().convert("L")),
        ("bit.png", lambda: sheet().convert("1")),
        ("palette.png", lambda: sheet().convert("P")),
        ("palette.gif", lambda: sheet().convert("P")),
        ("rgba.png", lambda: transparent("RGBA")),
        ("la.png", lambda: transparent("LA")),
        ("rgba.webp", lambda: transparent("RGBA")),
        ("cmyk.tif", lambda: sheet().convert("CMYK")),
        ("cmyk.jpg", lambda: sheet().convert("CMYK")),
        ("ycbcr.jpg", sheet),
        ("lab.tif", lambda: Image.merge("LAB", [sheet().convert("L"), *[Image.new("L", (40, 20), 128)] * 2])),
        ("sixteen.png", lambda: deep("uint16", 65535)),
        ("sixteen.tif", lambda: deep("uint16", 65535)),
        ("sixteen-big-endian.tif", lambda: deep(">u2", 65535)),
        ("twelve.tif", lambda: deep("uint16", 4095)),
        ("thirty-two.tif", lambda: deep("int32", 65535)),
        ("float-1.tif", lambda: deep("float32", 1)),
        ("float-255.tif", lambda: deep("float32", 255)),
        ("page.bmp", sheet),
        ("page.ppm", sheet),
        ("page.jp2", sheet),
    ],
)
def test_every_kind_of_pixel_becomes_ink_on_white(
    tmp_path: Path, name: str, make: Callable[[], Image.Image]
) -> None:
    make().save(tmp_path / name)
    rendered = page(tmp_path / name)
    assert is_sheet(rendered.image)
    assert rendered.backend == "pillow"


def test_opaque_rgb_is_not_touched(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    for name in ("a.png", "b.tif"):
        Image.fromarray(noise).save(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(page(tmp_path / name).image), noise)
    Image.fromarray(noise).convert("RGBA").save(tmp_path / "c.png")
    np.testing.assert_array_equal(np.asarray(page(tmp_path / "c.png").image), noise)


def test_palette_and_key_colour_transparency(tmp_path: Path) -> None:
    palette = sheet().convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    palette.putpalette([0, 0, 0, 0, 0, 0])
    paper = palette.getpixel((30, 15))
    palette.save(tmp_path / "a.png", transparency=paper)
    assert is_sheet(page(tmp_path / "a.png").image)
    grey = Image.fromarray(np.where(np.asarray(sheet().convert("L")) > 0, 7, 0).astype("uint16"))
    grey.save(tmp_path / "b.png", transparency=7)
    assert is_sheet(page(tmp_path / "b.png").image)


@pytest.mark.parametrize("max_pixels", [40_000_000, 10_000])
def test_light_writing_on_a_transparent_ground_is_seen(tmp_path: Path, max_pixels: int) -> None:
    def rendered(image: Image.Image) -> np.ndarray:
        image.save(tmp_path / "a.png")
        return np.asarray(
            page(tmp_path / "a.png", config=RenderConfig(max_pixels=max_pixels)).image.convert("L"), dtype=int
        )

    writing = Image.new("RGBA", (400, 200), (0, 0, 0, 0))
    writing.paste((255, 255, 255, 255), (50, 50, 100, 150))
    seen = rendered(writing)
    assert seen.min() == 0 and seen.max() == 255
    nothing = rendered(Image.new("RGBA", (400, 200), (255, 255, 255, 0)))
    assert nothing.min() == 255, "an empty sheet stays white"
    card = Image.new("RGBA", (400, 200), (0, 0, 0, 0))
    card.paste((255, 255, 255, 255), (10, 10, 390, 190))
    assert rendered(card).min() == 255, "a white card with round corners is paper, not writing"
    writing.paste((0, 0, 0, 255), (200, 50, 210, 60))
    assert rendered(writing)[0, 0] == 255, "with dark ink beside it white is the ground"


def test_float_images_with_holes(tmp_path: Path) -> None:
    values = np.asarray(sheet().convert("L")).astype("float32") / 255
    values[19, 39], values[18, 39], values[17, 39] = np.nan, np.inf, -5
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert is_sheet(page(tmp_path / "a.tif").image)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    undo = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM}  # fmt: skip
    stored = sheet().transpose(undo[orientation]) if orientation > 1 else sheet()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif)
    assert is_sheet(page(tmp_path / f"a.{suffix}").image, tolerance=40)


def test_each_tiff_frame_is_a_page(tmp_path: Path) -> None:
    frames = [sheet(), sheet().rotate(180).convert("L"), sheet().resize((80, 40)).convert("1")]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert open_document(document(tmp_path / "a.tif"), RenderConfig(), "", 100).page_count == 3
    assert is_sheet(page(tmp_path / "a.tif", 0).image)
    assert page(tmp_path / "a.tif", 1).image.getpixel((39, 19)) == BLACK
    assert page(tmp_path / "a.tif", 2).image.size == (80, 40)
    with pytest.raises(PageError):
        page(tmp_path / "a.tif", 3)
    assert open_document(document(tmp_path / "a.tif"), RenderConfig(), "", 2).page_count == 2


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_of_an_animation_the_first_frame_is_the_page(tmp_path: Path, name: str) -> None:
    sheet().save(tmp_path / name, save_all=True, append_images=[Image.new("RGB", (40, 20), BLACK)] * 3)
    assert open_document(document(tmp_path / name), RenderConfig(), "", 100).page_count == 1
    assert is_sheet(page(tmp_path / name).image)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "bit.tif"])
def test_large_images_are_clamped(tmp_path: Path, name: str) -> None:
    image = sheet().resize((2000, 1000), Image.Resampling.NEAREST)
    (image.convert("1") if name == "bit.tif" else image).save(tmp_path / name, dpi=(300, 300))
    rendered = page(tmp_path / name, config=RenderConfig(max_pixels=200_000))
    assert 50_000 <= rendered.image.width * rendered.image.height <= 200_000
    assert is_sheet(rendered.image.resize((40, 20)), tolerance=60)
    geometry = rendered.geometry
    assert (geometry.width_pt, geometry.height_pt) == pytest.approx((480, 240), rel=1e-4)
    assert geometry.dpi == pytest.approx(300 * rendered.image.width / 2000, rel=1e-4)


def test_strips_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (301, 203, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    monkeypatch.setattr(image_colours, "_STRIP_PIXELS", 203 * 2 * 7)
    rendered = page(tmp_path / "a.png", config=RenderConfig(max_pixels=20_000)).image
    np.testing.assert_array_equal(np.asarray(rendered), np.asarray(Image.fromarray(noise).reduce(2)))


@pytest.mark.parametrize(("dpi", "points"), [(300, 9.6), (1, 40), (99999, 40), (0, 40)])
def test_points_follow_a_sane_resolution(tmp_path: Path, dpi: int, points: float) -> None:
    sheet().save(tmp_path / "a.png", **({"dpi": (dpi, dpi)} if dpi else {}))
    geometry = page(tmp_path / "a.png").geometry
    assert geometry.width_pt == pytest.approx(points, rel=1e-3)
    assert (geometry.width_px, geometry.height_px) == (40, 20)


def scan(side: int = 400) -> Image.Image:
    """Lines of dark noise on white down to the last row."""
    levels = np.full((side, side, 3), 255, dtype=np.uint8)
    noise = np.random.default_rng(2).integers(0, 100, (side, side, 3), dtype=np.uint8)
    levels[::8], levels[1::8] = noise[::8], noise[1::8]
    return Image.fromarray(levels)


def cut(path: Path, share: float = 0.5) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    return path


HALVES: dict[str, tuple[dict[str, object], str]] = {
    "a.png": ({}, "lower"),
    "a.jpg": ({"quality": 95}, "lower"),
    "a.bmp": ({}, "upper"),
    "a.ppm": ({}, "lower"),
    "raw.tif": ({}, "lower"),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_an_image_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    keys, edge = HALVES[name]
    scan().save(tmp_path / name, **keys)
    whole = page(tmp_path / name)
    assert whole.damage == ""
    half = page(cut(tmp_path / name))
    assert f"the image is damaged, the {edge} " in half.damage and "could not be decoded" in half.damage
    share = int(half.damage.split("%")[0].split()[-1]) / 100
    assert 0.3 < share < 0.7
    there, missing = np.asarray(half.image), np.asarray(whole.image)
    lost = int(share * 400) - 16  # the words round, and JPEG has rows of blocks
    rows = slice(0, lost) if edge == "upper" else slice(400 - lost, 400)
    kept = slice(400 - lost, 400) if edge == "upper" else slice(0, 400 - lost - 32)
    assert (there[rows] == PAD_COLOR).all(), "what is missing is grey, neither paper nor ink"
    np.testing.assert_array_equal(there[kept], missing[kept])


def test_strips_of_a_damaged_tiff_are_read_up_to_the_broken_one(tmp_path: Path) -> None:
    scan().save(tmp_path / "a.tif", compression="tiff_lzw", strip_size=20_000)
    with Image.open(tmp_path / "a.tif") as image:
        offsets = image.tag_v2[273]  # type: ignore[attr-defined]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    middle = offsets[len(offsets) // 2]
    data[middle : middle + 300] = bytes(300)
    (tmp_path / "a.tif").write_bytes(data)
    found = page(tmp_path / "a.tif")
    assert "the image is damaged, the lower " in found.damage
    np.testing.assert_array_equal(np.asarray(found.image)[:150], np.asarray(scan())[:150])


def test_a_progressive_jpeg_that_ends_early_is_read_from_its_coarse_scans(tmp_path: Path) -> None:
    smooth = scan().resize((800, 800), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", progressive=True, quality=95)
    found = page(cut(tmp_path / "a.jpg", 0.8))
    assert "the image is damaged, part of it is missing: image file is truncated" in found.damage
    grey = np.asarray(found.image.convert("L"))
    assert grey.std() > 20 and grey[-100:].std() > 20


def test_orientation_and_shrinking_apply_to_half_an_image_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    scan().save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = page(cut(tmp_path / "a.jpg"), config=RenderConfig(max_pixels=40_000))
    width, height = found.image.size
    assert "the lower " in found.damage and width * height <= 40_000
    assert found.image.getpixel((2, height // 2)) == PAD_COLOR, "the stored lower edge is the left one"
    assert found.image.getpixel((width - 2, height // 2)) != PAD_COLOR


@pytest.mark.parametrize(
    ("name", "share", "keys"),
    [
        ("a.jpg", 0.005, {}),
        ("a.png", 0.001, {}),
        ("interlaced.png", 0.5, {}),
        ("a.jp2", 0.3, {}),
        ("one-strip.tif", 0.01, {"compression": "tiff_lzw", "strip_size": 1 << 30}),
    ],
)
def test_images_of_which_nothing_is_left_are_page_errors(
    tmp_path: Path, name: str, share: float, keys: dict[str, object]
) -> None:
    scan().save(tmp_path / name, **keys)
    if name == "interlaced.png":
        data = bytearray((tmp_path / name).read_bytes())
        data[28] = 1  # IHDR's interlace method, then its checksum
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=r"cannot be (decoded|read)"):
        page(cut(tmp_path / name, share))


def test_a_tiff_that_ends_within_its_only_strip_is_read(tmp_path: Path) -> None:
    """As fax scanners write them: the directory first, then one strip."""
    scan().convert("1").save(tmp_path / "g4.tif", compression="group4", strip_size=1 << 30)
    with Image.open(tmp_path / "g4.tif") as image:
        (offset,), (count,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
        strip = (tmp_path / "g4.tif").read_bytes()[offset : offset + count]
    entries = [(256, 400), (257, 400), (258, 1), (259, 4), (262, 0), (273, 122), (278, 400), (279, count)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + directory + bytes(4)
    (tmp_path / "whole.tif").write_bytes(head.ljust(122, b"\0") + strip)
    (tmp_path / "half.tif").write_bytes(head.ljust(122, b"\0") + strip[: count // 2])
    whole, half = page(tmp_path / "whole.tif"), page(tmp_path / "half.tif")
    assert whole.damage == "" and "the image is damaged" in half.damage
    np.testing.assert_array_equal(np.asarray(half.image)[:150], np.asarray(whole.image)[:150])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"<html><body>403</body></html>", "not an image: the file is HTML"),
        ("a.png", b"%PDF-1.7", "not an image: the file is a PDF"),
        ("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the file is PostScript"),
        ("a.png", b"random", "not a format known here"),
        ("a.png", b"", "the file is empty"),
        ("a.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40, "pip install pillow-heif"),
    ],
)
def test_what_only_claims_to_be_an_image_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError, match=reason):
        page(tmp_path / name)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.pbm").write_bytes(b"P4 50000 50000 \0")
    with pytest.raises(
        PageError, match=r"50000 x 50000 pixels take 2,\d\d\d MB.*render.worker_memory_mb \(1500"
    ):
        page(tmp_path / "a.pbm")
    (tmp_path / "b.pbm").write_bytes(b"P4 500000 500000 \0")
    with pytest.raises(DocumentError, match="too large to decode"):
        page(tmp_path / "b.pbm")


class Claims:
    """What is known of an image before it is decoded."""

    def __init__(self, kind: str, mode: str, size: tuple[int, int], **info: object) -> None:
        self.format, self.mode, self.size, self.info = kind, mode, size, info
        self.width, self.height = size
        self.tag_v2 = {278: info["rows"]} if "rows" in info else {}
        self.layer = [("\1", 2, 2, 0), ("\2", 1, 1, 1), ("\3", 1, 1, 1)]

    def getexif(self) -> dict[int, int]:
        return {0x0112: 6} if "turned" in self.info else {}

    def getbands(self) -> tuple[str, ...]:
        return tuple(self.mode)


@pytest.mark.parametrize(
    ("claims", "file_size", "allowed"),
    [
        (Claims("PNG", "RGB", (14_000, 14_000)), None, True),
        (Claims("PNG", "RGB", (18_000, 18_000)), None, False),
        (Claims("PNG", "1", (32_000, 32_000)), None, True),
        (Claims("PNG", "1", (50_000, 50_000)), None, False),
        (Claims("TIFF", "1", (30_000, 30_000), rows=100), None, True),
        (Claims("TIFF", "1", (30_000, 30_000)), None, False),
        (Claims("TIFF", "RGB", (14_000, 14_000), rows=1), None, True),
        (Claims("TIFF", "RGB", (14_000, 14_000), rows=1 << 40), None, False),
        (Claims("TIFF", "RGB", (14_000, 14_000), rows=("many",)), None, False),
        (Claims("TIFF", "L", (15_000, 15_000)), None, True),
        (Claims("TIFF", "L", (15_000, 15_000), turned=True), None, True),
        (Claims("TIFF", "L", (20_000, 20_000), turned=True), None, False),
        (Claims("JPEG", "RGB", (7_500, 7_500)), (60_000, 60_000), True),
        (Claims("JPEG", "RGB", (7_500, 7_500), progressive=1), (60_000, 60_000), False),
        (Claims("JPEG", "RGB", (3_500, 3_500), progressive=1), (14_000, 14_000), True),
        (Claims("WEBP", "RGB", (14_000, 14_000)), None, False),
        (Claims("WEBP", "RGB", (13_000, 13_000)), None, True),
    ],
)
def test_large_scans_are_weighed_before_they_are_decoded(
    claims: Claims, file_size: tuple[int, int] | None, allowed: bool
) -> None:
    image = cast(Image.Image, claims)
    if allowed:
        refuse_bomb(image, file_size or claims.size, RenderConfig())
        return
    with pytest.raises(PageError, match="too large to decode"):
        refuse_bomb(image, file_size or claims.size, RenderConfig())


def test_a_scan_over_179_megapixels_is_read_within_a_workers_memory(tmp_path: Path) -> None:
    image = Image.new("1", (14_000, 13_000), 255)
    image.paste(0, (1_000, 1_000, 4_000, 2_000))
    image.save(tmp_path / "a.png", compress_level=1)
    config = RenderConfig(workers=1, max_pixels=1_000_000, worker_memory_mb=600)
    with RenderPool(config, "", 10) as pool:
        opened = pool.open(document(tmp_path / "a.png")).result(120)
        found = pool.run(opened.page(0), bad_tasks.darkness).result(120)
    assert found["pixels"] <= 1_000_000 and found["ink"] == pytest.approx(3 / 182, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1), (3, 70_000), (70_000, 200)])
def test_endless_strips_are_shrunk_to_sides_that_can_be_saved(tmp_path: Path, size: tuple[int, int]) -> None:
    image = Image.new("L", size, 255)
    image.paste(0, (0, 0, *(-(-side // 2) for side in size)))
    image.save(tmp_path / "a.png")
    found = page(tmp_path / "a.png").image
    assert max(found.size) <= MAX_SIDE_PX and min(found.size) >= 1
    assert found.getpixel((0, 0)) == BLACK
    if min(size) == 1:
        assert found.getpixel((found.width - 1, found.height - 1)) == WHITE


def test_a_bomb_in_a_later_frame_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet().save(tmp_path / "a.tif", save_all=True, append_images=[sheet().resize((400, 200))])
    monkeypatch.setattr(image_limits, "FREE_PIXELS", 10_000)
    monkeypatch.setattr(image_limits, "_MB", 1)
    assert is_sheet(page(tmp_path / "a.tif", 0).image)
    with pytest.raises(PageError, match="400 x 200"):
        page(tmp_path / "a.tif", 1)
