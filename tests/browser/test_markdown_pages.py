"""Markdown of attacking pages, as common renderers render it, in a real browser: nothing runs or loads."""

from pathlib import Path
from typing import Any

from fixtures import acting
from ocr_engine.text.clean import clean
from tests.browser.conftest import Sheet
from tests.text.routes import IN_CODE, IN_PICTURES, IN_TAGS, ROUTES

FRAME = "<!doctype html><meta charset=utf-8><title>quiet</title><body>{}"
CLICK = """for (const e of document.querySelectorAll("body *")) {
    e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
    if (e.href === undefined || !/^https?:/.test(e.href)) e.click();
}"""
"""What a reader may do: point at everything, click on everything that leads to no other site."""


def show(sheet: Sheet, path: Path, rendered: str) -> Any:
    path.write_text(FRAME.format(rendered))
    page = sheet.open(path)
    page.evaluate(CLICK)
    page.wait_for_timeout(20)
    return page


def test_no_way_out_works_in_the_browser(sheet: Sheet, tmp_path: Path) -> None:
    # Most renderers agree on most of them: each HTML is shown once.
    shown = {
        acting.renderer(name)(clean(answer)): route
        for name in acting.NAMES
        for route, answer in ROUTES.items()
    }
    for number, (rendered, route) in enumerate(shown.items()):
        page = show(sheet, tmp_path / f"{number}.html", rendered)
        assert page.title() == "quiet" and page.url.endswith(f"/{number}.html"), route
        assert sheet.outside == [] and sheet.complaints == [], route


def test_the_browser_does_act_where_nothing_is_cleaned(sheet: Sheet, tmp_path: Path) -> None:
    acted = 0
    for number, answer in enumerate((IN_CODE | IN_TAGS | IN_PICTURES).values()):
        page = show(sheet, tmp_path / f"{number}.html", acting.renderer("commonmark")(answer))
        acted += page.title() != "quiet"
    assert acted >= 5 and sheet.outside
