"""The official image and benchmark scripts' files: their names, their exact text, nothing lost."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ocr_engine import config
from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.config.presets import PRESETS
from ocr_engine.errors import ExitCode, UsageError
from ocr_engine.reading.texts import texts_of
from ocr_engine.records import PageRecord, PageStatus
from tests.outputs.test_geometry import ANSWER

ROOT = Path(__file__).parents[2]
RAW = (
    "<|ref|>title<|/ref|><|det|>[[10, 10, 900, 60]]<|/det|>\n# A \\coloneqq B\n\n\n\n"
    "<|ref|>image<|/ref|><|det|>[[100, 100, 300, 300], [500, 500, 700, 700]]<|/det|>\n\n"
    "<|ref|>image_caption<|/ref|><|det|>[[1, 2, 3, 5]]<|/det|>\n<center>Fig</center>\n\n"
    "\\[ x \\quad (y>0) \\]\n"
)
FIXED = ("--config", str(ROOT / "config.yaml"), "--quiet", "--set", "render.workers=1")


def replay(tmp_path: Path, raw: str, preset: str, *options: str, name: str = "scan") -> Path:
    """What a run under a preset writes for an image whose answer is `raw`."""
    earlier, inputs, output = tmp_path / "earlier", tmp_path / "in", tmp_path / "out"
    (earlier / name / "pages").mkdir(parents=True)
    (earlier / name / "pages/0001.raw.md").write_text(raw)
    inputs.mkdir()
    Image.new("RGB", (200, 400), "white").save(inputs / f"{name}.png")
    engine = ("--set", "engine.backend=replay", "--set", f"engine.replay_from={earlier}")
    args = [str(inputs), "--output", str(output), "--set", f"preset={preset}", *FIXED, *engine, *options]
    assert batch_images(args) == ExitCode.OK
    return output / name


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".pages" not in path.relative_to(folder).parts
    }


def test_the_image_script(tmp_path: Path) -> None:
    folder = replay(tmp_path, RAW, "image")
    assert files(folder) == {
        "result_ori.mmd", "result.mmd", "images/0.jpg", "images/1.jpg", "result_with_boxes.jpg",
    }  # fmt: skip
    assert (folder / "result_ori.mmd").read_text() == RAW
    assert (folder / "result.mmd").read_text() == (
        "\n# A := B\n\n\n\n![](images/0.jpg)\n\n\n\n<center>Fig</center>\n\n\\[ x \\quad (y>0) \\]\n"
    )
    with Image.open(folder / "images/0.jpg") as figure, Image.open(folder / "result_with_boxes.jpg") as page:
        assert figure.size == (40, 80) and page.size == (200, 400)


def test_a_geometry_answer_is_drawn(tmp_path: Path) -> None:
    folder = replay(tmp_path, ANSWER, "image2", "--prompt", "figure")
    assert files(folder) == {"result_ori.mmd", "result.mmd", "result_with_boxes.jpg", "geo.jpg"}
    assert (folder / "result.mmd").read_text() == ANSWER
    with Image.open(folder / "geo.jpg") as figure:
        assert figure.size == (600, 600)


@pytest.mark.parametrize(
    ("preset", "caption"), [("eval", "Fig"), ("eval2", "<center>Fig</center>")], ids=["V1", "V2"]
)
def test_the_benchmark_script(tmp_path: Path, preset: str, caption: str) -> None:
    folder = replay(tmp_path, RAW, preset)
    assert files(folder) == {"scan.md", "scan_det.md"}
    assert (folder / "scan_det.md").read_text() == RAW
    assert (folder / "scan.md").read_text() == f"\n# A \\coloneqq B\n\n{caption}\n\n\\[x\\]\n"


def test_further_pages_have_folders_of_their_own_and_a_failed_page_its_slot(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    (earlier / "handbook/pages").mkdir(parents=True)
    for page in (1, 3):
        (earlier / f"handbook/pages/{page:04d}.raw.md").write_text(RAW)
    engine = ("--set", "engine.backend=replay", "--set", f"engine.replay_from={earlier}")
    args = [str(ROOT / "samples"), "--pages", "1-3", *FIXED, *engine, "--output", str(tmp_path / "out")]
    assert batch_pdf([*args, "--set", "preset=image"]) == ExitCode.PAGES_FAILED
    folder = tmp_path / "out/handbook"
    assert {"result.mmd", "images/1.jpg", "pages/0003/result.mmd", "pages/0003/images/1.jpg"} <= files(folder)
    assert (folder / "pages/0002/result.mmd").read_text() == ""
    records = [json.loads(line) for line in (folder / ".pages/pages.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["done", "failed", "done"]
    journal = (tmp_path / "out/journal.jsonl").read_bytes()
    assert batch_pdf([*args, "--set", "preset=image"]) == ExitCode.PAGES_FAILED
    assert (tmp_path / "out/journal.jsonl").read_bytes() == journal, "a rerun does nothing"


def test_figures_and_drawing_of_an_earlier_answer_go(tmp_path: Path) -> None:
    folder = replay(tmp_path, RAW, "image")
    (tmp_path / "earlier/scan/pages/0001.raw.md").write_text("plain text")
    engine = ("--set", "engine.backend=replay", "--set", f"engine.replay_from={tmp_path / 'earlier'}")
    again = [str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--set", "preset=image", "--force"]
    assert batch_images([*again, *FIXED, *engine]) == ExitCode.OK
    assert files(folder) == {"result_ori.mmd", "result.mmd", "result_with_boxes.jpg"}


@pytest.mark.parametrize(
    ("preset", "size", "window", "layout"),
    [
        ("pdf", 20, 50, "official"),
        ("image", 30, 90, "official-image"),
        ("image2", 20, 90, "official-image"),
        ("eval", 40, 90, "official-eval"),
        ("eval2", 40, 90, "official-eval2"),
    ],
)
def test_a_preset_wins_over_the_file_and_the_command_line_over_the_preset(
    preset: str, size: int, window: int, layout: str
) -> None:
    loaded = config.load(ROOT / "config.yaml", {"preset": preset})
    assert (loaded.engine.ngram.size, loaded.engine.ngram.window) == (size, window)
    assert loaded.engine.ngram.whitelist == ("<td>", "</td>") and not loaded.quality.loop_abort
    assert loaded.output.layout == layout
    mine = config.load(ROOT / "config.yaml", {"preset": preset, "engine.ngram.size": 7})
    assert (mine.engine.ngram.size, mine.engine.ngram.window) == (7, window)
    assert set(PRESETS) == {"pdf", "image", "image2", "eval", "eval2", "unlimited"}


def test_a_preset_in_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("preset: eval\nengine: {ngram: {size: 5, window: 9}}\n")
    assert config.load(tmp_path / "c.yaml").engine.ngram.size == 40


@pytest.mark.parametrize("value", ["pfd", 3, ["pdf"], {"a": 1}, None])
def test_an_unknown_preset_is_named(value: object) -> None:
    with pytest.raises(UsageError, match="preset"):
        config.load(None, {"preset": value})


def test_the_official_layouts_write_text_of_their_own_alone() -> None:
    loaded = config.load(None, {"preset": "eval"})
    record = PageRecord(1, PageStatus.DONE, "", "", "base", "markdown")
    texts = texts_of(loaded, record, "a")
    assert (texts.det, texts.mmd, texts.markdown) == ("a", "a", "")
