"""report.html in a real browser: opens at once whatever the journal, no network, no script, prints."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.outputs import report, report_cards
from ocr_engine.outputs.retry import Command
from ocr_engine.outputs.run_numbers import RunNumbers, collect
from ocr_engine.outputs.worst_block import WorstBlock
from ocr_engine.records import JournalRow, PageStatus
from tests.browser.conftest import Sheet
from tests.outputs.test_report import HOSTILE

COMMAND = Command("batch_pdf.py", "out", ("papers",))
PIXEL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "01" * 64
    + "ffc0000b080001000101011100ffc40014000100000000"
    "0000000000000000000000ffc4001410010000000000000000000000000000000000ffda0008010100003f0037ffd9"
)


def numbers(pages: int) -> RunNumbers:
    random.seed(1)

    def rows() -> Any:
        for n in range(pages):
            status = (
                PageStatus.FAILED if n % 50 == 7 else PageStatus.LOOPED if n % 70 == 3 else PageStatus.DONE
            )
            seconds = {"render": 0.01, "engine": random.lognormvariate(1, 0.5), "total": 4.0}
            extra = {
                "recall": n / pages,
                "mode": "gundam",
                "vision_tokens": 903,
                "text_tokens": n % 2000,
                "ended": 1e9 + n / 7,
            }
            reason = "" if status is PageStatus.DONE else f"because of {HOSTILE} number {n}"
            yield JournalRow(
                f"in/{n // 25}{HOSTILE}.pdf", n % 25 + 1, status, reason, "a.b", seconds=seconds, extra=extra
            )

    return collect(rows())


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    found = numbers(10_000)
    pictures = {(line.document, line.page): PIXEL for line in report.wanted_thumbnails(found)}
    block = WorstBlock(
        HOSTILE, f"the host {HOSTILE} " + "word " * 500, f"the most {HOSTILE}" + "x" * 900, PIXEL
    )
    worst = {(line.document, line.page): [block] * 3 for line in report_cards.wanted_blocks(found)}
    report.write(root, found, COMMAND, pictures, worst=worst)
    return root / report.NAME


def test_ten_thousand_pages_open_at_once(big: Path, sheet: Sheet) -> None:
    assert big.stat().st_size < 5_000_000
    started = time.perf_counter()
    page = sheet.open(big)
    assert page.locator("h1").is_visible()
    assert (
        time.perf_counter() - started < 20
    )  # 0.2 s on a quiet machine; a page that hangs is what this catches
    assert sheet.complaints == [] and sheet.outside == []


def test_it_shows_what_a_person_looks_for(big: Path, sheet: Sheet) -> None:
    page = sheet.open(big)
    assert page.locator(".tiles b").first.text_content() == "10,000"
    assert page.locator("svg").count() >= 4
    assert page.locator(".cards img").count() == report.MAX_THUMBNAILS
    assert "--retry failed,looped" in page.locator(".command").first.text_content()
    bars = page.locator("svg .bar")
    assert bars.count() > 10 and bars.first.bounding_box()["height"] >= 0.5
    assert page.locator(".unlike img").count() == 3 * report_cards.MAX_UNLIKE_PAGES
    assert page.locator(".unlike del").first.text_content() == "host"
    assert page.evaluate("document.title").startswith(big.parent.name)


@pytest.mark.parametrize("options", [{"viewport": {"width": 400, "height": 800}}, {"color_scheme": "dark"}])
def test_small_and_dark_screens(big: Path, chromium: Any, options: dict[str, Any]) -> None:
    sheet = Sheet(chromium, java_script_enabled=True, **options)
    page = sheet.open(big)
    assert sheet.width_fits()
    ink, paper = (
        page.locator("body").evaluate(f"e => getComputedStyle(e).{name}")
        for name in ("color", "backgroundColor")
    )
    dark = sum(map(int, paper[4:-1].split(","))) < sum(map(int, ink[4:-1].split(",")))
    assert dark is ("color_scheme" in options)
    sheet.context.close()


def test_it_prints(big: Path, sheet: Sheet) -> None:
    import pymupdf

    page = sheet.open(big)
    with pymupdf.open("pdf", page.pdf()) as pdf:
        assert 2 <= pdf.page_count < 60
        assert "10,000" in pdf[0].get_text()
