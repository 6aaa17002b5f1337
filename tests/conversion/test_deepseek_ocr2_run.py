"""DeepSeek-OCR-2 from the command line: a small random checkpoint in the official layout, on real vLLM."""

import json
from pathlib import Path

import pytest

from fixtures.checkpoints import write_checkpoint
from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.errors import ExitCode
from ocr_engine.families import OCR2
from tests.forked_runs import ForkedRun

pytest.importorskip("vllm", reason="needs vllm")
ROOT = Path(__file__).parents[2]
RUN_S = 240
SAMPLE = ROOT / "samples/handbook.pdf"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("model") / "ocr2", OCR2, shards=2)


def records(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in next(output.rglob("pages.jsonl")).read_text().splitlines()]


def test_pages_go_through_vllm_with_their_token_counts_and_replay_counts_the_same(
    checkpoint: Path, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    options = [str(SAMPLE), "--pages", "1-2", "--config", str(ROOT / "config.yaml"), "--output"]
    sets = ("engine.dtype=float32", "engine.max_tokens=12", "quality.retries=[]")
    engine = ["--model", str(checkpoint), *(word for one in sets for word in ("--set", one))]
    run = ForkedRun([*options, str(first), *engine], tmp_path / "stderr")
    code, said = run.wait(RUN_S), run.stderr.read_text()
    assert code == ExitCode.PAGES_FAILED and "Traceback" not in said, said
    found = records(first)
    assert [(record["vision_tokens"], record["text_tokens"]) for record in found] == [(1121, 12)] * 2
    assert {record["status"] for record in found} == {"truncated"}
    assert json.loads((first / "run.json").read_text())["model"]["family"] == OCR2
    replay = ["--set", "engine.backend=replay", "--set", f"engine.replay_from={first}", "--quiet"]
    assert batch_pdf([*options, str(again), *replay]) == ExitCode.OK
    assert {record["vision_tokens"] for record in records(again)} == {1121}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "tiny"], ["mode 'tiny'", "768 and 1024 px", "small, base, gundam"]),
        (["--mode", "gundam-m"], ["mode 'gundam-m'", OCR2]),
        (["--set", "max_tiles=9"], ["max_tiles: 9", "at most 6"]),
    ],
)
def test_a_mode_it_does_not_have_is_refused_by_name_before_anything_starts(
    checkpoint: Path,
    tmp_path: Path,
    options: list[str],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ocr_engine.engine.vllm.engine.VllmEngine.start", None)
    fixed = ["--config", str(ROOT / "config.yaml"), "--model", str(checkpoint), "--quiet"]
    code = batch_images([str(ROOT / "samples"), *fixed, "--output", str(tmp_path), *options])
    assert code == ExitCode.USAGE
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for word in words:
        assert word in message
