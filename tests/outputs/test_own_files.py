"""What runs have written, told from what is to be read."""

import os
from pathlib import Path

import pytest

from ocr_engine.outputs.own_files import OwnFiles

RESULTS = (
    "a/pages/0001.jpg", "a/figures", "a/figures/0001-1.jpg", "a/layout/0001.jpg", "a/review", "a/tables",
    "a/a.pdf", "b/c/images/0_0.jpg", "b/c/c_layouts.pdf", "b/c/.pages/0001.jpg", "b/c/page_0/images/0.jpg",
    "b/c/geo.jpg", "b/c/result_with_boxes.jpg", "b/c/pages/0002/images/0.jpg",
)  # fmt: skip
INPUTS = (
    "x.pdf", "a", "a/other.pdf", "a/photo.jpg", "a/sub/x.pdf", "pages/x.pdf", "figures", "theirs/pages/x.pdf",
    "theirs/theirs.pdf", "b/x.pdf", "a.pdf",
)  # fmt: skip


def outputs(root: Path) -> Path:
    for name in ("a/pages.jsonl", "b/c/.pages/pages.jsonl", *RESULTS, *INPUTS):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() and path.suffix:
            path.write_text("x")
    return root


@pytest.mark.parametrize("way", ["itself", "relative", "by a link", "input by a link", "with dots"])
def test_results_are_told_from_inputs_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    root = outputs(tmp_path / "out")
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    given = {"relative": "out", "by a link": "link", "with dots": "out/../out/."}.get(way, str(root))
    seen = tmp_path / "link" if way == "input by a link" else root
    own = OwnFiles(given)
    assert [name for name in RESULTS if not own.holds(str(seen / name))] == []
    assert [name for name in INPUTS if own.holds(str(seen / name))] == []
    assert own.holds(str(root)) and own.holds("link") and not own.holds(str(tmp_path))
    assert own.holds(os.path.relpath(root / "a/figures/0001-1.jpg"))


def test_an_output_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    own = OwnFiles(str(tmp_path / "out"))
    assert not own.holds(str(tmp_path / "out")) and not own.holds(str(tmp_path / "a.pdf"))
    assert not own.holds(str(tmp_path / "no/such/figures/a.jpg"))


def test_in_a_store_all_below_the_output_is_left_out() -> None:
    own = OwnFiles("S3://box/in/out/")
    assert own.holds("s3://box/in/out/a/a.pdf") and own.holds("s3://box/in/out")
    assert not own.holds("s3://box/in/outer/a.pdf") and not own.holds("gs://box/in/out/a.pdf")
    assert not own.holds("/box/in/out") and not OwnFiles("/box").holds("s3://box/a.pdf")
    assert OwnFiles("memory://box/out").holds("memory:///box/out/a.pdf")
