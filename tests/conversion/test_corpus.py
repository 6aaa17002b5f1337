"""Real and hostile PDFs that no one here wrote: each is accounted for, and memory stays bounded."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conversion.test_pipeline import ROOT, rows

OPTIONS = (
    "--set", "engine.backend=replay", "--set", "output.figures=false", "--max-pages", "20", "--mode", "tiny",
)  # fmt: skip
MAIN_LIMIT_MB, WORKER_LIMIT_MB = 1000, 1500


def run_watched(command: list[str], stderr: Path) -> tuple[int, int, int]:
    """Exit code, and the largest resident size in MB of the main process and of any worker."""
    with stderr.open("w") as file:
        process = subprocess.Popen(command, stderr=file, cwd=ROOT)
    main, largest_main, largest_worker = psutil.Process(process.pid), 0, 0
    while process.poll() is None:
        try:
            largest_main = max(largest_main, main.memory_info().rss)
            for child in main.children(recursive=True):
                largest_worker = max(largest_worker, child.memory_info().rss)
        except psutil.Error:
            pass  # it ended between two looks
        time.sleep(0.1)
    return process.returncode, largest_main >> 20, largest_worker >> 20


@pytest.mark.parametrize(("folder", "timeout_s", "code"), [("pdf_real", 15, 0), ("pdf_bad", 2, 5)])
def test_every_document_is_accounted_for(
    shared_data: Path, tmp_path: Path, folder: str, timeout_s: int, code: int
) -> None:
    inputs = shared_data / "corpus" / folder
    words = [str(inputs), "--output", str(tmp_path / "out"), "--set", f"render.timeout_s={timeout_s}"]
    command = [sys.executable, "batch_pdf.py", *words, *OPTIONS]
    returned, main_mb, worker_mb = run_watched(command, tmp_path / "stderr")
    stderr = (tmp_path / "stderr").read_text()
    assert returned == code, stderr[-2000:]
    assert "Traceback" not in stderr
    expected = {str(path) for path in inputs.rglob("*") if path.suffix.lower() == ".pdf"}
    found = rows(tmp_path / "out")
    assert {row["document"] for row in found} == expected
    assert all(row["reason"] for row in found if row["status"] == "failed")
    pages = [(row["document"], row["page"]) for row in found]
    assert len(pages) == len(set(pages))
    assert main_mb < MAIN_LIMIT_MB and worker_mb < WORKER_LIMIT_MB
