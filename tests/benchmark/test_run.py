"""eval_batch.py from images or PDFs to scores, on the replay engine."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from ocr_engine.benchmark.cli import main
from ocr_engine.engine.replay import BUILT_IN_PAGE, ReplayEngine
from ocr_engine.errors import ExitCode
from ocr_engine.records import Generation

ROOT = Path(__file__).parents[2]
REPLAY = (
    *("--config", str(ROOT / "config.yaml"), "--quiet", "--workers", "1"),
    *("--set", "engine.backend=replay", "--set", "render.workers=1"),
)
SENTENCE = "This text is built in"


def make_image(path: Path, shade: int = 250) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 400), (shade, shade, shade)).save(path)


def gt_page(name: str) -> dict[str, Any]:
    box = {"anno_id": 1, "order": 1, "category_type": "text_block", "text": "A page without a model"}
    info = {"image_path": f"images/{name}", "page_attribute": {"language": "english"}}
    return {"page_info": info, "layout_dets": [box], "extra": {"relation": []}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pages of ground truth with their images."""
    names = ("one.jpg", "two.pdf_1.jpg", "three.png")
    for shade, name in enumerate(names):
        make_image(tmp_path / "images" / name, 200 + shade)
    (tmp_path / "gt.json").write_text(json.dumps([gt_page(name) for name in names]))
    return tmp_path


def run(folder: Path, *options: str, benchmark: str = "omnidocbench") -> int:
    where = ["--ground-truth", str(folder / "gt.json"), "--output", str(folder / "out")]
    images = ["--images", str(folder / "images")]
    return main(
        ["--benchmark", benchmark, *where, *images, "--json", str(folder / "s.json"), *REPLAY, *options]
    )


def scores(folder: Path) -> Any:
    return json.loads((folder / "s.json").read_text())


def predictions(folder: Path, mode: str = "gundam") -> dict[str, str]:
    place = folder / "out" / mode / "predictions"
    return {str(path.relative_to(place)): path.read_text() for path in sorted(place.rglob("*.md"))}


def test_images_are_read_post_processed_and_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == ExitCode.OK
    found = predictions(folder)
    assert set(found) == {"one.md", "two.pdf_1.md", "three.md"}
    for text in found.values():
        assert SENTENCE in text and "<|ref|>" not in text and "<center>" not in text and "![" not in text
    numbers = scores(folder)
    assert (numbers["pages"], numbers["pages_missing"]) == (3, 0)
    made = numbers["made"]["gundam"]
    assert made["statuses"] == {"done": 3} and made["pages"] == 3
    assert made["vision_tokens"] == 273 and made["paper_vision_tokens"] is None
    assert made["pages_per_s"] > 0 and made["prompt"] == "markdown"
    assert "| gundam | gundam |" in capsys.readouterr().out
    effective = json.loads((folder / "out/gundam/run/run.json").read_text())
    assert effective["config"]["engine"]["ngram"]["size"] == 40 and effective["counts"] == {"done": 3}
    assert (folder / "out/official/gundam_quick_match_display_formula_formula.json").is_file()


def test_the_official_settings_are_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    generate = ReplayEngine.generate

    async def spy(self: ReplayEngine, request: Any, on_text: Any = None) -> Generation:
        asked.append((request.ngram_size, request.ngram_window, request.prompt))
        return await generate(self, request, on_text)

    monkeypatch.setattr(ReplayEngine, "generate", spy)
    assert run(folder) == ExitCode.OK
    assert set(asked) == {(40, 90, "<image>\n<|grounding|>Convert the document to markdown.")}
    asked.clear()
    assert run(folder, "--set", "engine.ngram.size=30", "--prompt", "free") == ExitCode.OK
    assert set(asked) == {(30, 90, "<image>\nFree OCR.")}


def test_a_rerun_reads_and_scores_nothing_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folder, "--mode", "tiny", "base") == ExitCode.OK
    before = scores(folder)
    monkeypatch.setattr(ReplayEngine, "generate", None)
    monkeypatch.setattr(ReplayEngine, "start", None)
    monkeypatch.setattr("ocr_engine.evaluation.omnidocbench.evaluate.match_page", None)
    assert run(folder, "--mode", "tiny", "base") == ExitCode.OK
    assert scores(folder) == before


def test_a_rerun_reads_only_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folder, "--limit", "1") == ExitCode.OK
    read = []
    generate = ReplayEngine.generate

    async def spy(self: ReplayEngine, request: Any, on_text: Any = None) -> Generation:
        read.append(request.request_id)
        return await generate(self, request, on_text)

    monkeypatch.setattr(ReplayEngine, "generate", spy)
    assert run(folder) == ExitCode.OK
    assert sorted(read) == ["three/pages/0001", "two.pdf_1/pages/0001"]


def test_one_engine_serves_all_modes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    async def start(self: ReplayEngine) -> None:
        calls.append("start")

    async def stop(self: ReplayEngine) -> None:
        calls.append("stop")

    monkeypatch.setattr(ReplayEngine, "start", start)
    monkeypatch.setattr(ReplayEngine, "stop", stop)
    files = [
        text for kind in ("html", "csv", "markdown", "plot") for text in (f"--{kind}", str(folder / kind))
    ]
    assert run(folder, "--mode", "tiny", "small", "base", *files) == ExitCode.OK
    assert calls == ["start", "stop"]
    made = scores(folder)["made"]
    assert {label: one["vision_tokens"] for label, one in made.items()} == {
        "tiny": 73,
        "small": 111,
        "base": 273,
    }
    assert {one["paper_vision_tokens"] for one in made.values()} == {64, 100, 256}
    assert (folder / "plot").read_bytes()[:4] == (folder / "plot-2").read_bytes()[:4] == b"\x89PNG"
    assert (folder / "html").read_text().count("<img") == 2
    assert "| small | small |" in (folder / "markdown").read_text()
    assert "\nsmall,small," in (folder / "csv").read_text()


def test_a_sample_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--limit", "2") == ExitCode.OK
    assert set(predictions(folder)) == {"one.md", "two.pdf_1.md"}
    assert scores(folder)["sample"] == {"pages": 2, "pages_in_all": 3}
    assert "sample of 2 of 3 pages" in capsys.readouterr().out
    assert run(folder) == ExitCode.OK
    assert "sample" not in scores(folder)
    assert run(folder, "--limit", "1") == ExitCode.OK
    assert scores(folder)["unused_prediction_files"] == []


def test_missing_and_broken_images_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "images/one.jpg").unlink()
    (folder / "images/three.png").write_bytes(b"no image")
    assert run(folder) == ExitCode.PAGES_FAILED
    numbers = scores(folder)
    assert numbers["pages_missing"] == 2
    assert numbers["made"]["gundam"]["statuses"] == {"done": 1, "failed": 1, "no input": 1}
    assert set(predictions(folder)) == {"two.pdf_1.md"}


def test_what_is_wrong_with_the_images_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    from ocr_engine.benchmark.inputs import find_inputs, report_problems
    from ocr_engine.evaluation.wanted import WantedPage
    from ocr_engine.records import DocumentKind

    (folder / "images/one.jpg").rename(folder / "images/one.PNG".lower())
    names = ["one.jpg", "gone.jpg", "gone2.jpg", "two.pdf_1.jpg"]
    pages = [WantedPage(name, 1, f"{name}.md") for name in names]
    pages.append(WantedPage("/etc/passwd.jpg", 1, "x", "not a name of a file below the folder"))
    inputs = find_inputs(pages, folder / "images", DocumentKind.IMAGE)
    assert set(inputs.documents) == {"one.jpg", "two.pdf_1.jpg"}
    report_problems(inputs)
    assert "2 of 5 inputs cannot be read, no such file: gone.jpg, gone2.jpg" in caplog.text
    assert (
        "1 of 5 inputs cannot be read, not a name of a file below the folder: /etc/passwd.jpg" in caplog.text
    )
    assert "1 of 5 images have another suffix" in caplog.text


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--images", "nowhere"], 2, "nowhere: no such folder"),
        (["--mode", "gundum"], 2, "did you mean gundam?"),
        (["--prompt", "nonsense"], 2, "prompt"),
        (["--retry", "lost"], 2, "unknown status"),
        (["--limit", "0"], 2, "--limit"),
        (["--ground-truth", "gone.json"], 3, "gone.json"),
        (["--set", "nothing=1"], 2, "unknown key"),
        (["--filter", "language=klingon"], 3, "no page"),
        (["--mode", "tiny", "base", "--cdm", "x.json"], 2, "--cdm"),
    ],
)
def test_mistakes_are_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert run(folder, *options) == code
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_the_right_folder_is_named_where_it_is_one_deeper(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--images", str(folder)) == ExitCode.NO_INPUT
    assert f"it is in {folder / 'images'}: give that folder" in capsys.readouterr().err


def test_neither_images_nor_predictions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--benchmark", "fox", "--ground-truth", str(folder / "gt.json")]) == ExitCode.USAGE
    assert "--images" in capsys.readouterr().err


def test_two_images_of_one_stem_keep_their_own_predictions(folder: Path) -> None:
    names = ("a.jpg", "a.png")
    for name in names:
        make_image(folder / "images" / name)
    (folder / "gt.json").write_text(json.dumps([gt_page(name) for name in (*names, "a.jpg")]))
    assert run(folder) == ExitCode.OK
    assert set(predictions(folder)) == {"a.jpg.md", "a.png.md"}
    assert scores(folder)["page_lists"]["named_twice"] == ["a.jpg"]


def test_predictions_of_an_earlier_run_bring_their_numbers(folder: Path) -> None:
    assert run(folder, "--mode", "tiny") == ExitCode.OK
    given = folder / "out/tiny/predictions"
    assert run(folder, "--mode", "base", "--predictions", str(given), f"other={given}") == ExitCode.OK
    made = scores(folder)["made"]
    assert set(made) == {"base", "tiny", "other"} and made["other"]["vision_tokens"] == 73
    (given.parent / "made.json").write_text('{"model": 3}')
    assert run(folder, "--mode", "base", "--predictions", str(given)) == ExitCode.OK
    assert set(scores(folder)["made"]) == {"base"}


def test_a_first_signal_ends_the_run_and_the_next_one_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate = ReplayEngine.generate

    signals: list[str] = []

    async def interrupted(self: ReplayEngine, request: Any, on_text: Any = None) -> Generation:
        signals.append(request.request_id)
        if len(signals) == 1:  # a second one would stop at once
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0.1)
        return await generate(self, request, on_text)

    monkeypatch.setattr(ReplayEngine, "generate", interrupted)
    assert run(folder, "--mode", "tiny", "base", "--set", "engine.in_flight=1") == ExitCode.INTERRUPTED
    assert "stopped; the same command goes on" in capsys.readouterr().err
    assert not (folder / "s.json").exists() and not (folder / "out/base").exists()
    journal = (folder / "out/tiny/run/journal.jsonl").read_text().splitlines()
    assert 1 <= len(journal) < 3
    monkeypatch.setattr(ReplayEngine, "generate", generate)
    assert run(folder, "--mode", "tiny", "base") == ExitCode.OK
    assert scores(folder)["made"]["tiny"]["statuses"] == {"done": 3}


def test_the_speed_is_that_of_the_same_model_and_settings(folder: Path) -> None:
    assert run(folder) == ExitCode.OK
    lines = folder / "out/gundam/speed.jsonl"
    (mine,) = [json.loads(line) for line in lines.read_text().splitlines()]
    assert mine["pages"] == 3
    sessions = [
        {**mine, "pages": 6, "seconds": 1.0},
        {**mine, "pages": 3, "seconds": 2.0},
        {**mine, "key": "x"},
    ]
    lines.write_text("".join(json.dumps(session) + "\n" for session in sessions))
    assert run(folder) == ExitCode.OK
    assert scores(folder)["made"]["gundam"]["pages_per_s"] == 3.0


def test_a_page_that_fails_later_loses_its_prediction(folder: Path) -> None:
    assert run(folder) == ExitCode.OK
    (folder / "images/one.jpg").write_bytes(b"broken")
    assert run(folder) == ExitCode.PAGES_FAILED
    assert "one.md" not in predictions(folder)


def test_fox_reads_plain_text_and_leaves_a_file_for_its_script(folder: Path) -> None:
    entry = {"image": "one.jpg", "conversations": [{"from": "human", "value": "<image>"}]}
    entry["conversations"].append({"from": "gpt", "value": SENTENCE})
    (folder / "gt.json").write_text(json.dumps([entry]))
    assert run(folder, "--mode", "tiny", "gundam", benchmark="fox") == ExitCode.OK
    numbers = scores(folder)
    assert {label: one["vision_tokens"] for label, one in numbers["runs"].items()} == {
        "tiny": 64,
        "gundam": 273,
    }
    assert numbers["made"]["tiny"]["prompt"] == "free"
    written = json.loads((folder / "out/official/tiny_fox.json").read_text())
    assert [(row["image"], row["label"]) for row in written] == [("one.jpg", SENTENCE)]
    assert SENTENCE in written[0]["answer"]


def test_olmocr_bench_reads_exactly_the_pages_that_are_tested(folder: Path) -> None:
    for place in ("a.pdf", "sub/a.pdf"):
        path = folder / "pdfs" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        document = pymupdf.open()
        for _ in range(5):
            document.new_page(width=200, height=300)
        document.save(path)
    tests = [
        {"pdf": "a.pdf", "page": 3, "id": "1", "type": "present", "text": SENTENCE},
        {"pdf": "a.pdf", "page": 5, "id": "2", "type": "absent", "text": SENTENCE},
        {"pdf": "sub/a.pdf", "page": 1, "id": "3", "type": "present", "text": SENTENCE},
        {"pdf": "sub/a.pdf", "page": 9, "id": "4", "type": "present", "text": SENTENCE},
        {"pdf": "../a.pdf", "page": 1, "id": "5", "type": "present", "text": SENTENCE},
    ]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, tests[:3])))
    options = ["--ground-truth", str(folder / "t.jsonl"), "--images", str(folder / "pdfs")]
    assert run(folder, *options, benchmark="olmocr-bench") == ExitCode.OK
    assert set(predictions(folder)) == {"a_pg3_repeat1.md", "a_pg5_repeat1.md", "sub/a_pg1_repeat1.md"} | {
        "a_pg1_repeat1.md"  # the baseline test that every PDF has
    }
    results = scores(folder)["results"]
    assert {name: results[name] for name in "123"} == {"1": "passed", "2": "failed", "3": "passed"}
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, tests)))
    assert run(folder, *options, benchmark="olmocr-bench") == ExitCode.PAGES_FAILED
    numbers = scores(folder)
    assert [numbers["results"][name] for name in "345"] == ["passed", "failed", "failed"]
    assert not (folder / "out/a_pg1_repeat1.md").exists()


def test_the_built_in_page_has_what_the_tests_look_for() -> None:
    assert SENTENCE in BUILT_IN_PAGE and "<center>" in BUILT_IN_PAGE


def test_every_judgement_of_answers_is_decided_on_for_benchmarks() -> None:
    """The official script neither stops nor repeats nor skips anything: new keys need a place in PRESET."""
    from ocr_engine.benchmark.run import PRESET
    from ocr_engine.config import all_keys

    assert {key for key in all_keys() if key.startswith("quality.")} <= set(PRESET)


def test_a_cut_page_that_ends_in_a_loop_is_looped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocr_engine.records import FinishReason

    texts = iter(["so on, " * 200, "A page without a model, cut", "A page without a model"])

    async def generate(self: ReplayEngine, request: Any, on_text: Any = None) -> Generation:
        assert not request.abort_loops
        text = next(texts)
        reason = FinishReason.STOP if text.endswith("model") else FinishReason.LENGTH
        return Generation(text, reason, 300, 273, 50, 0.1)

    monkeypatch.setattr(ReplayEngine, "generate", generate)
    assert run(folder, "--set", "engine.in_flight=1") == ExitCode.OK
    assert scores(folder)["made"]["gundam"]["statuses"] == {"looped": 1, "truncated": 1, "done": 1}
    assert "so on, so on" in "".join(predictions(folder).values())


@pytest.mark.parametrize(
    ("benchmark", "truth", "images"),
    [
        ("omnidocbench", "omnidocbench.json", "samples/images"),
        ("fox", "fox.json", "samples/images"),
        ("olmocr-bench", "olmocr.jsonl", "samples"),
    ],
)
def test_the_samples_have_ground_truth_for_every_benchmark(
    tmp_path: Path, benchmark: str, truth: str, images: str
) -> None:
    where = ["--ground-truth", str(ROOT / "samples/benchmarks" / truth), "--images", str(ROOT / images)]
    out = ["--output", str(tmp_path / "out"), "--json", str(tmp_path / "s.json")]
    assert main(["--benchmark", benchmark, *where, *out, *REPLAY]) == ExitCode.OK
    assert scores(tmp_path)["made"]["gundam"]["statuses"]["done"] in (2, 5)
