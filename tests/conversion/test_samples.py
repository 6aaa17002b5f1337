"""The README's first command, for real: vLLM reads the samples with the embedded checkpoint."""

import re
from pathlib import Path

import pymupdf
import pytest
from rapidfuzz.distance import Levenshtein

from ocr_engine.cli.entries import batch_pdf
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import ROOT, SAMPLES, rows

pytest.importorskip("vllm", reason="needs vllm")
MODE = "base"
MAX_CER = 0.10


def plain(text: str) -> str:
    """Text without markup and line ends, to compare what was read and nothing else."""
    text = re.sub(r"!\[\]\([^)]*\)|<[^>]+>|^#+ ", " ", text, flags=re.MULTILINE)
    return " ".join(text.split())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("samples")
    code = batch_pdf(
        [str(SAMPLES), "--config", str(ROOT / "config.yaml"), "--output", str(output), "--quiet",
         "--mode", MODE, "--model", "nano"]
    )  # fmt: skip
    assert code == ExitCode.OK
    return output / "handbook"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_sample_is_read(converted: Path, number: int) -> None:
    expected = plain(pymupdf.open(SAMPLES / "handbook.pdf")[number - 1].get_text())
    read = plain((converted / f"pages/{number:04d}.md").read_text())
    cer = Levenshtein.distance(read, expected) / len(expected)
    assert cer <= MAX_CER, f"{cer:.3f}: {read}"


def test_the_figure_and_the_table_are_there(converted: Path) -> None:
    assert "<table>" in (converted / "pages/0003.md").read_text()
    assert "](figures/0004-1.jpg)" in (converted / "handbook.md").read_text()
    assert (converted / "figures/0004-1.jpg").stat().st_size > 1000


def test_every_page_is_done(converted: Path) -> None:
    assert [row["status"] for row in rows(converted.parent)] == ["done"] * 5
