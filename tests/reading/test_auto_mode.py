"""`mode: auto`: which mode a page gets, why, and what a run makes of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pymupdf
import pytest
from PIL import Image

from ocr_engine.config import AutoModeConfig, Config, QualityConfig, RetryStep
from ocr_engine.engine.base import Engine
from ocr_engine.errors import UsageError
from ocr_engine.families import FAMILIES, OCR, OCR2, Family, auto_modes
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.auto_mode import AutoMode, choose, view_scale, visual_tokens
from ocr_engine.reading.reader import PageReader, ReadPage
from ocr_engine.records import (
    FinishReason,
    LayerVerdict,
    PageGeometry,
    PageImage,
    PageKey,
    TextLayer,
    WordFlag,
    no_layer,
)
from tests.conversion.test_pipeline import rows, run_pdf
from tests.pages.test_type_size import page as picture
from tests.reading.test_reader import REF, Pool, Script
from tests.text_layers import layer_of

A4_PX, A4_PT = (1190, 1684), (595.0, 842.0)
EMPTY = Image.new("RGB", A4_PX, "white")
LIMITS = AutoModeConfig(min_type_px=16, max_compression=10)


def page(image: Image.Image = EMPTY, size_pt: tuple[float, float] = A4_PT) -> PageImage:
    return PageImage(image, PageGeometry(*image.size, *size_pt, 144), "pymupdf")


def layer(size_pt: float, words: int = 400, flags: int = 0) -> TextLayer:
    found = layer_of(" ".join(["letter"] * words))
    sizes = np.full(words, size_pt, np.float32)
    return replace(found, sizes_pt=sizes, flags=np.full(words, flags, np.uint16))


def chosen(
    of: TextLayer, on: PageImage | None = None, family: str = OCR, limits: AutoModeConfig = LIMITS
) -> str:
    return choose(on or page(), of, AutoMode(auto_modes(6, family), limits)).mode.name


@pytest.mark.parametrize(
    ("size_pt", "mode"),
    [(60, "tiny"), (24, "small"), (14, "base"), (11, "large"), (10, "gundam"), (5, "gundam")],
)
def test_smaller_type_takes_more_pixels(size_pt: float, mode: str) -> None:
    assert chosen(layer(size_pt, words=60)) == mode


def test_no_token_stands_for_more_text_than_the_limit() -> None:
    few, many, most = (layer(24, words) for words in (60, 700, 2500))
    assert [chosen(found) for found in (few, many, most)] == ["small", "base", "gundam"]
    tokens = 700 * 7 / 3.6
    generous = AutoModeConfig(min_type_px=16, max_compression=tokens / 100 + 0.1)
    assert chosen(many, limits=generous) == "small"


def test_the_limits_are_the_configs() -> None:
    assert chosen(layer(10), limits=AutoModeConfig(min_type_px=12)) == "base"
    assert chosen(layer(14), limits=AutoModeConfig(min_type_px=100)) == "gundam"


def test_other_families_choose_among_their_own() -> None:
    assert [chosen(layer(size, 60), family=OCR2) for size in (24, 14, 10)] == ["small", "base", "gundam"]


def test_a_family_with_one_mode_has_nothing_to_choose() -> None:
    one = AutoMode(auto_modes(6, OCR)[2:3], LIMITS)
    choice = choose(page(), layer(5), one)
    assert choice.mode.name == "base" and "only mode" in choice.reason


def test_raised_numbers_and_hidden_words_do_not_make_small_type() -> None:
    body = layer(14, words=400)
    tiny = np.arange(400) % 30 == 0
    assert chosen(replace(body, sizes_pt=np.where(tiny, 4, body.sizes_pt).astype(np.float32))) == "base"
    half = np.arange(400) % 2 == 0
    small = np.where(half, 4, body.sizes_pt).astype(np.float32)
    hidden = np.where(half, int(WordFlag.HIDDEN), 0).astype(np.uint16)
    assert chosen(replace(body, sizes_pt=small)) == "gundam"
    assert chosen(replace(body, sizes_pt=small, flags=hidden)) == "base"


@pytest.mark.parametrize("verdict", [LayerVerdict.OCR, LayerVerdict.BROKEN, LayerVerdict.NONE])
def test_a_layer_that_is_not_the_documents_own_is_not_asked(verdict: LayerVerdict) -> None:
    small_print = page(picture(14))
    lying = replace(layer(60), verdict=verdict)
    assert chosen(layer(60), small_print) == "small"
    assert chosen(lying, small_print) == "gundam"


def test_a_stamp_on_a_scan_is_not_taken_for_its_text() -> None:
    assert chosen(layer(60, words=10), page(picture(14))) == "gundam"


@pytest.mark.parametrize(("font_px", "mode"), [(60, "small"), (32, "base"), (14, "gundam")])
def test_a_picture_is_measured(font_px: int, mode: str) -> None:
    assert chosen(no_layer(), page(picture(font_px))) == mode


def test_without_a_line_the_dearest_mode_is_taken() -> None:
    choice = choose(page(), no_layer(), AutoMode(auto_modes(6, OCR), LIMITS))
    assert (choice.mode.name, choice.reason) == ("gundam", "auto: no lines of text to measure")


def test_scales_and_tokens_are_those_of_the_views() -> None:
    tiny, small, base, large, gundam = auto_modes(6, OCR)
    assert [round(visual_tokens(mode, *A4_PX)) for mode in (tiny, small, base, large, gundam)] == [
        64, 100, 181, 283, 856,
    ]  # fmt: skip
    assert view_scale(base, *A4_PX) == 1024 / 1684
    assert view_scale(gundam, *A4_PX) == min(2 * 640 / 1190, 3 * 640 / 1684)
    assert view_scale(gundam, 600, 500) == 1024 / 600, "a page that small gets no tiles"


class AutoPool(Pool):
    """A page whose layer is one that is given."""

    def __init__(self, found: TextLayer) -> None:
        super().__init__(picture(20), "")
        self.page = replace(self.page, text_layer=lambda: found)


def read(answers: list[Any], found: TextLayer, **quality: Any) -> tuple[ReadPage, Script]:
    script = Script(answers)
    config = Config(mode="auto", auto_mode=LIMITS, quality=QualityConfig(compare_text_layer=False, **quality))
    reader = PageReader(config, cast(RenderPool, AutoPool(found)), cast(Engine, script), OCR)
    return asyncio.run(reader.read(REF, PageKey("a", 1), "r.w")), script


def test_the_record_says_which_mode_and_why() -> None:
    page, script = read([("text", FinishReason.STOP)], layer(14))
    assert script.asked[0].views.global_view.shape[:2] == (1024, 1024)
    assert page.record.mode == "base" and page.record.mode_reason.startswith("auto: type from 14.0 pt")
    assert page.record.recall is None, "the layer was asked for the mode alone"


def test_an_attempt_keeps_the_pages_mode_unless_it_names_one() -> None:
    steps = (RetryStep(ngram_window=1024), RetryStep(mode="gundam"))
    answers = [("a", FinishReason.LENGTH), ("b", FinishReason.LENGTH), ("text", FinishReason.STOP)]
    page, script = read(answers, layer(14), retries=steps)
    assert [one.views.global_view.shape[0] for one in script.asked] == [1024, 1024, 1024]
    assert [len(one.views.tiles) > 0 for one in script.asked] == [False, False, True]
    assert (page.record.mode, page.record.mode_reason) == ("gundam", "")


def test_a_family_must_have_the_mode_that_a_step_names() -> None:
    config = Config(mode="auto", quality=QualityConfig(retries=(RetryStep(mode="tiny"),)))
    with pytest.raises(UsageError, match="deepseek-ocr-2 knows views of"):
        PageReader(config, cast(RenderPool, AutoPool(no_layer())), cast(Engine, Script([])), OCR2)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two pages: large type, small type."""
    with pymupdf.open() as document:
        for size in (22, 8):
            written = document.new_page()
            for line in range(14):
                written.insert_text((40, 60 + line * size * 1.4), "five words on a line", fontsize=size)
        document.save(tmp_path / "mixed.pdf")
    return tmp_path / "mixed.pdf"


def test_a_run_reads_each_page_in_its_mode_and_goes_on_alike(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    auto = ("--output", out, "--mode", "auto", "--set", "quality.retries=[]")
    assert run_pdf(mixed, *auto) == 0
    assert [(row["page"], row["mode"]) for row in rows(out)] == [(1, "small"), (2, "gundam")]
    assert all(row["mode_reason"].startswith("auto: type from") for row in rows(out))
    stored = (out / "mixed/pages.jsonl").read_bytes()
    assert [json.loads(line)["mode"] for line in stored.splitlines()] == ["small", "gundam"]
    assert run_pdf(mixed, *auto) == 0 and len(rows(out)) == 2, "nothing changed, nothing is read"
    assert run_pdf(mixed, *auto, "--set", "auto_mode.min_type_px=60") == 0
    assert [row["mode"] for row in rows(out)[2:]] == ["gundam", "gundam"], (
        "a limit is part of how pages are read"
    )


def test_auto_is_no_mode_of_a_step(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pdf(mixed, "--output", tmp_path / "out", "--set", "quality.retries=[{mode: auto}]") == 2
    assert "quality.retries: 'auto' is unknown" in capsys.readouterr().err


def test_a_new_family_chooses_among_all_its_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = MappingProxyType({name: FAMILIES[OCR].modes[name] for name in ("base", "large")})
    family: Family = replace(FAMILIES[OCR], name="third", modes=modes, auto=())
    monkeypatch.setitem(FAMILIES, "third", family)
    names: Callable[[str], list[str]] = lambda of: [mode.name for mode in auto_modes(6, of)]  # noqa: E731
    assert names("third") == ["base", "large"]
    assert "gundam-m" not in names(OCR)
