"""What a render worker spends is told for each thing that it does, a number a page."""

from pathlib import Path

from bench.main_process import ROOT, make_corpus
from bench.render_cost import ALL, FINISHED, STAGES, measured
from ocr_engine import config as config_module
from ocr_engine.config import for_family
from ocr_engine.families import OCR


def test_each_stage_of_each_page_is_measured(tmp_path: Path) -> None:
    config = for_family(config_module.load(ROOT / "config.yaml", {"mode": "tiny"}), OCR)
    pdfs = sorted(make_corpus(tmp_path / "in", 2).iterdir())
    spent = measured(pdfs, 2, config, known=True)
    assert set(spent) == {name for name, *_ in STAGES} | {ALL, FINISHED}
    assert {len(values) for values in spent.values()} == {2}
    parts = sum(spent[name][1] for name, *_ in STAGES)
    assert 0.5 * spent[ALL][1] < parts < spent[ALL][1], "most of the time is in what is named, none twice"
