"""Pages resized in parts beside Pillow's own resize of the whole: every byte."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ocr_engine.families.resizing as module
from ocr_engine.families.resizing import Piece, Resizable

A4, LETTER = (1190, 1684), (1224, 1584)
SIZES = [(A4, (1280, 1920)), (A4, (724, 1024)), (LETTER, (1280, 1920)), (LETTER, (791, 1024)),
         (A4[::-1], (1920, 1280)), ((1191, 1684), (640, 640)), ((2339, 1654), (1920, 1280))]  # fmt: skip
Spot = tuple[float, float, float, float, bool]
"""Left, top, width and height as shares of a page, and whether the spot has colour."""
shares = st.floats(0, 1)
spots = st.lists(st.tuples(shares, shares, st.floats(0, 0.3), st.floats(0, 0.2), st.booleans()), max_size=6)


def page(size: tuple[int, int], paper: int, of: list[Spot]) -> Image.Image:
    """Paper with spots of noise."""
    width, height = size
    chance = np.random.default_rng(len(of))
    pixels = np.full((height, width, 3), paper, np.uint8)
    for left, top, wide, high, is_coloured in of:
        x, y = int(left * (width - 1)), int(top * (height - 1))
        place = pixels[y : y + 1 + int(high * height), x : x + 1 + int(wide * width)]
        place[:] = chance.integers(0, 256, (*place.shape[:2], 3 if is_coloured else 1))
    return Image.fromarray(pixels)


def in_parts(image: Image.Image, size: tuple[int, int]) -> tuple["np.ndarray", list[Piece]]:
    resizable = Resizable(image)
    found = np.full((size[1], size[0], 3), resizable.paper, np.uint8)
    parts = list(resizable.parts(size))
    for top, left, pixels in parts:
        place = found[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        place[:] = pixels if pixels.ndim == 3 else pixels[:, :, None]
    return found, parts


def whole(image: Image.Image, size: tuple[int, int]) -> "np.ndarray":
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


@settings(max_examples=15)
@given(st.sampled_from(SIZES), st.sampled_from([255, 0, 200]), spots)
def test_usual_pages_in_parts_are_the_whole(
    sizes: tuple[tuple[int, int], tuple[int, int]], paper: int, of: list[Spot]
) -> None:
    image = page(sizes[0], paper, of)
    np.testing.assert_array_equal(in_parts(image, sizes[1])[0], whole(image, sizes[1]))


@settings(max_examples=40)
@given(*[st.integers(1, 900)] * 4, spots)
def test_pages_of_any_size_in_parts_are_the_whole(
    w: int, h: int, wide: int, high: int, of: list[Spot]
) -> None:
    image = page((w, h), 255, of)
    np.testing.assert_array_equal(in_parts(image, (wide, high))[0], whole(image, (wide, high)))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_band_anywhere_is_that_of_the_whole(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Noise in a few rows, and so in each of 6 bands: every weight of a band is used."""
    for number in range(6):
        image = page(sizes[0], 255, [(0.0, number / 6, 1.0, 0.03, False), (0.2, number / 6, 0.1, 0.02, True)])
        np.testing.assert_array_equal(in_parts(image, sizes[1])[0], whole(image, sizes[1]))


def test_usual_pages_are_resized_in_parts() -> None:
    of: list[Spot] = [(0.1, 0.1, 0.8, 0.05, False), (0.2, 0.5, 0.3, 0.1, True)]
    for size, wanted in SIZES[:4]:
        _, parts = in_parts(page(size, 255, of), wanted)
        assert sum(part.pixels.shape[0] for part in parts) < 0.25 * wanted[1]
        assert [part.pixels.ndim for part in parts] == [2, 3]


def test_colour_in_a_corner_does_not_make_its_line_three_channels() -> None:
    of: list[Spot] = [(0.1, 0.1, 0.8, 0.05, False), (0.2, 0.1, 0.02, 0.02, True)]
    image = page(A4, 255, of)
    found, parts = in_parts(image, (1280, 1920))
    assert sorted(part.pixels.shape[1] for part in parts if part.pixels.ndim == 3)[-1] < 0.05 * 1280
    np.testing.assert_array_equal(found, whole(image, (1280, 1920)))


def test_colour_whose_first_channel_is_the_papers_is_ink() -> None:
    image = Image.new("RGB", A4, "white")
    image.paste((255, 0, 0), (300, 300, 700, 340))
    np.testing.assert_array_equal(in_parts(image, (1280, 1920))[0], whole(image, (1280, 1920)))


def test_colour_in_a_corner_of_a_line_whose_columns_may_not_be_parted() -> None:
    """The first pass of the global view takes all columns: its first channel serves the grey ones."""
    of: list[Spot] = [(0.1, 0.1, 0.8, 0.05, False), (0.2, 0.1, 0.02, 0.02, True)]
    image = page(LETTER, 255, of)
    with mock.patch.object(module, "_along_rows", wraps=module._along_rows) as passes:
        found, parts = in_parts(image, (791, 1024))
    assert [part.pixels.ndim for part in parts][:2] == [2, 3] and passes.call_count < len(parts)
    np.testing.assert_array_equal(found, whole(image, (791, 1024)))


def test_photographs_are_not_looked_at() -> None:
    image = page(A4, 255, [(0.0, 0.0, 1.0, 0.9, True)])
    with mock.patch.object(Image.Image, "split") as looked:
        found, parts = in_parts(image, (1280, 1920))
    assert len(parts) == 1 and not looked.called
    np.testing.assert_array_equal(found, whole(image, (1280, 1920)))


def test_grey_pages_may_come_as_one_channel() -> None:
    image = page(A4, 255, [(0.1, 0.1, 0.8, 0.2, False)])
    np.testing.assert_array_equal(in_parts(image.getchannel(0), (1280, 1920))[0], whole(image, (1280, 1920)))


@pytest.mark.parametrize(
    ("size", "wanted", "why"),
    [
        ((900, 1900), (880, 1024), "Pillow shrinks the height first"),
        ((2481, 3508), (1280, 1920), "a weight lies at a rounding's edge"),
        ((100, 101), (100, 97), "bands would begin between two float32"),
        ((100, 5000), (640, 1920), "thin pages are not looked at"),
    ],
)
def test_what_might_differ_is_resized_in_one_piece(
    size: tuple[int, int], wanted: tuple[int, int], why: str
) -> None:
    image = page(size, 255, [(0.1, 0.4, 0.5, 0.1, True)])
    found, parts = in_parts(image, wanted)
    assert [part.pixels.shape for part in parts] == [(wanted[1], wanted[0], 3)], why
    np.testing.assert_array_equal(found, whole(image, wanted))


def test_weights_are_pillows() -> None:
    """What one bright row does to each row of the result, for a size at which all weights are looked at."""
    for source, side in (1684, 1920), (1684, 1024):
        column = np.zeros((source, 1), np.uint8)
        column[source // 2] = 255
        shown = np.asarray(Image.fromarray(column).resize((1, side), Image.Resampling.BICUBIC))[:, 0]
        scale = source / side
        away = np.abs(source // 2 + 0.5 - (np.arange(side) + 0.5) * scale) / max(scale, 1)
        expected = (module._bicubic(away) / max(scale, 1) * 255).round().clip(0, 255)
        assert np.abs(shown - expected).max() <= 1


def test_a_step_is_found_once_a_size() -> None:
    module._step.cache_clear()
    module._row_step.cache_clear()
    image = page(A4, 255, [(0.1, 0.1, 0.8, 0.2, False)])
    with mock.patch.object(module, "_nearest_edge", wraps=module._nearest_edge) as looked:
        in_parts(image, (1280, 1920))
        in_parts(image, (1280, 1920))
    assert looked.call_count == 2, "the height's and the width's"
