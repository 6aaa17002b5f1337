"""The end of a run: its report, with pictures of the pages that are still what was read."""

import re
import shlex
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from ocr_engine.cli.entries import batch_pdf
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import SAMPLES, make_pdf, run_pdf


def pictures(output: Path) -> int:
    return len(re.findall('"><img src="data:image/jpeg;base64,', (output / "report.html").read_text()))


def test_a_run_ends_with_a_report(tmp_path: Path) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    html = (tmp_path / "report.html").read_text()
    assert "<b>5</b><span>pages</span>" in html and "every page was read completely" in html
    assert pictures(tmp_path) == 10, "each among the slowest, and among those unlike their own text"


def test_the_report_links_to_the_review_pages(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in/100% of it.pdf", 1)
    assert run_pdf(source, "--output", tmp_path / "out", "--set", "output.review=true") == ExitCode.OK
    (link,) = re.findall(r'<a class="frame[^"]*" href="([^"]+)"', (tmp_path / "out/report.html").read_text())
    assert link == "100%25%20of%20it/review/0001.html"
    assert (tmp_path / "out" / unquote(link)).is_file()


def test_the_report_can_be_left_out(tmp_path: Path) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path, "--set", "output.report=false") == ExitCode.OK
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_is_another_now_gets_no_picture(tmp_path: Path) -> None:
    first, second = make_pdf(tmp_path / "in/a.pdf", 1), make_pdf(tmp_path / "in/b.pdf", 2)
    out = tmp_path / "out"
    assert run_pdf(tmp_path / "in", "--output", out) == ExitCode.OK
    assert pictures(out) == 3
    make_pdf(first, 1, "something else")
    assert run_pdf(second, "--output", out) == ExitCode.OK
    assert pictures(out) == 2
    second.unlink()
    assert run_pdf(first, "--output", out) == ExitCode.OK
    assert pictures(out) == 1


def test_a_retry_reads_nothing_else_and_tells_no_secret(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_pdf(SAMPLES, "--output", first) == ExitCode.OK
    (first / "handbook/pages/0002.raw.md").unlink()
    secret = ("--set", "input.password=hunter2", "--mode", "base", "--pages", "-4")
    replay = ("--set", f"engine.replay_from={first}")
    assert run_pdf(SAMPLES, "--output", second, *secret, *replay) == ExitCode.PAGES_FAILED
    html = unescape((second / "report.html").read_text())
    for text in (html, (second / "failures.csv").read_text()):
        assert "hunter2" not in text and "input.password=PASSWORD" in text and "--mode=base" in text
    (command,) = re.findall(r'<code class="command">(.*?)</code>', html)
    (first / "handbook/pages/0002.raw.md").write_text("found again")
    words = shlex.split(command)
    assert words[:2] == ["python", "batch_pdf.py"] and "--pages=-4" in words
    assert batch_pdf(words[2:]) == ExitCode.OK
    assert [path.name for path in sorted((second / "handbook/pages").glob("*.md"))] == [
        "0002.md",
        "0002.raw.md",
    ]


def test_failed_pages_are_in_the_report_with_their_command(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_pdf(SAMPLES, "--output", first) == ExitCode.OK
    (first / "handbook/pages/0003.raw.md").unlink()
    source = f"engine.replay_from={first}"
    assert run_pdf(SAMPLES, "--output", second, "--set", source) == ExitCode.PAGES_FAILED
    html = (second / "report.html").read_text()
    assert "--retry failed" in html and source in html
    assert source in (second / "failures.csv").read_text()
