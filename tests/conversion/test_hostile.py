"""The hostile set through whole runs: nothing crashes, hangs, escapes or is left out; text stays."""

import json
import re
import sys
import time
from pathlib import Path

import pytest

from ocr_engine.errors import ExitCode
from tests import hostile
from tests.conversion.test_corpus import run_watched
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, rows, run_pdf, tree

BOUNDS = ("--set", "render.timeout_s=2", "--set", "render.workers=2", "--set", "input.max_document_pages=30")
MAIN_LIMIT_MB, WORKER_LIMIT_MB, TIME_LIMIT_S = 400, 1600, 240
ACTS = re.compile(
    r"<\s*(script|img|iframe|object|svg)\b|\]\(\s*(javascript|data|file):|!\[[^\]]*\]\((?!\.\./figures/)",
    re.I,
)


@pytest.mark.parametrize("script", ["batch_pdf.py", "batch_images.py"])
def test_the_hostile_set(tmp_path: Path, script: str) -> None:
    inputs = tmp_path / "set"
    make = hostile.make_files if script == "batch_pdf.py" else hostile.make_images
    expected = make(inputs)
    where = inputs / "in" if script == "batch_pdf.py" else inputs
    command = [
        sys.executable,
        str(ROOT / script),
        str(where),
        "--output",
        str(tmp_path / "out"),
        *REPLAY,
        *BOUNDS,
    ]
    started = time.monotonic()
    code, main_mb, worker_mb = run_watched(command, tmp_path / "stderr")
    assert time.monotonic() - started < TIME_LIMIT_S
    said = (tmp_path / "stderr").read_text(errors="replace")
    assert code == ExitCode.PAGES_FAILED and "Traceback" not in said, said[-2000:]
    found = rows(tmp_path / "out")
    assert {row["document"] for row in found} == expected
    assert len({(row["document"], row["page"]) for row in found}) == len(found)
    assert all(row["reason"] for row in found if row["status"] in ("failed", "skipped"))
    assert not [row for row in found if "internal error" in row["reason"]]
    assert main_mb < MAIN_LIMIT_MB and worker_mb < WORKER_LIMIT_MB
    names_on_disk(tmp_path)


def names_on_disk(tmp_path: Path) -> None:
    """Everything written lies below the output folder, under names that any system takes."""
    assert {path.name for path in tmp_path.iterdir()} == {"set", "out", "stderr"}
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_symlink() and len(path.name.encode()) < 256
        assert path.name.isprintable() and not set(path.name) & set('<>:"\\|?*')


def test_plain_pages_of_hostile_names_are_read(tmp_path: Path) -> None:
    hostile.make_files(tmp_path)
    for name in hostile.PDFS:
        (tmp_path / "in" / name).unlink()
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.PAGES_FAILED
    found = rows(tmp_path / "out")
    done = {row["document"] for row in found if row["status"] == "done"}
    assert len(done) == len(hostile.NAMES) + 2, "all names, the one that is no UTF-8, and the deep one"
    folders = {row["outputs"][0].rpartition("/pages/")[0] for row in found if row["status"] == "done"}
    assert len(folders) == len(done), "no two share a folder"


@pytest.mark.parametrize("layout", ["tree", "official"])
def test_answers_that_attack(tmp_path: Path, layout: str) -> None:
    """Stored as raw text and replayed: bounded, harmless, and the text is kept."""
    source = make_pdf(tmp_path / "in/a.pdf", len(hostile.ATTACKS))
    stored = tmp_path / "stored/a/pages"
    stored.mkdir(parents=True)
    for number, attack in enumerate(hostile.ATTACKS.values(), 1):
        (stored / f"{number:04d}.raw.md").write_text(attack)
    options = ("--set", f"engine.replay_from={tmp_path / 'stored'}", "--set", f"output.layout={layout}")
    started = time.monotonic()
    code = run_pdf(source, "--output", tmp_path / "out", *options, "--set", "output.overlays=true")
    assert code in (ExitCode.OK, ExitCode.PAGES_FAILED) and time.monotonic() - started < TIME_LIMIT_S
    assert [row["page"] for row in sorted(rows(tmp_path / "out"), key=lambda row: row["page"])] == list(
        range(1, len(hostile.ATTACKS) + 1)
    )
    if layout == "official":
        return
    folder = tmp_path / "out/a"
    for number, name in enumerate(hostile.ATTACKS, 1):
        text = (folder / f"pages/{number:04d}.md").read_text()
        assert "kept" in text, name
        assert not ACTS.search(text), name
    records = [json.loads(line) for line in (folder / "pages.jsonl").read_text().splitlines()]
    assert all(len(block["boxes"]) <= 10_000 for record in records for block in record["blocks"])
    assert len(list((folder / "figures").iterdir())) <= 500
    # What a page says of pages does not become a page of the merged file.
    separators = re.findall(r"^<!-- page (\d+) -->$", (folder / "a.md").read_text(), re.MULTILINE)
    assert [int(number) for number in separators] == list(range(1, len(hostile.ATTACKS) + 1))
    assert sum(map(len, tree(tmp_path / "out").values())) < 100_000_000
