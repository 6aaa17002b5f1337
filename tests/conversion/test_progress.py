"""The progress line: pages, rates and what went wrong; pages that need nothing are no work done."""

import io

import pytest

from ocr_engine.conversion import progress as progress_module
from ocr_engine.conversion.progress import Progress
from ocr_engine.records import PageStatus


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_rates_count_only_pages_that_were_read(clock: list[float]) -> None:
    with Progress(quiet=True) as progress:
        progress.add_total(1010)
        for _ in range(1000):
            progress.page_unchanged()
        for _ in range(8):
            progress.page_ended(PageStatus.DONE, 50)
        clock[0] += 4
        assert progress.pages_per_s == 2.0 and progress.tokens_per_s == 100.0
        assert progress.elapsed_s == 4.0 and progress.unchanged == 1000


def test_a_log_gets_a_line_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.add_total(2000)
        for _ in range(1000):
            progress.page_unchanged()
        progress.page_ended(PageStatus.DONE, 500)
        assert capsys.readouterr().err == ""
        clock[0] += 50
        progress.page_ended(PageStatus.FAILED, 0)
        line = "pages 1,002/2,000  0.0 p/s  10 tok/s  failed 1  eta 6:55:50\n"
        assert capsys.readouterr().err == line
        progress.page_ended(PageStatus.DONE, 0)
        assert capsys.readouterr().err == "", "not before another 30 s"


def test_a_terminal_gets_a_bar_with_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress() as progress:
        progress.add_total(1002)
        for _ in range(1000):
            progress.page_unchanged()
        for status in (PageStatus.TRUNCATED, PageStatus.LOOPED):
            progress.page_ended(status, 10)
        assert progress._bar.n == 1002 and progress._bar.format_dict["initial"] == 1000
        progress._bar.refresh()
    shown = terminal.getvalue()
    assert "1002/1002" in shown and "tok/s" in shown and "truncated 1" in shown and "looped 1" in shown


def test_quiet_is_quiet(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True) as progress:
        progress.add_total(1)
        clock[0] += 100
        progress.page_ended(PageStatus.DONE, 1)
    assert capsys.readouterr().err == ""
