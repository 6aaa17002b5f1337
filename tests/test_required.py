"""A test that is skipped for want of something that CI has is a failure there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import is_required

TESTS = """
import pytest

@pytest.fixture
def chromium():
    pytest.skip("needs Chromium (apt install chromium)")

def test_browser(chromium): ...
def test_unshare(): pytest.skip("needs unshare")
def test_corpora(shared_data): ...
"""
WHOLE_FILE = "import pytest\npytest.importorskip('no_such_module', reason='needs vllm')\ndef test_it(): ..."


def outcome(folder: Path, required: str) -> tuple[int, str]:
    (folder / "tests").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "conftest.py", folder / "tests")
    (folder / "tests/test_some.py").write_text(TESTS)
    (folder / "tests/test_whole.py").write_text(WHOLE_FILE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
    ]
    environment = os.environ | {"OCR_TESTS_REQUIRE": required, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_by_default_skips_are_told_with_their_reasons(tmp_path: Path) -> None:
    code, said = outcome(tmp_path, "")
    assert "4 skipped" in said and code == 0
    assert "needs unshare" in said and "needs vllm" in said
    assert "want of ../shared/data, which is no part of the project: 1" in said


def test_what_is_required_and_missing_fails(tmp_path: Path) -> None:
    code, said = outcome(tmp_path, "all")
    assert code == 1 and "1 failed, 1 skipped, 2 errors" in said, said
    code, said = outcome(tmp_path, "all,-chromium,-vllm")
    assert code == 1 and "1 failed, 3 skipped" in said, said


@pytest.mark.parametrize(
    ("required", "reason", "found"),
    [
        ("", "needs Chromium", False),
        ("all", "needs Chromium", True),
        ("chromium", "needs playwright and Chromium", True),
        ("chromium", "needs vllm", False),
        ("chromium,vllm", "needs vllm", True),
        ("all,-chromium", "needs Chromium", False),
        ("all", "needs an x86 CPU", False),
        ("all", "needs the shared test corpora", False),
    ],
)
def test_which_reasons_count(required: str, reason: str, found: bool) -> None:
    assert is_required(reason, required) is found
