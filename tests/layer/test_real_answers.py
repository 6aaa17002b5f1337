"""Repair on real answers of the real model: more of the page's words, formulas as they were."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from bench.exact_text import Score, formulas, pages, read_words, right_blocks, written_words
from ocr_engine.layer.comparison import compared
from ocr_engine.layer.repair import repaired, replayed


def test_words_come_right_formulas_stay_and_repairs_can_be_replayed(shared_data: Path) -> None:
    folder = shared_data / "real_answers"
    before, after = Score(), Score()
    for page in [
        *islice(pages(folder, 30, only="avrcp"), 24, 28),
        *pages(folder, 2, only="math_CDS_Mathe1_LA12"),
    ]:
        blocks, repairs = repaired(compared(page.blocks, page.layer), "words")
        assert formulas(blocks) == formulas(page.blocks)
        assert replayed(page.blocks, repairs) == blocks
        assert repaired(compared(blocks, page.layer), "words")[0] == blocks
        assert any(repair.boxes for repair in repairs) or right_blocks(page) <= right_blocks(
            replace(page, blocks=blocks)
        )
        if page.name.startswith("avrcp"):
            before.add(written_words(page), read_words(page.blocks))
            after.add(written_words(page), read_words(blocks))
    assert after.both / after.written > max(0.99, before.both / before.written)
    assert after.both / after.read > max(0.98, before.both / before.read)
