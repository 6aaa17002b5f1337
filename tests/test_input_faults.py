"""Inputs that vanish, change or lie while a run goes on: each is accounted for, contents are never mixed."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ocr_engine import stages
from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, ExitCode
from ocr_engine.pages import render
from ocr_engine.pages.render import open_document
from tests.pages.documents import document
from tests.test_pipeline import make_pdf, rows, run_pdf, tree


def latest(output: Path) -> dict[int | None, tuple[str, str]]:
    return {row["page"]: (row["status"], row["reason"]) for row in rows(output)}


class Disturbed:
    """Does something to the inputs once, after so many pages were prepared for the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int, action: Any) -> None:
        self._left, self._action = after, action
        self._request_for = stages.request_for
        monkeypatch.setattr(stages, "request_for", self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._action()
        return self._request_for(*args, **kwargs)


@pytest.mark.parametrize("action", ["vanishes", "changes", "is replaced by a folder"])
def test_an_input_that_is_lost_during_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 120)
    make_pdf(tmp_path / "in/b.pdf", 2)
    other = make_pdf(tmp_path / "other.pdf", 120, "different")

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
        [("a.pdf", number) for number in range(1, 121)] + [("b.pdf", 1), ("b.pdf", 2)]
    )
    reasons = {row["reason"] for row in found if row["status"] == "failed"}
    words = "the file changed during the run; run again" if action == "changes" else ""
    assert reasons and all(words in reason or "cannot be read" in reason for reason in reasons)
    assert {row["status"] for row in found if row["document"].endswith("b.pdf")} == {"done"}
    if action == "changes":
        assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.OK
        assert run_pdf(tmp_path / "in", "--output", tmp_path / "calm") == ExitCode.OK
        assert tree(tmp_path / "out") == tree(tmp_path / "calm")


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
    monkeypatch.setattr(render, "_hash", lambda path: os.utime(path, ns=(1, 1)) or "")
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
