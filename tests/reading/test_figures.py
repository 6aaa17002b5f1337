"""The second look at figures: read once each, bounded, placed below the figure, drawn on a card."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocr_engine import config as config_module
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.config import Config
from ocr_engine.errors import ExitCode
from ocr_engine.families import resolve_mode
from ocr_engine.reading.figures import cards, chosen
from ocr_engine.reading.prepare import prepare_figure
from ocr_engine.records import (
    Block,
    Box,
    FigureText,
    PageGeometry,
    PageImage,
    PageRecord,
    PageStatus,
)

SAMPLES = Path(__file__).parents[2] / "samples"
GEOMETRY = PageGeometry(1000, 1000, 500.0, 500.0, 144.0)
IMAGE = "<|ref|>image<|/ref|><|det|>[[100, 300, 900, 560], [10, 10, 20, 20]]<|/det|>\n\n"
CAPTION = "<|ref|>image_caption<|/ref|><|det|>[[200, 890, 800, 920]]<|/det|>\nFigure 1\n"
TABLE = "<table><tr><td>Year</td><td>Pages</td></tr><tr><td>2024</td><td>1,120</td></tr></table>"


def figures_config(**figures: object) -> Config:
    return config_module.load(None, {f"figures.{key}": value for key, value in figures.items()})


def record(*boxes: Box, **values: Any) -> PageRecord:
    names = tuple(f"0001-{k}.jpg" for k in range(1, len(boxes) + 1))
    blocks = (Block("image", boxes, "\n", names),)
    return PageRecord(
        1, PageStatus.DONE, "", "r.w", "base", "markdown", blocks, **({"geometry": GEOMETRY} | values)
    )


BIG, SMALLER, ICON = Box(0, 0, 900, 900), Box(0, 0, 500, 500), Box(0, 0, 999, 40)


def test_only_large_figures_are_read_and_no_more_than_asked_for() -> None:
    page = record(SMALLER, ICON, BIG).blocks
    names = [name for name, _ in chosen(figures_config(parse=True), page, GEOMETRY)]
    assert names == ["0001-1.jpg", "0001-3.jpg"]
    assert [name for name, _ in chosen(figures_config(parse=True, max_per_page=1), page, GEOMETRY)] == [
        "0001-3.jpg"
    ]
    assert len(chosen(figures_config(parse=True, min_side_px=1), page, GEOMETRY)) == 3
    assert chosen(figures_config(parse=False), page, GEOMETRY) == []
    already = config_module.load(None, {"figures.parse": True, "prompt": "figure"})
    assert chosen(already, page, GEOMETRY) == [], "the page itself was read as a figure"


def test_a_figure_is_cut_as_its_own_file_is() -> None:
    picture = Image.new("RGB", (1000, 1000), "white")
    picture.paste((255, 0, 0), (0, 0, 500, 500))
    page = PageImage(picture, GEOMETRY, "pillow")
    views = prepare_figure(page, Box(0, 0, 499, 499), resolve_mode("small"))
    assert (views.global_view == (255, 0, 0)).all()
    assert prepare_figure(page, Box(0, 0, 499, 499), resolve_mode("small"), png=True).page_png


def test_cards_show_what_was_read_or_why_not() -> None:
    read = (
        FigureText("0001-1.jpg", PageStatus.DONE, text=TABLE),
        FigureText("0001-2.jpg", PageStatus.FAILED, "it was refused"),
        FigureText("0009-9.jpg", PageStatus.DONE, text="of a page before"),
    )
    page = record(BIG, SMALLER, figure_texts=read)
    made = cards(figures_config(), page)
    assert [(card.name, card.box) for card in made] == [("0001-1.jpg", BIG), ("0001-2.jpg", SMALLER)]
    assert made[0].text.startswith("| Year | Pages |") and made[1].text == "it was refused"
    assert cards(figures_config(cards=False), page) == ()
    official = config_module.load(None, {"output.layout": "official"})
    assert cards(official, page) == ()


def stored_run(folder: Path, figures: dict[str, str], page: str = IMAGE + CAPTION) -> Path:
    pages = folder / "raw/handbook/pages"
    (pages.parent / "figures").mkdir(parents=True)
    pages.mkdir()
    (pages / "0001.raw.md").write_text(page)
    for name, text in figures.items():
        (pages.parent / "figures" / f"{name}.raw.md").write_text(text)
    return folder / "raw"


def run(out: Path, source: Path, *options: str) -> int:
    sets = ("engine.backend=replay", f"engine.replay_from={source}", "render.workers=1", *options)
    words = [word for option in sets for word in ("--set", option)]
    args = [str(SAMPLES / "handbook.pdf"), "--pages", "1", "--output", str(out), "--quiet", *words]
    return batch_pdf(args)


def only_record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "handbook/pages.jsonl").read_text())
    return found


def test_a_figures_text_stands_below_it_in_the_record_and_on_a_card(tmp_path: Path) -> None:
    source, out = stored_run(tmp_path, {"0001-1": f"Chart:\n{TABLE}"}), tmp_path / "out"
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    folder = out / "handbook"
    assert (folder / "handbook.md").read_text() == (
        f"<!-- page 1 -->\n\n![](figures/0001-1.jpg)\n\nChart:\n\n{TABLE}\n\n"
        "![](figures/0001-2.jpg)\n\nFigure 1\n"
    )
    (text,) = only_record(out)["figure_texts"]
    assert text["name"] == "0001-1.jpg" and text["status"] == "done" and TABLE in text["text"]
    assert text["vision_tokens"] > 0
    with Image.open(io.BytesIO((folder / "figures/0001-1.card.jpg").read_bytes())) as card:
        assert card.size[1] == 932
    assert (folder / "figures/0001-1.raw.md").read_text() == f"Chart:\n{TABLE}"
    assert not (folder / "figures/0001-2.card.jpg").exists()
    assert "seconds_figures" in (out / "timings.csv").read_text().splitlines()[0]


def test_how_it_is_written_changes_without_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = stored_run(tmp_path, {"0001-1": TABLE}), tmp_path / "out"
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    options = ("figures.parse=true", "figures.cards=false", "text.tables=markdown", "output.raw=false")
    assert run(out, source, *options) == ExitCode.OK
    folder = out / "handbook"
    assert "(figures/0001-1.jpg)\n\n| Year | Pages |\n" in (folder / "handbook.md").read_text()
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["0001-1.jpg", "0001-2.jpg"]


def test_reading_figures_is_a_reason_to_read_a_page_again(tmp_path: Path) -> None:
    source, out = stored_run(tmp_path, {"0001-1": TABLE}), tmp_path / "out"
    assert run(out, source) == ExitCode.OK
    assert only_record(out)["figure_texts"] == []
    assert "<table>" not in (out / "handbook/handbook.md").read_text()
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    assert len(only_record(out)["figure_texts"]) == 1
    assert run(out, source) == ExitCode.OK
    names = {path.name for path in (out / "handbook/figures").iterdir()}
    assert names == {"0001-1.jpg", "0001-2.jpg"}, "nothing of the earlier reading stays"


def test_a_figure_that_cannot_be_read_keeps_the_page(tmp_path: Path) -> None:
    source, out = stored_run(tmp_path, {}), tmp_path / "out"
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    (text,) = only_record(out)["figure_texts"]
    assert text["status"] == "failed" and "no raw text" in text["reason"]
    assert only_record(out)["status"] == "done"
    assert "![](figures/0001-1.jpg)\n![](figures/0001-2.jpg)\n\nFigure 1\n" in (
        (out / "handbook/handbook.md").read_text()
    )


def test_hostile_figure_text_is_harmless(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> ![](file:///etc/passwd) <|ref|>x<|/ref|> [a](javascript:b)"
    source, out = stored_run(tmp_path, {"0001-1": hostile}), tmp_path / "out"
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    merged = (out / "handbook/handbook.md").read_text()
    for bad in ("<script", "![](file", "](javascript", "<|ref|>"):
        assert bad not in merged


def test_without_linked_figures_their_text_stands_in_their_place(tmp_path: Path) -> None:
    source, out = stored_run(tmp_path, {"0001-1": "A chart."}), tmp_path / "out"
    assert (
        run(out, source, "figures.parse=true", "output.figures=false", "figures.cards=false") == ExitCode.OK
    )
    assert (out / "handbook/handbook.md").read_text() == "<!-- page 1 -->\n\nA chart.\n\nFigure 1\n"


def test_geometry_is_drawn(tmp_path: Path) -> None:
    geometry = "{'Line': {'line': ['(0, 0) -- (5, 5)'], 'line_type': ['--'], 'line_endpoint': ['A: (0, 0)']}}"
    source, out = stored_run(tmp_path, {"0001-1": geometry}, IMAGE), tmp_path / "out"
    assert run(out, source, "figures.parse=true") == ExitCode.OK
    with Image.open(out / "handbook/figures/0001-1.geo.jpg") as drawing:
        assert drawing.size == (600, 600)
    (source / "handbook/pages/0001.raw.md").write_text(geometry)
    assert run(out, source, "prompt=figure") == ExitCode.OK
    assert (out / "handbook/layout/0001.geo.jpg").exists()
    assert not (out / "handbook/figures/0001-1.geo.jpg").exists()
