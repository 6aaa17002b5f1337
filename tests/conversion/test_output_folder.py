"""What else is in an output folder, or around it: only what runs wrote is replaced, removed or left out."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ocr_engine.cli.entries import batch_images
from ocr_engine.errors import ExitCode
from ocr_engine.outputs.names import _suffix
from tests.conversion.test_exports import keys
from tests.conversion.test_pipeline import REPLAY, SAMPLES, make_pdf, rows, run_pdf, tree


def run_images(*args: str | Path) -> int:
    return batch_images([*map(str, args), *REPLAY])


def make_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLES / "images/note.png", path)
    return path


def test_three_documents_of_one_name_and_its_suffix_keep_three_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = ["b/report.pdf", f"a/report{_suffix('c/report.pdf')}.pdf", "c/report.pdf"]
    for number, name in enumerate(inputs):
        make_pdf(tmp_path / name, 2, f"document {number}")
    assert run_pdf(*inputs, "--output", "out") == ExitCode.OK
    before = tree(tmp_path / "out")
    assert len([name for name in before if name.endswith("0002.raw.md")]) == 3
    assert run_pdf(*reversed(inputs), "--output", "out") == ExitCode.OK
    assert tree(tmp_path / "out") == before and len(rows(tmp_path / "out")) == 6


ARGUMENTS: dict[str, Callable[[Path], list[str]]] = {
    "dot": lambda _: ["."],
    "list": lambda _: ["-"],
    "link": lambda here: [f"{here}-link"],
}


@pytest.mark.parametrize(
    ("arguments", "layout"),
    [("dot", "official"), ("list", "official"), ("link", "tree")],
)
def test_an_output_folder_inside_the_input_feeds_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, arguments: str
) -> None:
    here = tmp_path / "work"
    make_pdf(here / "in/report.pdf", 1)
    (tmp_path / "work-link").symlink_to(here)
    monkeypatch.chdir(here)
    options = keys("searchable_pdf") if layout == "tree" else ["--set", "output.layout=official"]
    for _ in range(2):
        listed = "".join(f"{path}\n" for path in sorted(Path().rglob("*.pdf")))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
        assert run_pdf(*ARGUMENTS[arguments](here), "--set", "output.overlays=true", *options) == ExitCode.OK
    made = sorted(path.name for path in (here / "outputs").rglob("*.pdf"))
    assert made == ["report.pdf" if layout == "tree" else "report_layouts.pdf"]
    assert len(rows(here / "outputs")) == 1


@pytest.mark.parametrize("output", ["outputs", "link", "."])
def test_figures_of_earlier_runs_are_no_images_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    make_image(tmp_path / "note.png")
    if output == "link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run_images(".", "--output", output) == ExitCode.OK
    assert (tmp_path / output / "note/figures/0001-1.jpg").is_file()
    assert [row["document"] for row in rows(tmp_path / output) if row["page"]] == ["./note.png"]


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("report", False),
        ("report/pages", True),
        ("report/review", True),
    ],
)
def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path, place: str, known: bool) -> None:
    make_pdf(tmp_path / "in/report.pdf", 1)
    make_pdf(tmp_path / "in/other.pdf", 1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "0001.html").write_text("theirs")
    command = (tmp_path / "in", "--output", tmp_path / "link")
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    if known:
        assert run_pdf(*command, *keys("review")) == ExitCode.OK
        (tmp_path / "out" / place).rename(tmp_path / "kept")
    (tmp_path / "out" / place).symlink_to(outside)
    assert run_pdf(*command, "--set", "text.tables=markdown") == ExitCode.PAGES_FAILED
    (row,) = [row for row in rows(tmp_path / "out") if row["page"] is None]
    assert row["status"] == "failed" and f"{place} is a symbolic link" in row["reason"]
    assert "move it away, or choose another folder with --output" in row["reason"]
    assert (tmp_path / "out/other/other.md").is_file() and (tmp_path / "out" / place).is_symlink()
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"0001.html": "theirs"}
    (tmp_path / "out" / place).unlink()
    assert run_pdf(*command) == ExitCode.OK and (tmp_path / "out/report/report.md").is_file()


def test_links_in_place_of_single_files_are_replaced(tmp_path: Path) -> None:
    make_pdf(tmp_path / "in/report.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out", *keys("html"))
    assert run_pdf(*command) == ExitCode.OK
    before = tree(tmp_path / "out")
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    for name in (
        "report/report.md",
        "report/report.html",
        "report/pages/0001.md",
        "report.html",
        "timings.csv",
    ):
        (tmp_path / "out" / name).unlink()
        (tmp_path / "out" / name).symlink_to(outside)
    (tmp_path / "out/report/link").symlink_to(outside)
    assert run_pdf(*command, "--force") == ExitCode.OK
    (tmp_path / "out/report/link").unlink()
    assert tree(tmp_path / "out") == before and outside.read_text() == "theirs"


def test_a_folder_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """Results beside their documents, where the user keeps files of the very names that a run writes."""
    here = tmp_path / "papers"
    make_pdf(here / "a.pdf", 1, "mine")
    make_pdf(here / "a/a.pdf", 1, "mine too")
    for name in ("a/a.md", "a/figures/0001-1.jpg"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text("theirs")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    for _ in range(2):
        assert run_pdf(here, "--output", here, *keys("searchable_pdf")) == ExitCode.OK
        assert {path: path.read_bytes() for path in before} == before
    assert sorted({row["document"] for row in rows(here)}) == [str(here / "a.pdf"), str(here / "a/a.pdf")]
    assert len(rows(here)) == 2
