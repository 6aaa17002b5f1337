"""Review pages in a real browser, from disk: boxes and text, stepping, filters; nothing of a page acts."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.errors import ExitCode
from tests import realistic
from tests.browser.conftest import Sheet
from tests.conversion.test_pipeline import REPLAY, ROOT

HOSTILE = realistic.PAGES.index(realistic.HOSTILE) + 1
PAPER, TABLE, BROKEN = 1, 2, 4
NO_HANDLERS = """[...document.querySelectorAll("*")].every(
    (e) => ![...e.attributes].some((a) => a.name.startsWith("on")))"""
SELECTED = "rgb(219, 231, 240)"


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The review folder of the realistic document; its third page has no stored text and fails."""
    root = tmp_path_factory.mktemp("review")
    path, stored = realistic.make(root)
    (stored / "survey/pages/0003.raw.md").unlink()
    keys = [word for key in ("review", "html") for word in ("--set", f"output.{key}=true")]
    words = ["--output", root / "out", "--set", f"engine.replay_from={stored}", *keys, *REPLAY]
    # In a process of its own: the browser's event loop is in this one.
    run = subprocess.run([sys.executable, ROOT / "batch_pdf.py", path, *words], check=False)
    assert run.returncode == ExitCode.PAGES_FAILED
    return root / "out/survey/review"


@pytest.fixture
def shown(review: Path, sheet: Sheet) -> Callable[..., Any]:
    def show(number: int, search: str = "") -> Any:
        return sheet.open(review / f"{number:04d}.html", search)

    return show


def test_a_box_is_where_its_block_is_on_the_picture(shown: Callable[..., Any], sheet: Sheet) -> None:
    page = shown(PAPER)
    picture = page.locator(".sheet img").bounding_box()
    assert page.evaluate("document.querySelector('.sheet img').naturalWidth") == 1190
    x1, y1, x2, y2 = 200, 360, 800, 640
    box = page.locator("#box-4 rect").bounding_box()
    assert box["x"] == pytest.approx(picture["x"] + picture["width"] * x1 / 999, abs=3)
    assert box["y"] == pytest.approx(picture["y"] + picture["height"] * y1 / 999, abs=3)
    assert box["width"] == pytest.approx(picture["width"] * (x2 - x1) / 999, abs=4)
    assert box["height"] == pytest.approx(picture["height"] * (y2 - y1) / 999, abs=4)
    assert sheet.complaints == [] and sheet.outside == []


def test_a_click_on_a_box_shows_its_text_and_the_other_way_round(shown: Callable[..., Any]) -> None:
    page = shown(PAPER)
    page.locator("#box-3 rect").click()
    assert page.locator("#block-3").evaluate("e => getComputedStyle(e).backgroundColor") == SELECTED
    assert page.locator(".block.here").count() == 1
    page.locator("#block-0 h1").click()
    assert "here" in page.locator("#box-0").get_attribute("class")
    assert page.locator(".here").count() == 2
    page.keyboard.press("Escape")
    assert page.locator(".here").count() == 0


def test_a_click_shows_both_texts_of_a_block_unlike_the_page(
    shown: Callable[..., Any], review: Path, sheet: Sheet
) -> None:
    texts = {int(path.stem): path.read_text() for path in review.glob("0*.html")}
    number = next(number for number, text in texts.items() if "<mark>differs</mark>" in text)
    details = shown(number).locator("details.changes", has_text="differs").first
    assert not details.locator(".both").is_visible()
    details.locator("summary").click()
    assert details.locator(".both p").count() == 2 and details.locator(".both").is_visible()
    assert sheet.width_fits() and sheet.complaints == []


def test_it_works_without_scripts(review: Path, chromium: Any) -> None:
    sheet = Sheet(chromium, java_script_enabled=False)
    page = sheet.open(review / "0001.html")
    page.locator("#box-3 rect").click()
    assert page.url.endswith("#block-3")
    page.locator("#next").click()
    assert page.url.endswith("0002.html")
    page.locator(".doc").click()
    page.locator("#only-failed").check(force=True)
    assert page.locator(".list li:visible").count() == 1
    sheet.context.close()


def test_stepping_with_keys_and_by_status(shown: Callable[..., Any]) -> None:
    page = shown(PAPER)
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/0002.html")
    page.locator("#only").select_option("done")
    page.locator("#next").click()
    page.wait_for_url("**/0004.html?only=done")  # page 3 failed
    assert page.locator("#only").input_value() == "done"
    page.locator("#previous").click()
    page.wait_for_url("**/0002.html?only=done")


def test_the_list_of_pages_filters_and_passes_the_filter_on(review: Path, sheet: Sheet) -> None:
    page = sheet.open(review / "index.html")
    assert page.locator(".list li:visible").count() == 5
    page.locator("label", has_text="failed").click()
    assert page.locator(".list li:visible").count() == 1
    page.locator(".list li:visible a").click()
    page.wait_for_url("**/0003.html?only=failed")
    assert page.locator(".note").text_content().count("no raw text of this page")
    assert page.locator("#next").get_attribute("aria-disabled") == "true"
    assert sheet.complaints == []


def test_tables_and_formulas_are_rendered(shown: Callable[..., Any], sheet: Sheet) -> None:
    page = shown(TABLE)
    assert page.locator("td[rowspan='2']").count() == 2 and page.locator("td[colspan='2']").count() == 1
    assert page.locator("td math").count() == 4
    height = page.locator("td math").first.bounding_box()["height"]
    assert height > 5  # MathML is laid out, not a box of zero size
    assert page.locator("pre").text_content().startswith("def estimate")
    assert page.locator("ol li").count() == 3
    assert sheet.complaints == []


def test_a_hostile_page_does_not_act(shown: Callable[..., Any], sheet: Sheet, review: Path) -> None:
    for page in (shown(HOSTILE), shown(BROKEN), sheet.open(review.parent / "survey.html")):
        page.wait_for_timeout(300)
        assert "hacked" not in page.title()
        assert page.locator("script").count() <= 1 and page.locator("iframe, object, embed").count() == 0
        assert page.evaluate(NO_HANDLERS)
    assert sheet.outside == [] and sheet.complaints == []


def test_the_policy_stops_what_would_get_through(review: Path, sheet: Sheet, tmp_path: Path) -> None:
    text = (review / "0001.html").read_text()
    evil = (
        "<script>document.title='hacked'</script><b style='color:red'>"
        "<img src='x:y' onerror=\"document.title='hacked'\">"
    )
    (tmp_path / "0001.html").write_text(text.replace('<div class="text">', f'<div class="text">{evil}'))
    page = sheet.open(tmp_path / "0001.html")
    page.wait_for_timeout(300)
    assert page.title() == "survey, page 1"
    assert any("Content Security Policy" in complaint for complaint in sheet.complaints)


@pytest.mark.parametrize("options", [{"viewport": {"width": 400, "height": 800}}, {"color_scheme": "dark"}])
def test_small_and_dark_screens(review: Path, chromium: Any, options: dict[str, Any]) -> None:
    sheet = Sheet(chromium, **options)
    for name in ("0001.html", "0002.html", "index.html", "../survey.html"):
        sheet.open(review / name)
        assert sheet.width_fits(), name
    assert sheet.complaints == []
    sheet.context.close()
