"""The prediction follows the costs and the corpus; the simulation agrees with its bounds."""

import json
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from ocr_engine.capacity import costs as cost_table
from ocr_engine.capacity import plan, scaling, simulation
from ocr_engine.capacity.costs import PageCosts, Work
from ocr_engine.capacity.prediction import largest_shard
from ocr_engine.capacity.simulation import BATCH, Load, Site, StationRates
from ocr_engine.errors import ExitCode, UsageError
from ocr_engine.families import MODES, resolve_mode
from ocr_engine.pages import sources
from ocr_engine.pages.pool import MAX_WORKERS
from ocr_engine.records import DocumentKind
from ocr_engine.sharing.shard import Shard
from tests.conversion.test_pipeline import ROOT, make_pdf

COSTS = cost_table.load()
PAGE = PageCosts(cpu_s=0.06, encoder_s=0.01, prefill_s=0.002, decode_s=0.028, driver_s=0.005, writer_s=0.003)
CALM = 1e9
"""Hours between failures that never come."""


def work(mode: str = "gundam", tiles: float = 6, visual: float = 903, output: float = 880) -> Work:
    return Work.in_mode(resolve_mode(mode), tiles, visual, output)


def test_the_table_names_every_mode_and_an_h200() -> None:
    assert set(COSTS.views_s) == set(MODES)
    assert COSTS.gpus["H200"].measured and COSTS.gpus["H200"].speed == 1


def test_costs_grow_with_tiles_tokens_and_slower_gpus() -> None:
    base = cost_table.page_costs(COSTS, work(), 1.0)
    assert cost_table.page_costs(COSTS, work(tiles=0), 1.0).encoder_s < base.encoder_s
    twice = cost_table.page_costs(COSTS, work(output=1760), 1.0)
    longer_context = 1760 * 440 * COSTS.decode_s_per_context_tok
    assert twice.decode_s == pytest.approx(2 * base.decode_s + longer_context)
    fewer = cost_table.page_costs(COSTS, work(visual=273), 1.0)
    assert base.decode_s - fewer.decode_s == pytest.approx(880 * 630 * COSTS.decode_s_per_context_tok)
    slow = cost_table.page_costs(COSTS, work(), 0.5)
    assert slow.gpu_s == pytest.approx(2 * base.gpu_s) and slow.cpu_s == base.cpu_s


def test_drafts_save_decoding_of_the_pages_that_have_them() -> None:
    plain, half, all_pages = (
        cost_table.page_costs(COSTS, replace(work(), drafted=share), 1.0) for share in (0.0, 0.5, 1.0)
    )
    assert 0.35 < all_pages.decode_s / plain.decode_s < 0.5
    assert half.decode_s == pytest.approx((plain.decode_s + all_pages.decode_s) / 2)
    assert half.encoder_s == plain.encoder_s


def test_pages_without_a_layer_gain_less_from_what_was_said_before() -> None:
    plain, scan, digital = (
        cost_table.page_costs(COSTS, replace(work(), **shares), 1.0).decode_s
        for shares in ({}, {"recalled": 1.0}, {"drafted": 1.0})
    )
    assert digital < 0.8 * scan < 0.6 * plain
    both = cost_table.page_costs(COSTS, replace(work(), drafted=0.25, recalled=0.75), 1.0)
    assert both.decode_s == pytest.approx(0.25 * digital + 0.75 * scan)


@pytest.mark.parametrize(
    ("page", "measured"), [(work(), 28.8), (work("base", tiles=0, visual=273), 48.0)], ids=["gundam", "base"]
)
def test_an_h200_does_what_was_measured_once_running(page: Work, measured: float) -> None:
    assert 1 / cost_table.page_costs(COSTS, page, 1.0).gpu_s == pytest.approx(measured, rel=0.01)


def test_memory_is_weights_workspace_and_pages() -> None:
    small, large = (cost_table.memory(COSTS, work(), gb) for gb in (24, 141))
    assert 0 < small.pages < large.pages and small.needed_gb == large.needed_gb
    assert small.page_gb == pytest.approx(1793 * 61440 / 1e9)
    assert cost_table.memory(COSTS, work(), 8).pages == 0


def test_a_window_over_the_answer_bounds_a_pages_part_of_the_cache() -> None:
    page = replace(work(), window_tok=128)
    assert page.held_tok == 903 + 10 + 128 + 16
    assert replace(page, output_tok=4000).held_tok == page.held_tok
    assert replace(page, output_tok=50).held_tok == 903 + 10 + 50
    plain, windowed = (cost_table.memory(COSTS, one, 141) for one in (work(), page))
    assert windowed.pages / plain.pages == pytest.approx(1793 / 1057, rel=0.01)
    longest = 10 + 903 + 128 + 16
    assert longest - 20 < page.context_tok < replace(page, output_tok=4000).context_tok < longest
    assert replace(page, output_tok=50).context_tok == replace(work(), output_tok=50).context_tok
    assert replace(page, output_tok=0).context_tok == 10 + 903


def test_pages_of_one_request_share_its_window_and_read_each_others_context() -> None:
    base = replace(work("base", tiles=0, visual=273), window_tok=128)
    eight = replace(base, together=8)
    assert eight.held_tok == 273 + (10 + 128 + 16) / 8
    assert 10 + 8 * 273 + 140 < eight.context_tok < 10 + 8 * 273 + 144
    costs = [cost_table.page_costs(COSTS, one, 1.0) for one in (base, eight)]
    assert costs[1].decode_s > costs[0].decode_s and costs[1].encoder_s == costs[0].encoder_s


@pytest.mark.parametrize(
    ("site", "load", "bottleneck"),
    [
        (Site(1, 16), Load(PAGE), "engines"),
        (Site(1, 1), Load(PAGE), "renderers"),
        (Site(64, 16), Load(PAGE), "driver"),
        (Site(64, 16), Load(replace(PAGE, writer_s=0.08)), "writer"),
        (Site(64, 16, 0.001, 64), Load(PAGE), "storage"),
    ],
)
def test_the_slowest_station_bounds_the_run(site: Site, load: Load, bottleneck: str) -> None:
    site = replace(site, hours_between_failures=CALM)
    rates = simulation.rates(site, load)
    assert rates.bottleneck == bottleneck
    outcome = simulation.simulate(site, load, site.gpus * BATCH * 6)
    assert outcome.failures == 0
    assert outcome.steady_pages_per_s == pytest.approx(min(rates), rel=0.12)
    assert outcome.seconds >= outcome.pages / min(rates) * 0.99


def test_failures_cost_time_but_no_pages() -> None:
    site, load = Site(4, 16, hours_between_failures=CALM), Load(PAGE)
    calm = simulation.simulate(site, load, 8000)
    often = simulation.simulate(replace(site, hours_between_failures=0.02), load, 8000)
    assert often.failures > 0 and often.seconds > calm.seconds * 1.1
    assert often.pages == calm.pages == 8000


def test_a_simulation_repeats() -> None:
    runs = {simulation.simulate(Site(3), Load(PAGE), 2000, seed=5).seconds for _ in range(2)}
    assert len(runs) == 1 and runs != {simulation.simulate(Site(3), Load(PAGE), 2000, seed=6).seconds}


def test_enough_drivers_are_enough_and_not_more() -> None:
    site = simulation.enough_drivers(Site(64), Load(PAGE))
    assert simulation.rates(site, Load(PAGE)).bottleneck == "engines"
    assert simulation.rates(replace(site, drivers=site.drivers - 1), Load(PAGE)).bottleneck == "driver"


def test_a_driver_of_one_gpu_has_the_engines_front_end_and_more_gpus_have_their_own() -> None:
    load = Load(replace(PAGE, front_end_s=0.007))
    one, two, apart = (simulation.rates(site, load).driver for site in (Site(1), Site(2), Site(2, drivers=2)))
    assert (one, two, apart) == pytest.approx((1 / 0.012, 1 / 0.005, 2 / 0.012))


def test_engines_take_cores_from_the_renderers_and_a_driver_starts_so_many_workers() -> None:
    assert Site(8, 16, engine_cores=1.0).renderers == MAX_WORKERS
    assert Site(8, 16, engine_cores=1.0, drivers=2).renderers == 8 * 15
    assert Site(1, 1, engine_cores=1.1).renderers == 1


def test_eight_gpus_with_drafts_are_name_their_processes_bounds() -> None:
    page = cost_table.page_costs(COSTS, replace(work(), drafted=1.0), 1.0)
    rates = simulation.rates(Site(8, engine_cores=COSTS.engine_cores), Load(page))
    assert rates.engines > 300 and rates.renderers > rates.engines
    assert rates.driver == 1 / COSTS.driver_s and rates.writer == 4 / COSTS.writer_s
    assert rates.driver > rates.engines and rates.writer > rates.engines, "one run keeps up with them"
    assert simulation.rates(Site(1), Load(page)).writer == 1 / COSTS.writer_s


def test_shards_are_as_long_as_the_largest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        make_pdf(tmp_path / f"{number}.pdf", 1 + 5 * (number == 0))
    items = list(sources.find([str(tmp_path)], set(DocumentKind)))
    whole = sum(item.size_bytes for item in items)
    parts = [sum(item.size_bytes for item in Shard(number, 3).of(items)) for number in (1, 2, 3)]
    assert largest_shard(items, 3) == pytest.approx(max(parts) / whole) and largest_shard(items, 1) == 1
    assert largest_shard([], 4) == 0.25
    code, out, _ = run(capsys, tmp_path, "--mode", "tiny", "--gpus", "3", "--drivers", "3")
    assert code == ExitCode.OK and f"the largest of 3 shards is {max(parts) / whole:.0%} of the bytes" in out
    code, out, _ = run(capsys, tmp_path, "--mode", "tiny", "--set", "drivers.shard=1/3", "--json")
    assert json.loads(out)["documents"] == len(list(Shard(1, 3).of(items)))


def test_rates_name_their_slowest() -> None:
    assert (
        StationRates(4, 3, 2, 9, 1).bottleneck == "driver"
        and StationRates(1, 3, 2, 9, 5).bottleneck == "storage"
        and StationRates(4, 3, 2, 1, 5).bottleneck == "writer"
    )


def run(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    config = ["--config", str(ROOT / "config.yaml")]
    code = plan.main([*map(str, args), *config])
    return code, *capsys.readouterr()


def test_the_plan_knows_unlimited_ocr_and_its_pages_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pdf(tmp_path / "a.pdf", 6)
    more = ("--set", "engine.model=baidu/Unlimited-OCR", "--json", "--mode", "gundam")
    code, out, _ = run(capsys, tmp_path, *more, "--output-tokens", "880")
    alone = json.loads(out)
    assert code == 0 and alone["work"]["window_tok"] == 128 and alone["work"]["together"] == 1
    code, out, _ = run(capsys, tmp_path, *more, "--set", "pages_per_request=4")
    together = json.loads(out)["work"]
    assert (together["mode"], together["together"], together["visual_tok"]) == ("base", 4, 273)
    code, _, err = run(capsys, tmp_path, "--set", "pages_per_request=4")
    assert code == ExitCode.USAGE and "reads one page per request" in err


def test_a_sampled_corpus_gets_a_prediction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        make_pdf(tmp_path / f"{number}.pdf", 4, "a page with some words on it that a text layer holds")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 nothing")
    code, words, _ = run(
        *(capsys, tmp_path, "--mode", "base", "--gpus", "2", "--json", "--output-tokens", "880"),
        *("--set", "engine.drafts=off"),
    )
    assert code == ExitCode.OK
    found = json.loads(words)
    assert (found["documents"], found["pages"]) == (7, 24)
    assert found["bottleneck"] == "engines" and found["work"]["visual_tok"] == 273
    expected = cost_table.page_costs(COSTS, work("base", 0, 273), 1.0).gpu_s
    assert found["pages_per_s"] == pytest.approx(2 / expected, rel=0.001)
    assert found["gpu_hours"] == pytest.approx(2 * found["hours"], abs=2e-4)
    code, words, _ = run(capsys, tmp_path, "--mode", "base", "--json")
    assert json.loads(words)["work"]["drafted"] == 1.0, "every page is born digital"
    assert json.loads(words)["work"]["recalled"] == 0.0
    code, words, _ = run(capsys, tmp_path, "--mode", "base", "--gpu", "l4")
    assert "100% of the pages are born digital: 3.8 tokens a step with drafts of their own text\n" in words
    assert code == ExitCode.OK and "bottleneck  engines" in words and "not measured" in words
    model = ("--set", "engine.model=baidu/Unlimited-OCR")
    code, words, _ = run(capsys, tmp_path, "--mode", "base", *model)
    assert "100% of the pages are born digital; none are verified here" in words


def test_a_part_of_a_large_corpus_stands_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        make_pdf(tmp_path / f"{number}.pdf", 3)
    code, words, _ = run(capsys, tmp_path, "--sample", "4", "--mode", "tiny")
    assert code == ExitCode.OK and "12 documents, about 36 pages (4 opened, 4 rendered)" in words


def test_scans_without_a_text_layer_count_as_full_pages(capsys: pytest.CaptureFixture[str]) -> None:
    code, words, _ = run(capsys, ROOT / "samples/images", "--mode", "tiny")
    assert code == ExitCode.OK and "answer of about 880 tokens" in words


def test_pages_without_a_text_layer_draft_from_what_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pdf(tmp_path / "text.pdf", 1, "a page with some words on it that a text layer holds")
    corpus = (tmp_path, ROOT / "samples/images/letter.jpg")
    found = []
    for more in ((), ("--set", "engine.drafts=off")):
        _, words, _ = run(capsys, *corpus, "--mode", "base", "--json", *more)
        work = json.loads(words)["work"]
        found.append((work["drafted"], work["recalled"]))
    assert found == [(0.5, 0.5), (0, 0)]
    _, words, _ = run(capsys, *corpus, "--mode", "base")
    assert "50% of the pages are born digital: 3.8 tokens a step with drafts" in words
    assert "own text, 1.8 where there is none, with what was said before" in words


def test_the_scaling_table_and_its_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "SCALES", (1, 16))
    picture = tmp_path / "scale.png"
    code, words, _ = run(capsys, ROOT / "samples", "--scale", "--plot", picture)
    assert code == ExitCode.OK and picture.read_bytes().startswith(b"\x89PNG")
    assert "| 1 | " in words and "| 16 | " in words and "driver" in words


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["samples", "--gpu", "abacus"], "abacus"),
        (["missing-folder"], "nothing can be predicted"),
        (["samples", "--mode", "huge"], "huge"),
        (["samples", "--costs", "none.json"], "none.json"),
        (["samples", "--storage", "0"], "--storage"),
        (["samples", "--drivers", "2"], "more than GPUs"),
        (["samples", "--set", "drivers.shard=3/2"], "drivers.shard"),
        (["samples", "--set", "mode=huge"], "huge"),
    ],
)
def test_a_mistake_is_one_line(args: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = run(capsys, *args)
    assert code == ExitCode.USAGE and out == "" and word in error and "Traceback" not in error


def test_a_table_of_costs_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text('{"about": 1}')
    with pytest.raises(UsageError, match="cannot be read as a table of costs"):
        cost_table.load(path)


def test_pages_of_mode_auto_count_with_their_own_modes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pymupdf.open() as document:
        for size in (60, 8):
            page = document.new_page()
            for line in range(12):
                words = "five words on a line and more" if size == 8 else "five words on it ok"
                page.insert_text((40, 70 + line * size * 1.1), words, fontsize=size)
        document.save(tmp_path / "a.pdf")
    code, words, _ = run(capsys, tmp_path / "a.pdf", "--mode", "auto", "--json")
    plan_ = json.loads(words)
    assert code == ExitCode.OK
    assert plan_["work"]["modes"] == {"tiny": 0.5, "gundam": 0.5}
    assert plan_["work"]["mode"] == "tiny 50%, gundam 50%"
    assert plan_["work"]["tiles"] == 3 and plan_["work"]["visual_tok"] == (73 + 903) / 2
