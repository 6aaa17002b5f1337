"""Inputs that vanish, change or lie while a run goes on: each is accounted for, contents are never mixed."""

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocr_engine.cli.entries import batch_images
from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, ExitCode
from ocr_engine.pages import render
from ocr_engine.pages.render import open_document
from ocr_engine.processes.worker import Worker
from ocr_engine.reading.request import request_for
from tests.conversion.test_pipeline import REPLAY, make_pdf, rows, run_pdf, tree
from tests.pages.documents import document, raw_pdf


def run_images(*args: str | Path) -> int:
    return batch_images([*map(str, args), *REPLAY])


def latest(output: Path) -> dict[int | None, tuple[str, str]]:
    return {row["page"]: (row["status"], row["reason"]) for row in rows(output)}


class Disturbed:
    """Does something to the inputs once, after so many pages were prepared for the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int, action: Any) -> None:
        self._left, self._action = after, action
        self._request_for = request_for
        monkeypatch.setattr("ocr_engine.reading.attempts.request_for", self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._action()
        return self._request_for(*args, **kwargs)


@pytest.mark.parametrize("action", ["vanishes", "changes", "is replaced by a folder"])
def test_an_input_that_is_lost_during_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 60)
    make_pdf(tmp_path / "in/b.pdf", 2)
    other = make_pdf(tmp_path / "other.pdf", 60, "different")

    def disturb() -> None:
        if action == "changes":
            other.replace(source)
        else:
            source.unlink()
        if action.endswith("folder"):
            source.mkdir()

    Disturbed(monkeypatch, 5, disturb)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.PAGES_FAILED
    found = rows(tmp_path / "out")
    assert sorted((Path(row["document"]).name, row["page"]) for row in found) == sorted(
        [("a.pdf", number) for number in range(1, 61)] + [("b.pdf", 1), ("b.pdf", 2)]
    )
    reasons = {row["reason"] for row in found if row["status"] == "failed"}
    words = "the file changed during the run; run again" if action == "changes" else ""
    assert reasons and all(words in reason or "cannot be read" in reason for reason in reasons)
    assert {row["status"] for row in found if row["document"].endswith("b.pdf")} == {"done"}
    if action == "changes":
        assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.OK
        assert run_pdf(tmp_path / "in", "--output", tmp_path / "calm") == ExitCode.OK
        assert tree(tmp_path / "out") == tree(tmp_path / "calm")


def test_damaged_pages_are_not_quietly_blank(tmp_path: Path) -> None:
    """Content gone, text that only PDFium draws, text that nobody draws, half a picture, and a blank page."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    font = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/MediaBox[0 0 300 200]"
    words = "BT /F 20 Tf 20 40 Td (some words) Tj ET"
    gone = raw_pdf(inputs / "gone.pdf", font, words)
    gone.write_bytes(gone.read_bytes().replace(b"/Contents 4 0 R", b"/Contents 3 0 R"))
    raw_pdf(inputs / "crop.pdf", f"{font}/CropBox[0 0 0 0]", words)
    raw_pdf(inputs / "invisible.pdf", font, f"3 Tr {words}")
    raw_pdf(inputs / "blank.pdf", font, "")
    picture = Image.effect_noise((300, 200), 80).convert("RGB")
    picture.save(inputs / "half.png")
    data = (inputs / "half.png").read_bytes()
    (inputs / "half.png").write_bytes(data[: len(data) // 2])
    output = ("--output", tmp_path / "out")
    assert run_pdf(inputs, *output) == ExitCode.PAGES_FAILED
    assert run_images(inputs, *output) == ExitCode.OK
    found = {Path(row["document"]).stem: row for row in rows(tmp_path / "out")}
    assert {
        name: (row["status"], row.get("suspect"), row.get("renderer")) for name, row in found.items()
    } == {
        "gone": ("failed", None, None),
        "crop": ("done", True, "pdfium"),
        "invisible": ("blank", True, "pymupdf"),
        "half": ("done", True, "pillow"),
        "blank": ("blank", None, "pymupdf"),
    }
    assert "content stream is not a stream" in found["gone"]["reason"]
    assert found["blank"]["reason"] == "no ink on the page (quality.blank_ink)"
    for name in ("crop", "invisible", "half"):
        (record,) = map(json.loads, (tmp_path / "out" / name / "pages.jsonl").read_text().splitlines())
        assert record["renderer"] == found[name]["renderer"] and record["suspect"] is True
        assert record["reason"] == found[name]["reason"] != ""
    assert "half.png" in (tmp_path / "out/report.html").read_text()


def test_a_renderer_killed_while_it_opens_a_document_shows_in_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does when memory runs out: PDFium takes over, and each page says so."""
    whole = Worker.call

    def killed_in_pymupdf(self: Worker, function: Any, timeout_s: float) -> Any:
        opens_with_pymupdf = (
            getattr(function, "func", None) is render.open_document and function.args[1].backend == "auto"
        )
        return whole(
            self, partial(os.kill, self._process.pid, 9) if opens_with_pymupdf else function, timeout_s
        )

    monkeypatch.setattr(Worker, "call", killed_in_pymupdf)
    source = make_pdf(tmp_path / "in/a.pdf", 2)
    assert run_pdf(source, "--output", tmp_path / "out") == ExitCode.OK
    lines = (tmp_path / "out/a/pages.jsonl").read_text().splitlines()
    assert [json.loads(line)["renderer"] for line in lines] == ["pdfium"] * 2
    assert [row["renderer"] for row in rows(tmp_path / "out")] == ["pdfium"] * 2


def test_a_file_rewritten_while_it_is_drawn_is_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_pdf(tmp_path / "a.pdf", 1)
    opened = open_document(document(path), RenderConfig(), "", 10)
    draw = render._open

    def rewrite(*args: Any) -> Any:
        held = draw(*args)
        os.utime(path, ns=(1, 1))
        return held

    monkeypatch.setattr(render, "_open", rewrite)
    ref = opened.page(0)
    with pytest.raises(render.PageError, match="changed during the run"):
        render.render_page(ref, RenderConfig(), "")


def test_a_file_rewritten_while_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = document(make_pdf(tmp_path / "a.pdf", 1))
    monkeypatch.setattr(render, "content_hash", lambda path: os.utime(path, ns=(1, 1)) or "")
    with pytest.raises(DocumentError, match="changed while it was opened"):
        open_document(given, RenderConfig(), "", 10)


@pytest.mark.parametrize("layout", ["tree", "official"])
def test_pages_of_an_older_content_do_not_stay(tmp_path: Path, layout: str) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 5, "old")
    options = ("--set", f"output.layout={layout}", "--set", "output.overlays=true")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options) == ExitCode.OK
    make_pdf(source, 3, "new")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options, "--pages", "1-2") == ExitCode.OK
    found = latest(tmp_path / "out")
    assert found[1] == found[2] == ("done", "")
    assert found[3] == ("skipped", "the file changed; this page was not asked for again")
    assert found[4] == found[5] == ("skipped", "the file changed; it has no such page any more")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options) == ExitCode.OK
    assert latest(tmp_path / "out")[3] == ("done", "")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "fresh", *options) == ExitCode.OK
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_pages_of_an_earlier_selection_stay(tmp_path: Path) -> None:
    make_pdf(tmp_path / "in/a.pdf", 4)
    for pages in ("1-2", "3"):
        assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", "--pages", pages) == ExitCode.OK
    assert {page: status for page, (status, _) in latest(tmp_path / "out").items()} == dict.fromkeys(
        (1, 2, 3), "done"
    )
    assert (tmp_path / "out/a/a.md").read_text().count("<!-- page") == 3


def test_pages_beyond_the_cap_have_a_row(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 5)
    capped = ("--output", tmp_path / "out", "--set", "input.max_document_pages=3")
    for _ in range(2):
        assert run_pdf(source, *capped) == ExitCode.OK
        found = rows(tmp_path / "out")
        assert [row["page"] for row in found if row["page"] is None] == [None], "said once"
        assert latest(tmp_path / "out")[None] == (
            "skipped", "it claims 5 pages; those after page 3 are not read (input.max_document_pages)",
        )  # fmt: skip
    assert run_pdf(source, "--output", tmp_path / "out") == ExitCode.OK
    assert {page: status for page, (status, _) in latest(tmp_path / "out").items()} == dict.fromkeys(
        (None, 1, 2, 3, 4, 5), "done"
    )


def test_a_document_that_can_be_opened_after_all_is_no_failure_any_more(tmp_path: Path) -> None:
    make_pdf(tmp_path / "good.pdf", 1)
    source = tmp_path / "in/a.pdf"
    source.parent.mkdir()
    source.write_bytes(b"broken")
    assert run_pdf(source, "--output", tmp_path / "out") == ExitCode.NO_INPUT
    assert "a.pdf" in (tmp_path / "out/failures.csv").read_text()
    shutil.copy(tmp_path / "good.pdf", source)
    assert run_pdf(source, "--output", tmp_path / "out") == ExitCode.OK
    assert "a.pdf" not in (tmp_path / "out/failures.csv").read_text()
