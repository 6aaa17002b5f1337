"""The benchmark's own sums and its order of work; what it measures needs a GPU."""

import argparse
import importlib.util
import json
import signal
import sys
from pathlib import Path

import pytest

from bench import run as bench
from bench.parts import agreement, rates, recipe, steps
from ocr_engine import config as config_module


def names(*words: str) -> list[str]:
    return [name for name, _ in bench._runs(bench._parser().parse_args(words))]


def test_every_mode_and_model_has_its_recipe():
    found = names("--parts", "recipe", "ours", "--second-model", "--variant", "fp8:engine.kv_cache_dtype=fp8")
    assert found[:4] == ["recipe gundam", "recipe base", "recipe gundam OCR-2", "recipe base OCR-2"]
    ours = ["ours gundam", "ours base", "ours gundam OCR-2", "ours base OCR-2"]
    assert found[4:] == [*ours, "ours gundam, fp8", "ours base, fp8"]
    recipes = [rates.recipe_of(name) for name in found[4:]]
    assert recipes == [*found[:4], "recipe gundam", "recipe base"]


def test_replicas_and_caches_run_one_after_another():
    assert names("--parts", "ours", "--replicas", "1", "2") == ["ours gundam, 1 GPUs", "ours gundam, 2 GPUs"]
    assert names("--parts", "agreement", "--kv", "fp8") == ["agreement auto", "agreement fp8"]


def test_readings_are_of_a_kind_a_mode_and_a_number_of_pages():
    words = ["plain", "stored", "base:stored", "plain@90", "base:layer@16"]
    args = bench._parser().parse_args(["--readings", *words])
    assert [str(reading) for reading in args.readings] == words
    usual = config_module.load(None, {"mode": "gundam"})
    so = args.readings[-1].config(usual)
    assert (so.mode, so.engine.in_flight) == ("base", 16)
    assert args.readings[0].config(usual) == usual
    files = [Path(f"{number}.pdf") for number in range(40)]
    assert [len(reading.documents(files, 32)) for reading in args.readings] == [40, 40, 40, 12, 2]


@pytest.mark.parametrize(
    "wrong", ["", "fast", "huge:plain", ":plain", "plain@", "plain@0", "plain@-1", "base:"]
)
def test_another_reading_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        bench._parser().parse_args(["--readings", wrong])
    assert "as in base:stored@16" in capsys.readouterr().err


def test_the_table_has_a_line_a_kind_of_reading():
    runs = [
        {"reading": kind, "pages_per_s": rate}
        for kind, rate in (("plain", 20), ("stored", 30), ("stored", 50))
    ]
    table = rates.table({"recipe gundam": {"runs": [{"pages_per_s": 5}]}, "ours gundam": {"runs": runs}})
    lines = [line.split(" | ") for line in table.splitlines()[2:]]
    rows = [(line[0].strip("| "), line[1], line[-1].strip("| ")) for line in lines]
    assert rows == [
        ("recipe gundam", "5.00", "1.00"),
        ("ours gundam, plain", "20.00", "4.00"),
        ("ours gundam, stored", "40.00", "8.00"),
    ]


def test_what_was_measured_is_kept_when_a_later_part_is_cut(tmp_path, monkeypatch, capsys):
    slow = {"ours base": 30.0}
    clock = iter([0.0, 0.0, 90.0])

    def measure(args: argparse.Namespace, name: str, extra: list[str], limit_s: float) -> object:
        return {"runs": [{"pages_per_s": slow.get(name, 20.0)}], "exit": 0}

    (tmp_path / "bench.json").write_text(json.dumps({"recipe gundam": {"runs": [{"pages_per_s": 5.0}]}}))
    (tmp_path / "work/model").mkdir(parents=True)
    monkeypatch.setattr(bench, "_in_process", measure)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    words = ["--parts", "ours", "--pages", "1", "--limit-s", "100", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["bench.py", *words, "--work", str(tmp_path / "work")])
    assert bench.main() == 0
    assert set(json.loads((tmp_path / "bench.json").read_text())) == {"recipe gundam", "ours gundam"}
    assert "| ours gundam | 20.00 |" in (tmp_path / "bench.md").read_text()
    assert (tmp_path / "bench.md").read_text().rstrip().endswith("4.00 |")
    assert "ours base: not begun, 10 s are left" in capsys.readouterr().out


def test_a_part_that_takes_too_long_is_ended():
    assert bench._run([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) == -9
    assert bench._run([sys.executable, "-c", "raise SystemExit(3)"], 60) == 3


def test_a_part_ends_with_the_command_that_started_it(monkeypatch):
    started = []
    popen = bench.subprocess.Popen
    monkeypatch.setattr(
        bench.subprocess, "Popen", lambda *args, **more: started.append(popen(*args, **more)) or started[0]
    )

    def told_to_end(*_):
        raise SystemExit(143)

    usual = signal.signal(signal.SIGALRM, told_to_end)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(SystemExit):
            bench._run([sys.executable, "-c", "import time; time.sleep(60)"], 60)
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert started[0].returncode == -9


def test_steps_are_told_apart_and_fitted(tmp_path):
    lines = [
        {"at_s": 0.01 * number, "requests": requests, "tokens": tokens, "pages": pages, "gpu_ms": gpu_ms}
        for number, (requests, tokens, pages, gpu_ms) in enumerate(
            [
                (100, 100, 0, 7.0),
                (200, 200, 0, 12.0),
                (116, 14_000, 16, 180.0),
                (101, 600, 0, 20.0),
                (300, 300, 0, 17.0),
            ]
        )
    ]
    path = tmp_path / "steps.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = steps.summary(path)
    assert {kind: found[kind]["steps"] for kind in ("decode", "encode", "prefill")} == {
        "decode": 2, "encode": 1, "prefill": 1,
    }  # fmt: skip
    assert found["encode"]["pages"] == 16 and abs(found["decode"]["share"] - 0.5) < 1e-9
    assert (
        abs(found["decode_fit_ms"]["a"] - 2) < 1e-9
        and abs(found["decode_fit_ms"]["b_a_request"] - 0.05) < 1e-9
    )


def test_agreement_counts_up_to_the_first_difference():
    found = agreement.compared([[1, 2, 3, 4], [5, 6, 7, 8]], [[1, 9, 3, 4], [5, 6, 7, 8]])
    assert found["before_the_first_difference"] == 5 / 8
    assert (found["equal_in_place"], found["answers_equal"]) == (7 / 8, 1 / 2)


def test_the_recipe_at_base_is_vllms_own_processor_with_other_constants():
    spec = importlib.util.find_spec("vllm.transformers_utils.processors.deepseek_ocr")
    if spec is None or spec.origin is None:
        pytest.skip("needs vllm")
    usual = Path(spec.origin).read_text(encoding="utf-8")
    changed = [line for line in recipe.at_base(usual).splitlines() if line not in usual.splitlines()]
    assert changed == ["IMAGE_SIZE = 1024", "CROP_MODE = False"]
    assert "\nBASE_SIZE = 1024\n" in usual
