"""Runs over folders of images as documents: pages, records, resuming, copies, shards."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from ocr_engine.cli.entries import batch_images
from ocr_engine.errors import ExitCode
from ocr_engine.pages.sources import find
from ocr_engine.records import DocumentKind
from ocr_engine.sharing.board import FolderBoard
from ocr_engine.sharing.claims import Claim, Claims
from ocr_engine.sharing.shard import Shard
from tests.conversion.test_pipeline import REPLAY, rows, tree

FOLDERS = ("--set", "input.image_folders=documents")


def run(*args: str | Path) -> int:
    return batch_images([*map(str, args), *FOLDERS, *REPLAY])


def sheet(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).text((10, 40), text, fill="black")
    image.save(path)


def records(path: Path) -> dict[int, dict[str, Any]]:
    return {record["page"]: record for record in map(json.loads, path.read_text().splitlines())}


def test_a_folder_is_one_document_and_what_is_added_or_mended_is_read_alone(
    tmp_path: Path, asked: list[str]
) -> None:
    book, out = tmp_path / "in/book", tmp_path / "out"
    for number in (1, 2, 10):
        sheet(book / f"p{number}.png", f"page {number}")
    (book / "p3.png").write_bytes(b"half a download")
    assert run(tmp_path / "in", "--output", out) == ExitCode.PAGES_FAILED
    found = records(out / "book/pages.jsonl")
    assert [found[page]["file"] for page in sorted(found)] == ["p1.png", "p2.png", "p3.png", "p10.png"]
    assert found[3]["reason"].startswith("cannot be read as an image") and len(asked) == 3
    assert {row["document"] for row in rows(out)} == {str(book)}
    asked.clear()
    sheet(book / "p3.png", "page 3")
    sheet(book / "p11.png", "page 11")
    assert run(tmp_path / "in", "--output", out) == ExitCode.OK
    assert sorted(asked) == ["book/pages/0003", "book/pages/0005"]
    (book / "p11.png").unlink()
    (book / "p10.png").rename(book / "p12.png")
    asked.clear()
    assert run(tmp_path / "in", "--output", out) == ExitCode.OK
    assert not asked and not (out / "book/pages/0005.md").exists()
    assert records(out / "book/pages.jsonl")[4]["file"] == "p12.png"
    assert run(tmp_path / "in", "--output", tmp_path / "calm") == ExitCode.OK
    assert tree(out) == tree(tmp_path / "calm")


def test_equal_folders_are_read_once_and_exports_name_their_contents_apart(
    tmp_path: Path, asked: list[str]
) -> None:
    for name in ("a", "b", "c"):
        sheet(tmp_path / "in" / name / "2.png", "the same end")
    for name in ("a", "c"):
        sheet(tmp_path / "in" / name / "1.png", "the same begin")
    sheet(tmp_path / "in/b/1.png", "another begin")
    assert run(tmp_path / "in", "--output", tmp_path / "out", "--set", "output.jsonl=true") == ExitCode.OK
    assert len(asked) == 4
    ids = [json.loads(line)["id"] for line in (tmp_path / "out/documents.jsonl").read_text().splitlines()]
    assert len(ids) == 3 and ids[0] == ids[2] != ids[1]


def test_a_damaged_tiff_keeps_the_pages_before_and_says_what_is_lost(tmp_path: Path) -> None:
    frames = [Image.new("L", (60, 40), 255) for _ in range(4)]
    for frame in frames:
        frame.paste(0, (10, 10, 50, 20))
    path = tmp_path / "in/fax.tif"
    path.parent.mkdir()
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        image.seek(2)
        third = image._frame_pos[2]  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes()[: third + 5])
    assert run(path, "--output", tmp_path / "out") == ExitCode.PAGES_FAILED
    found = records(tmp_path / "out/fax/pages.jsonl")
    assert [found[page]["status"] for page in (1, 2, 3)] == ["done", "done", "failed"] and len(found) == 3
    assert "its entry for this page cannot be read" in found[3]["reason"]


def test_a_folder_goes_to_one_shard_and_is_claimed_anew_when_a_file_of_it_changed(tmp_path: Path) -> None:
    for name in "abcdef":
        sheet(tmp_path / name / "1.png", name)
    found = list(find([str(tmp_path)], {DocumentKind.IMAGE}, folders=True))
    shards = [list(Shard(number, 2).of(found)) for number in (1, 2)]
    assert sorted(map(str, shards[0] + shards[1])) == sorted(map(str, found)) and all(shards)
    claims = Claims(FolderBoard(tmp_path / "board"), "driver", 600.0)
    claims.done(found)
    sheet(tmp_path / "a/1.png", "something else")
    now = list(find([str(tmp_path)], {DocumentKind.IMAGE}, folders=True))
    assert [claims.take(one) for one in now] == [Claim.OURS, *[Claim.DONE] * 5]


def test_bad_values_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "input.image_folders=folder")
    assert batch_images([str(tmp_path), *options, *REPLAY]) == ExitCode.USAGE
    assert "input.image_folders" in capfd.readouterr().err
