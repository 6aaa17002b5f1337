"""The checklist of a release stops at what is not as it should be, and says what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def released(folder: Path, *arguments: str) -> tuple[int, str]:
    run = subprocess.run(
        ["bash", "scripts/release.sh", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )
    return run.returncode, run.stderr.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of the few files that the first steps look at."""
    for name in ("scripts/release.sh", "ocr_engine/__init__.py", "CITATION.cff"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/upgrading.md").write_text("# Upgrading\n\n## To 0.9.0, from 0.8\n")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 0.9.0 - 2026-11-30\n- All of it.\n"
    )
    commit(tmp_path, "init")
    return tmp_path


def commit(folder: Path, *first: str) -> None:
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@b"]
    start = [[*first, "-q"]] if first else []
    for words in (*start, ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def set_version(folder: Path, version: str) -> None:
    (folder / "ocr_engine/__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "CITATION.cff").write_text(f"version: {version}\ndate-released: 2026-11-30\n")


def test_a_version_is_asked_for(folder: Path) -> None:
    assert released(folder) == (2, "release: give the version, such as 0.2.0")
    assert released(folder, "v1")[0] == 2


def test_each_step_stops_where_it_must(folder: Path) -> None:
    assert "set __version__" in released(folder, "0.9.0")[1]
    set_version(folder, "0.9.0")
    assert "commit or stash first" in released(folder, "0.9.0")[1]
    commit(folder)
    assert released(folder, "0.9.0", "--dry") == (0, "")
    subprocess.run(["git", "tag", "v0.9.0"], cwd=folder, check=True)
    assert "the tag v0.9.0 exists" in released(folder, "0.9.0")[1]
    (folder / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n- New.\n\n## 0.9.0 - 2026-11-30\n- All of it.\n"
    )
    commit(folder)
    assert "move the lines under Unreleased" in released(folder, "0.9.0")[1]
    (folder / "CHANGELOG.md").write_text("# Changelog\n")
    commit(folder)
    assert "needs a section '## 0.9.0 - DATE'" in released(folder, "0.9.0")[1]


def test_upgrade_notes_are_asked_for(folder: Path) -> None:
    set_version(folder, "0.9.0")
    (folder / "docs/upgrading.md").write_text("# Upgrading\n")
    commit(folder)
    assert "docs/upgrading.md needs a section '## To 0.9.0'" in released(folder, "0.9.0", "--dry")[1]


def test_citation_and_package_have_one_version() -> None:
    from ocr_engine import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
