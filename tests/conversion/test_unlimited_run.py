"""Unlimited-OCR from the command line: a small random checkpoint on vLLM, its answers from a store."""

import json
from pathlib import Path

import pytest

from fixtures.checkpoints import write_checkpoint
from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.errors import ExitCode
from ocr_engine.families import UNLIMITED
from tests.forked_runs import ForkedRun
from tests.text.test_det_form import PAGE

ROOT = Path(__file__).parents[2]
RUN_S = 240
SAMPLE = ROOT / "samples/handbook.pdf"
OPTIONS = (str(SAMPLE), "--pages", "1-2", "--config", str(ROOT / "config.yaml"), "--output")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("model") / "uocr", UNLIMITED)


def records(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in next(output.rglob("pages.jsonl")).read_text().splitlines()]


def run_batch(output: Path, *options: str) -> list[dict[str, object]]:
    run = ForkedRun([*OPTIONS, output, *options], output.with_suffix(".stderr"))
    code, said = run.wait(RUN_S), run.stderr.read_text()
    assert code == ExitCode.PAGES_FAILED and "Traceback" not in said, said
    return records(output)


def test_pages_go_through_vllm_together_and_alone_and_replay_reads_their_form(
    checkpoint: Path, tmp_path: Path
) -> None:
    pytest.importorskip("vllm", reason="needs vllm")
    first, again = tmp_path / "first", tmp_path / "again"
    few = ("--set", "engine.dtype=float32", "--set", "engine.max_tokens=12", "--set", "quality.retries=[]")
    small = ("--model", str(checkpoint), *few, "--set", "engine.max_model_len=2048")
    found = run_batch(first, "--mode", "base", *small, "--set", "pages_per_request=2")
    # What a random model says of both pages together cannot be divided.
    for record in found:
        assert record["attempts"] == 2 and record["tried"][0]["settings"] == {"pages": 2}, record["tried"]
    assert [(record["vision_tokens"], record["text_tokens"]) for record in found] == [(273, 12)] * 2
    assert {record["status"] for record in found} == {"truncated"}
    facts = json.loads((first / "run.json").read_text())
    assert facts["model"]["family"] == UNLIMITED
    assert facts["config"]["max_tiles"] == 32
    guard = facts["config"]["engine"]["ngram"]
    assert (guard["size"], guard["window"]) == (35, 128)
    for raw in first.rglob("pages/*.raw.md"):
        raw.write_text(PAGE)
    replay = (
        "--set",
        "engine.backend=replay",
        "--set",
        f"engine.replay_from={first}",
        "--mode",
        "gundam",
        "--quiet",
    )
    # Not this test's: that the stored answer is not what the sample's pages say.
    assert batch_pdf([*OPTIONS, str(again), *replay, "--set", "text_layer.repair=off"]) == ExitCode.OK
    blocks = records(again)[0]["blocks"]
    assert isinstance(blocks, list)
    assert [block["label"] for block in blocks][:3] == ["header", "title", "text"]
    assert "# On Scissors\n\nThey cut" in next(again.rglob("handbook.md")).read_text()
    assert len(list(again.rglob("figures/*.jpg"))) == 2


def test_its_answers_stream_into_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, raw = tmp_path / "store", tmp_path / "store/letter/pages/0001.raw.md"
    raw.parent.mkdir(parents=True)
    raw.write_text(PAGE)
    (store / "run.json").write_text(json.dumps({"model": {"family": UNLIMITED}}))
    sets = ("engine.backend=replay", f"engine.replay_from={store}", "render.workers=1", "mode=base")
    fixed = ["--config", str(ROOT / "config.yaml"), "--output", str(tmp_path / "out"), "--stream"]
    options = [*fixed, *(word for one in sets for word in ("--set", one))]
    assert batch_images([str(ROOT / "samples/images/letter.jpg"), *options]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "On Scissors" in shown and "They cut," in shown and "<|det|>" not in shown and "[28," not in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "tiny"], ["mode 'tiny'", "640 and 1024 px", "base, gundam"]),
        (["--prompt", "free"], ["prompt 'free'", UNLIMITED, "markdown, pages"]),
        (["--set", "figures.parse=true"], ["prompt 'figure'", UNLIMITED]),
        (["--set", "engine.max_model_len=40000"], ["engine.max_model_len: 40000 is more than the 32768"]),
    ],
)
def test_what_it_does_not_have_is_refused_by_name_before_anything_starts(
    checkpoint: Path,
    tmp_path: Path,
    options: list[str],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ocr_engine.engine.vllm.engine.VllmEngine.start", None)
    fixed = ["--config", str(ROOT / "config.yaml"), "--model", str(checkpoint), "--quiet"]
    code = batch_images([str(ROOT / "samples"), *fixed, "--output", str(tmp_path / "out"), *options])
    assert code == ExitCode.USAGE
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for word in words:
        assert word in message
