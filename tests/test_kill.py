"""The proofs of resume and memory, in small: many kills or many pages make no difference."""

import json
import subprocess
import sys
from typing import Any

from tests.test_pipeline import ROOT


def script(name: str, *args: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, f"scripts/{name}", *args], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_runs_end_with_the_same_files() -> None:
    (result,) = script("prove_resume.py", "--kills", "6", "--pages", "120")
    assert result["equal"] and result["kills"], result
    assert result["pages_lost"] == result["pages_kept_twice"] == 0
    assert result["statuses"] == {"done": 120}


def test_memory_does_not_grow_with_the_pages() -> None:
    growth = script("measure_memory.py", "--pages", "50", "400")[-1]["growth"]
    assert growth["main"] < 1.1 and growth["worker"] < 1.1, growth
