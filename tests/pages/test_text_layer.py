"""The text layer of a page as both libraries read it: words where they stand, and what is believed."""

import pickle
from pathlib import Path
from typing import Literal

import numpy as np
import pymupdf
import pytest

from ocr_engine.config import RenderConfig
from ocr_engine.pages import text_layer as limits
from ocr_engine.pages.text_layer import Word, text_layer
from ocr_engine.records import LayerVerdict, TextLayer, WordFlag
from tests.pages.documents import page
from tests.text_layers import layer_of

Backend = Literal["pymupdf", "pdfium"]
both = pytest.mark.parametrize("backend", ["pymupdf", "pdfium"])


def layer(path: Path, backend: Backend, index: int = 0) -> TextLayer:
    return page(path, index, RenderConfig(backend=backend)).text_layer()


def made(path: Path, **keys: object) -> pymupdf.Document:
    document = pymupdf.open()
    document.new_page(width=400, height=200).insert_text((40, 60), "Some words", fontsize=12, **keys)
    return document


@both
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [(0, 0, 400, 200), (20, 30, 380, 190)])
def test_a_word_is_where_its_ink_is(
    tmp_path: Path, backend: Backend, angle: int, crop: tuple[int, ...]
) -> None:
    document = made(tmp_path)
    document[0].set_cropbox(pymupdf.Rect(crop))
    document[0].set_rotation(angle)
    document.save(tmp_path / "a.pdf")
    image = page(tmp_path / "a.pdf", config=RenderConfig(backend=backend))
    found = image.text_layer()
    assert found.words == ("Some", "words") and found.verdict is LayerVerdict.BORN_DIGITAL
    boxes = found.boxes / 999 * np.array(image.image.size * 2)
    dark = np.argwhere(np.asarray(image.image.convert("L")) < 100)[:, ::-1]
    inside = np.logical_or.reduce(
        [((dark >= box[:2] - 2) & (dark <= box[2:] + 2)).all(axis=1) for box in boxes]
    )
    assert inside.all() and np.unique(dark, axis=0).size
    turned = bool(found.flags[0] & WordFlag.TURNED)
    assert turned == (angle != 0), "text that is not level on the page as shown"
    assert 11 < found.sizes_pt[0] < 13


@both
@pytest.mark.parametrize(
    "words", ["invisible", "transparent", "white", "under a white sheet", "under a picture"]
)
def test_text_that_is_not_to_be_seen_is_hidden(tmp_path: Path, backend: Backend, words: str) -> None:
    keys: dict[str, object] = {
        "invisible": {"render_mode": 3},
        "transparent": {"fill_opacity": 0},
        "white": {"color": (1, 1, 1)},
    }.get(words, {})
    document = made(tmp_path, **keys)
    shown = document[0]
    shown.insert_text((40, 150), "I am shown, and far longer than the other", fontsize=12)
    if words == "under a white sheet":
        shown.draw_rect(pymupdf.Rect(20, 30, 380, 80), fill=(1, 1, 1), color=(1, 1, 1))
    if words == "under a picture":
        noise = np.random.default_rng(0).integers(0, 255, (50, 360, 3), np.uint8)
        pixels = pymupdf.Pixmap(pymupdf.csRGB, 360, 50, noise.tobytes(), False)
        shown.insert_image(pymupdf.Rect(20, 30, 380, 80), pixmap=pixels)
    document.save(tmp_path / "a.pdf")
    found = layer(tmp_path / "a.pdf", backend)
    hidden = [word for word, flags in zip(found.words, found.flags, strict=True) if flags & WordFlag.HIDDEN]
    assert hidden == ["Some", "words"] and found.verdict is LayerVerdict.BORN_DIGITAL


@pytest.mark.parametrize(("picture", "reads"), [(False, 1), (True, 2)])
def test_a_picture_in_the_middle_of_a_line_parts_no_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: bool, reads: int
) -> None:
    """Text is read a second time, without pictures, where a page has any."""
    document = pymupdf.open()
    shown = document.new_page(width=400, height=200)
    shown.insert_text((40, 60), "Some", fontsize=12)
    if picture:
        pixels = pymupdf.Pixmap(pymupdf.csRGB, 4, 4, bytes(48), False)
        shown.insert_image(pymupdf.Rect(300, 100, 320, 120), pixmap=pixels)
    shown.insert_text((75, 60), "words", fontsize=12)
    document.save(tmp_path / "a.pdf")
    calls = []
    read = pymupdf.DisplayList.get_textpage
    monkeypatch.setattr(
        pymupdf.DisplayList, "get_textpage", lambda *args, **keys: calls.append(1) or read(*args, **keys)
    )
    found = layer(tmp_path / "a.pdf", "pymupdf")
    assert (found.words, found.blocks.tolist(), len(calls)) == (("Some", "words"), [0, 0], reads)


@both
def test_a_page_of_invisible_words_is_somebodys_ocr(tmp_path: Path, backend: Backend) -> None:
    made(tmp_path, render_mode=3).save(tmp_path / "a.pdf")
    found = layer(tmp_path / "a.pdf", backend)
    assert (
        found.verdict is LayerVerdict.OCR and found.reason == "100% of its text is not to be seen on the page"
    )


@both
def test_text_outside_the_crop_box_is_left_out(tmp_path: Path, backend: Backend) -> None:
    document = made(tmp_path)
    document[0].insert_text((40, 190), "cropped away")
    document[0].set_cropbox(pymupdf.Rect(0, 0, 400, 150))
    document.save(tmp_path / "a.pdf")
    assert layer(tmp_path / "a.pdf", backend).words == ("Some", "words")


@both
def test_lines_are_told_apart(tmp_path: Path, backend: Backend) -> None:
    document = made(tmp_path)
    document[0].insert_text((40, 90), "and more", fontsize=12)
    document.save(tmp_path / "a.pdf")
    found = layer(tmp_path / "a.pdf", backend)
    assert found.text == "Some words\nand more" and found.lines.tolist() == [0, 0, 1, 1]


@both
def test_fonts_without_a_map_make_a_layer_broken(tmp_path: Path, backend: Backend) -> None:
    document = pymupdf.open()
    shown = document.new_page(width=400, height=200)
    shown.insert_font("F", fontbuffer=pymupdf.Font("cjk").buffer)
    shown.insert_text((40, 60), "Some words that nobody can read", fontname="F")
    for xref in range(1, document.xref_length()):
        if document.xref_get_key(xref, "ToUnicode")[0] == "xref":
            document.xref_set_key(xref, "ToUnicode", "null")
    document.save(tmp_path / "a.pdf")
    found = layer(tmp_path / "a.pdf", backend)
    assert found.verdict is not LayerVerdict.BORN_DIGITAL, found


@both
def test_a_huge_layer_is_broken_and_small(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        f"ocr_engine.pages.layer_{'pymupdf' if backend == 'pymupdf' else 'pdfium'}.MAX_WORDS", 3
    )
    document = made(tmp_path)
    document[0].insert_text((40, 90), "and far more")
    document.save(tmp_path / "a.pdf")
    found = layer(tmp_path / "a.pdf", backend)
    assert found.verdict is LayerVerdict.BROKEN and not found.words


def test_both_libraries_agree_on_a_real_page(shared_data: Path) -> None:
    path = shared_data / "real_answers/avrcp.pdf"
    ours, other = layer(path, "pymupdf", 20), layer(path, "pdfium", 20)
    assert sorted(ours.words) == sorted(other.words) and ours.verdict is other.verdict
    assert len(pickle.dumps(ours)) < 60 * len(ours.words)


def words_of(*texts: str) -> TextLayer:
    boxes = np.array([(10.0 * at, 0.0, 10.0 * at + 8, 10.0) for at in range(len(texts))])
    return text_layer([Word(text, 0, 0) for text in texts], boxes, (500.0, 500.0))


def test_what_cannot_be_seen_of_a_word_is_taken_away() -> None:
    layer = words_of(
        "a\u202eb", "\x07c\x1b", "\u200b\u2060", "e\ufb03cient", "le\xad", "x\ud800", "\U000e0041d"
    )
    assert layer.words == ("ab", "c", "efficient", "le-", "x\ufffd", "d")
    assert [int(flags) for flags in layer.flags] == [0, 0, 0, WordFlag.SOFT_HYPHEN, WordFlag.UNMAPPED, 0]


def test_words_of_other_writing_are_flagged() -> None:
    layer = words_of("\u05d0\u05d1", "\ue001\ue002", "and plain")
    assert [int(flags) for flags in layer.flags] == [WordFlag.RIGHT_TO_LEFT, WordFlag.UNMAPPED, 0]
    assert layer.verdict is LayerVerdict.BORN_DIGITAL
    assert words_of("\ue001\ue002", "a").verdict is LayerVerdict.BROKEN


def test_a_layer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CHARS", 10)
    monkeypatch.setattr(limits, "MAX_WORD_CHARS", 6)
    assert words_of("abcdefgh", "ijklmnop", "qrst").words == ("abcdef", "ijkl")
    odd = text_layer([Word("a", 0, 0)], np.array([[np.nan, 0.0, 1e30, 5.0]]), (100.0, 100.0))
    assert not odd.words


def test_an_ocr_programs_font_tells() -> None:
    word = Word("seen", 0, 0, font="GlyphLessFont")
    found = text_layer([word], np.array([[0.0, 0.0, 5.0, 5.0]]), (100.0, 100.0))
    assert found.verdict is LayerVerdict.OCR and "GlyphLessFont" in found.reason


def test_lines_are_the_text() -> None:
    assert layer_of("one two\nthree").text == "one two\nthree"
