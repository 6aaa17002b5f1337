"""The documentation builds as a site without a broken link; what is written from the code is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import make_drawings, make_reference

ROOT = Path(__file__).parents[2]
LONGEST_README = 120


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs mkdocs")
    where = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(where)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr + run.stdout
    return where


def test_the_site_has_every_page_and_asks_nobody_else_for_anything(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        html = (site / page.with_suffix(".html").name).read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)|<link[^>]+href="(https?:[^"]+)', html
        )
        assert not loaded, f"{page.name} loads {loaded}"


def test_pictures_have_words_for_those_who_do_not_see_them() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert len(words) > 15, f"{page.name}: {target}"
            assert (page.parent / target).is_file()


def test_links_of_files_outside_the_site_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        for target in re.findall(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page.name}: {target}"


def test_the_reference_says_what_the_code_does() -> None:
    written = make_reference.TARGET.read_text(encoding="utf-8")
    # Releases of Python fold the lines of --help in different places.
    assert written.split() == make_reference.reference().split(), "run python docs/make_reference.py"


@pytest.mark.parametrize("name", ["flow", "processes", "journal"])
def test_drawings_are_those_of_their_script(name: str) -> None:
    drawn = (make_drawings.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == getattr(make_drawings, name)(), "run python docs/make_drawings.py"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README
