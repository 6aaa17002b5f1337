"""The proofs of resume and memory, in small: many kills or many pages make no difference."""

import asyncio
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.outputs.writer import DocumentWriter
from tests.conversion.test_pipeline import ROOT, make_pdf, run_pdf


def script(name: str, *args: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-m", name, *args], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_runs_end_with_the_same_files() -> None:
    (result,) = script("proofs.resume", "--kills", "6", "--pages", "120")
    assert result["equal"] and result["kills"], result
    assert result["pages_lost"] == result["pages_kept_twice"] == 0
    assert result["statuses"] == {"done": 120}


def test_memory_does_not_grow_with_the_pages() -> None:
    growth = script("bench.measure_memory", "--pages", "50", "400")[-1]["growth"]
    assert growth["main"] < 1.1 and growth["worker"] < 1.1, growth


def test_nothing_is_kept_of_pages_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task a page is 2 kB: the largest growth there was, too small to be seen in a short run."""
    left: list[int] = []
    merge = DocumentWriter.merge

    def counted(self: DocumentWriter) -> tuple[str, ...]:
        gc.collect()
        left.append(sum(issubclass(type(item), asyncio.Task) for item in gc.get_objects()))
        return merge(self)

    monkeypatch.setattr(DocumentWriter, "merge", counted)
    assert run_pdf(make_pdf(tmp_path / "a.pdf", 40), "--output", tmp_path / "out") == 0
    assert len(left) == 1 and left[0] < 10
