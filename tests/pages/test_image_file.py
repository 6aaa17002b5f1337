from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from documents import document, page
from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.pages import image_file
from ocr_engine.pages.render import open_document

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
    monkeypatch.setattr(image_file, "_STRIP_PIXELS", 203 * 2 * 7)
    rendered = page(tmp_path / "a.png", config=RenderConfig(max_pixels=20_000)).image
    np.testing.assert_array_equal(np.asarray(rendered), np.asarray(Image.fromarray(noise).reduce(2)))


@pytest.mark.parametrize(("dpi", "points"), [(300, 9.6), (1, 40), (99999, 40), (0, 40)])
def test_points_follow_a_sane_resolution(tmp_path: Path, dpi: int, points: float) -> None:
    sheet().save(tmp_path / "a.png", **({"dpi": (dpi, dpi)} if dpi else {}))
    geometry = page(tmp_path / "a.png").geometry
    assert geometry.width_pt == pytest.approx(points, rel=1e-3)
    assert (geometry.width_px, geometry.height_px) == (40, 20)


def test_truncated_images_are_page_errors(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png", "a.bmp"):
        Image.fromarray(noise).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PageError, match="cannot be decoded"):
            page(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"<html><body>403</body></html>", "not an image: the file is HTML"),
        ("a.png", b"%PDF-1.7", "not an image: the file is a PDF"),
        ("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the file is PostScript"),
        ("a.png", b"random", "not a format known here"),
        ("a.png", b"", "an empty file"),
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
    with pytest.raises(DocumentError, match="too large to decode"):
        page(tmp_path / "a.pbm")


def test_a_bomb_in_a_later_frame_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet().save(tmp_path / "a.tif", save_all=True, append_images=[sheet().resize((400, 200))])
    monkeypatch.setattr(image_file, "MAX_DECODED_PIXELS", 10_000)
    assert is_sheet(page(tmp_path / "a.tif", 0).image)
    with pytest.raises(PageError, match="400 x 200"):
        page(tmp_path / "a.tif", 1)
