"""Math tests through a real browser; what stands for KaTeX sets characters side by side, `^` ones higher."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.errors import UsageError
from ocr_engine.evaluation.olmocr_bench import katex
from ocr_engine.evaluation.olmocr_bench.evaluate import evaluate, load, rates

SCRIPT = r"""
window.katex = {render: (source, place, options) => {
  if (!options.displayMode || !options.throwOnError) throw new Error("other options");
  if (source.includes("\\bad")) throw new Error("KaTeX parse error: \\bad");
  if (source.includes("\\far")) fetch("https://example.com/");
  const codes = [...source].map(one => one.charCodeAt(0)).join();
  const math = `<math><semantics><mi>${codes}</mi></semantics></math>`;
  const shown = [...source.replace(/[{} ]/g, "")];
  place.innerHTML = '<span class="katex"><span class="katex-mathml">' + math + "</span>" + shown.map(
    (one, i) => one === "^" ? "" : `<span style="position:relative;top:${shown[i-1] === "^" ? -9 : 0}px">`
      + `${one}</span>`).join("") + "</span>";
}};
"""


@pytest.fixture(scope="module")
def browser() -> None:
    if importlib.util.find_spec("playwright") is None or not any(map(shutil.which, katex._BROWSERS)):
        pytest.skip("needs playwright and Chromium")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "katex"
    made.mkdir()
    (made / katex.SCRIPT).write_text(SCRIPT)
    (made / katex.STYLE).write_text(".katex-mathml { display: none }")
    return made


def score(root: Path, tests: list[dict[str, Any]], page: str, folder: Path, **options: Any) -> dict[str, Any]:
    lines = [json.dumps({"pdf": "a.pdf", "page": 1, "type": "math", **test}) for test in tests]
    (root / "t.jsonl").write_text("\n".join(lines))
    (root / "candidate").mkdir(exist_ok=True)
    (root / "candidate/a_pg1_repeat1.md").write_text(page)
    found = evaluate(load(root), root / "candidate", katex=folder, quiet=True, **options)
    assert not rates(found).not_run
    return {result.case.id: result.passed for result in found if result.case.type == "math"}


@pytest.mark.usefixtures("browser")
def test_formulas_are_compared_as_they_look(tmp_path: Path, folder: Path) -> None:
    tests = [
        {"id": "spaces", "math": "a  +  b"},
        {"id": "raised", "math": "a^{2}+b"},
        {"id": "other", "math": "a+c"},
        {"id": "order", "math": "b+a"},
        {"id": "broken", "math": "\\bad"},
        {"id": "dollar", "math": "d", "ignore_dollar_delimited": True},
    ]
    page = "so \\( a+b \\) and $$ a^2+b $$ with \\(\\bad x\\) and $ d $"
    assert score(tmp_path, tests, page, folder) == {
        "spaces": True,
        "raised": True,
        "other": False,
        "order": False,
        "broken": True,
        "dollar": False,
    }
    assert not katex._OPEN


@pytest.mark.usefixtures("browser")
def test_nothing_is_fetched_and_a_browser_that_died_is_started_again(folder: Path) -> None:
    with katex.renderer(katex.find(folder)) as formulas:
        assert formulas.render("\\far x").symbols
        assert formulas._page.evaluate("navigator.onLine") is False
        formulas._page.close()
        assert not formulas.render("y").symbols
        assert [symbol.text for symbol in formulas.render("z").symbols] == ["z"]
        assert not formulas.render("x" * (katex.MAX_CHARACTERS + 1)).symbols


@pytest.mark.usefixtures("browser")
def test_worker_processes_render_too_and_verdicts_are_kept(tmp_path: Path, folder: Path) -> None:
    cache = tmp_path / "scores"
    tests = [{"id": "1", "math": "x + y"}, {"id": "2", "math": "y"}]
    first = score(tmp_path, tests, "$x+y$", folder, workers=2, cache=cache)
    assert first == {"1": True, "2": True}
    (folder / katex.SCRIPT).write_text(SCRIPT.replace("[...source", "[...`${Math.random()}`"))
    other = score(tmp_path, tests, "$x+y$", folder, workers=1, cache=cache)
    assert other == {"1": False, "2": False}, "another KaTeX: nothing that was kept holds"


def test_a_folder_without_katex_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"katex\.min\.js.*olmocr/bench/katex"):
        katex.find(tmp_path)


@pytest.mark.usefixtures("browser")
def test_a_script_that_is_not_katex_is_a_clear_line(folder: Path) -> None:
    (folder / katex.SCRIPT).write_text("// nothing")
    with pytest.raises(UsageError, match="renders nothing"):
        katex.find(folder)
    assert not katex._OPEN


@pytest.mark.usefixtures("browser")
def test_without_a_browser_that_starts_is_a_clear_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(UsageError, match="pip install playwright"):
        katex.find(folder)
