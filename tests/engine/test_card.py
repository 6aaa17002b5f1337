"""Sizes for the cards people have, and for none that is too small."""

import pytest

from ocr_engine.engine.card import card_bytes, choose_card_sizes, encoder_px
from ocr_engine.errors import EngineError

GIB = 1 << 30
WEIGHTS, KV = int(6.2 * GIB), 2 * 12 * 1280 * 2


@pytest.mark.parametrize(
    ("gib", "least", "most", "tokens"),
    [
        (141, 768, 768, 16384),
        (80, 448, 560, 16384),
        (40, 160, 200, 16384),
        (24, 80, 110, 8192),
        (16, 16, 40, 8192),
    ],
)
def test_sizes_grow_with_the_card(gib, least, most, tokens):
    sizes = choose_card_sizes(gib * GIB, 0.85, WEIGHTS, KV)
    assert least <= sizes.max_num_seqs <= most and sizes.max_num_seqs % 8 == 0
    assert sizes.max_num_batched_tokens == tokens


def test_a_small_card_needs_smaller_weights():
    with pytest.raises(EngineError, match=r"8 GiB are too little for 6\.2 GiB of weights.*quantization"):
        choose_card_sizes(8 * GIB, 0.85, WEIGHTS, KV)
    assert choose_card_sizes(8 * GIB, 0.85, int(WEIGHTS / 2.3), KV).max_num_seqs >= 16


def test_a_small_card_encodes_fewer_pixels_at_once():
    view_px = 1024 * 1024
    assert [encoder_px(gib * GIB) // view_px for gib in (8, 16, 24, 40, 141)] == [2, 8, 8, 16, 16]


def test_a_smaller_cache_holds_more_pages():
    whole, half = (choose_card_sizes(24 * GIB, 0.85, WEIGHTS, kv) for kv in (KV, KV // 2))
    assert half.max_num_seqs > 1.8 * whole.max_num_seqs


def test_without_a_driver_a_usual_card_is_assumed(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "not-a-card")
    assert card_bytes() == 80 * GIB
