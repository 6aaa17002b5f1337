"""The table that holds the planner against the benchmark: which runs it takes, and what it says of them."""

from dataclasses import replace

import pytest

from bench import planned_measured
from bench.parts import ramp
from bench.parts.workload import lengths
from bench.planned_measured import Measured
from ocr_engine.capacity import costs as cost_table

COSTS = cost_table.load()


def test_plain_runs_of_ours_are_taken_with_their_median() -> None:
    runs = [{"pages": 512, "pages_per_s": rate} for rate in (20.0, 24.0, 22.0)]
    names = ("ours gundam", "ours base, 2 GPUs", "ours gundam, fp8", "ours base OCR-2", "recipe gundam")
    results = {name: {"runs": runs} for name in names} | {"ours gundam-m": {"exit": 1}}
    assert list(planned_measured.from_bench(results)) == [
        Measured("gundam", 512, 22.0),
        Measured("base", 512, 22.0, 2),
    ]


def test_ramp_and_tail_cost_less_in_a_longer_run_and_two_gpus_are_no_more_than_twice_one() -> None:
    one, long = Measured("gundam", 2048, 1.0), Measured("gundam", 16_384, 1.0)
    short = planned_measured.simulated(COSTS, one)
    assert short < planned_measured.simulated(COSTS, long) < planned_measured.planned(COSTS, long)
    both = planned_measured.simulated(COSTS, replace(one, gpus=2, pages=4096))
    assert 1.8 * short < both < 2.1 * short
    assert planned_measured.planned(COSTS, replace(one, gpus=2)) == 2 * planned_measured.planned(COSTS, one)


def test_gundam_is_simulated_with_the_times_that_were_measured() -> None:
    ends = ramp.simulate(lengths(2048))
    assert planned_measured.simulated(COSTS, Measured("gundam", 2048, 1.0)) == pytest.approx(
        2048 / ends[-1], rel=0.05
    )
    gundam, base = (planned_measured.times(COSTS, mode) for mode in ("gundam", "base"))
    assert base.step_ms_a_page < 0.7 * gundam.step_ms_a_page and base.encoder_ms < gundam.encoder_ms / 2


def test_the_table_says_how_far_off() -> None:
    *_, line = planned_measured.lines(COSTS, iter([planned_measured.given("gundam:2048:10:2")]))
    mode, gpus, pages, rate, bound, off, *_ = (cell.strip() for cell in line.strip("|").split("|"))
    assert (mode, gpus, pages, rate) == ("gundam", "2", "2,048", "10.0")
    assert off == f"{float(bound) / 10 - 1:+.0%}"
