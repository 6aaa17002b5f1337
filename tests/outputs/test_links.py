"""Links in a document's folder: those that would be written through are found, no others."""

from pathlib import Path, PurePosixPath

import pytest

from ocr_engine.outputs.links import folders_without_links, link_in_the_way

FOLDER = PurePosixPath("a/report")


@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize(
    "place",
    [
        "a", "a/report", "a/report/pages", "a/report/.pages", "a/report/images", "a/report/page_3",
        "a/report/page_3/images", "a/report/pages/0002", "a/report/pages.jsonl",
        "a/report/.pages/pages.jsonl",
    ],
)  # fmt: skip
def test_a_link_that_would_be_written_through_is_found(tmp_path: Path, place: str, dangling: bool) -> None:
    root, target = tmp_path / "root", tmp_path / ("nothing" if dangling else "outside")
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    root.symlink_to(tmp_path / "out")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    assert link_in_the_way(root, FOLDER) is None
    (root / place).symlink_to(target)
    assert link_in_the_way(root, FOLDER) == root / place


def test_links_that_are_replaced_or_not_ours_are_no_trouble(tmp_path: Path) -> None:
    for name in ("report.md", "pages/0001.jpg", "theirs", "sub/pages", "review/index.html"):
        path = tmp_path / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(tmp_path)
    assert link_in_the_way(tmp_path, FOLDER) is None


def test_documents_behind_links_are_said_and_not_exported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "b/pages.jsonl").symlink_to(tmp_path / "outside")
    claims = {"a": "in/a.pdf", "b": "in/b.pdf"}
    assert folders_without_links(tmp_path, claims) == {"a": "in/a.pdf"}
    assert "b/pages.jsonl: a symbolic link" in caplog.text and "in/b.pdf is not exported" in caplog.text
