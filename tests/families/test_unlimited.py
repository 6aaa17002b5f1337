"""Unlimited-OCR: up to 32 tiles, its own prompts, guard and context, one mode of each kind."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.checkpoints import write_checkpoint
from ocr_engine.config import Config, EngineConfig, NgramConfig, for_family
from ocr_engine.config.prompts import understood
from ocr_engine.engine import checkpoint
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import FAMILIES, OCR, OCR2, UNLIMITED, guessed_family, resolve_mode
from ocr_engine.families.tiling import choose_grid, visual_tokens
from ocr_engine.reading.request import mode_of, prompt_of, request_for
from ocr_engine.records import PageViews
from tests.families.test_tiling import official_grid

GUNDAM = resolve_mode("gundam", family=UNLIMITED)
VIEWS = PageViews(np.zeros((1024, 1024, 3), np.uint8), np.zeros((0, 640, 640, 3), np.uint8), (1, 1))


@pytest.mark.parametrize(
    ("size", "grid", "tokens"),
    [
        ((640, 640), (1, 1), 273),
        # An A4 page at 144 and, as the official client renders it, at 300 dpi.
        ((1190, 1684), (2, 3), 903),
        ((2480, 3508), (4, 6), 2733),
        ((2560, 5120), (4, 8), 273 + 80 * 41),
    ],
)
def test_known_pages(size: tuple[int, int], grid: tuple[int, int], tokens: int) -> None:
    assert choose_grid(*size, GUNDAM) == grid
    assert visual_tokens(*size, GUNDAM) == tokens


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_grid_is_the_official_one(width: int, height: int) -> None:
    assert choose_grid(width, height, GUNDAM) == official_grid(width, height, 640, 32)


def test_auto_is_what_the_family_has() -> None:
    given_config = Config()
    for family, guard, tiles in ((OCR, (20, 50), 6), (OCR2, (20, 50), 6), (UNLIMITED, (35, 128), 32)):
        known = for_family(given_config, family)
        request = request_for(given_config, VIEWS, "1", family=family)
        assert (known.engine.ngram.size, known.engine.ngram.window) == guard
        assert (request.ngram_size, request.ngram_window) == guard
        assert known.max_tiles == tiles == mode_of(given_config, family).max_tiles
    assert for_family(replace(given_config, mode="base"), UNLIMITED).max_tiles == 32


def test_a_guard_that_the_family_makes_useless_is_refused() -> None:
    config = Config(engine=EngineConfig(ngram=NgramConfig(window=30)))
    for_family(config, OCR)
    with pytest.raises(UsageError, match="size 35, window 30 can never ban"):
        for_family(config, UNLIMITED)


def test_prompts() -> None:
    assert prompt_of(Config(), UNLIMITED) == "<image>document parsing."
    assert prompt_of(Config(prompt="pages"), UNLIMITED) == "<image>Multi page parsing."
    for prompt, family in (("free", UNLIMITED), ("pages", OCR)):
        with pytest.raises(UsageError, match=f"prompt '{prompt}': {family} was trained with"):
            prompt_of(Config(prompt=prompt), family)
    assert understood("<image>document parsing.").prompt == "markdown"
    assert understood("Multi page parsing").prompt == "pages"


def test_it_is_known_by_name() -> None:
    assert guessed_family("baidu/Unlimited-OCR") == UNLIMITED
    assert guessed_family("deepseek-ai/DeepSeek-OCR-2") == OCR2


def test_a_checkpoint_is_checked_tensor_by_tensor(tmp_path, monkeypatch) -> None:
    folder = write_checkpoint(tmp_path / "model", UNLIMITED)
    found = checkpoint.resolve(str(folder))
    assert (
        (found.family, found.max_model_len)
        == (UNLIMITED, FAMILIES[UNLIMITED].max_model_len)
        == (UNLIMITED, 32_768)
    )
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(
        config.replace('"moe_intermediate_size": 64', '"moe_intermediate_size": 96')
    )
    with pytest.raises(EngineError, match="the weights do not fit its config.json"):
        checkpoint.resolve(str(folder))
