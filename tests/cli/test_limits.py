"""A run that watches itself: limits that end it, metrics over HTTP, a command and a webhook at its end."""

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.config import Config, LimitsConfig, WatchConfig, as_dict
from ocr_engine.conversion.limits import pages_used_up, used_up
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf, tree


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pdf(tmp_path_factory.mktemp("in") / "paper.pdf", 12)


@pytest.fixture(scope="module")
def calm(paper: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run without limits."""
    out = tmp_path_factory.mktemp("calm")
    assert run_pdf(paper, "--output", out) == ExitCode.OK
    return tree(out)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (LimitsConfig(failed_share=0.2, failed_after=10), "3 of 10 pages failed"),
        (LimitsConfig(failed_share=0.2, failed_after=11), ""),
        (LimitsConfig(failed_share=0.3, failed_after=1), ""),
        (LimitsConfig(hours=1.0), "limits.hours (1)"),
        (LimitsConfig(hours=1.1), ""),
        (LimitsConfig(tokens=500), "limits.tokens (500)"),
        (LimitsConfig(tokens=501), ""),
        (LimitsConfig(), ""),
    ],
)
def test_each_limit_is_named_when_it_is_reached(limits: LimitsConfig, word: str) -> None:
    found = used_up(limits, pages=10, failed=3, tokens=500, seconds=3600.0)
    assert word in found if word else not found


def test_no_page_is_begun_beyond_the_number() -> None:
    assert not pages_used_up(LimitsConfig(pages=5), 4) and pages_used_up(LimitsConfig(pages=5), 5)


@pytest.mark.parametrize("key", ["pages=5", "hours=0.00000001"])
def test_a_run_at_its_limit_ends_in_order_and_goes_on(
    paper: Path, calm: dict[str, bytes], tmp_path: Path, key: str
) -> None:
    out = tmp_path / "out"
    few = ("--set", "engine.in_flight=1", "--set", f"limits.{key}")
    assert run_pdf(paper, "--output", out, *few) == ExitCode.LIMIT
    done = len(rows(out))
    assert done == 5 if key.startswith("pages") else done < 12
    stopped = json.loads((out / "run.json").read_text())["stopped_by"]
    assert stopped and stopped in (out / "report.html").read_text()
    assert run_pdf(paper, "--output", out) == ExitCode.OK
    assert tree(out) == calm and len(rows(out)) == 12


def test_too_many_failures_end_the_run(paper: Path, tmp_path: Path) -> None:
    keys = ("engine.replay_from=" + str(tmp_path), "limits.failed_share=0.5", "limits.failed_after=3")
    options = [word for key in (*keys, "engine.in_flight=1") for word in ("--set", key)]
    assert run_pdf(paper, "--output", tmp_path / "out", *options) == ExitCode.LIMIT
    assert len(rows(tmp_path / "out")) == 3


def test_metrics_are_there_while_the_run_lasts(
    paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text: list[str] = []
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
        port = free.server_port
    generate = ReplayEngine.generate

    async def looked_at(self: ReplayEngine, *args: Any) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            text.append(response.read().decode())
        return await generate(self, *args)

    monkeypatch.setattr(ReplayEngine, "generate", looked_at)
    keys = ("--set", f"watch.metrics_port={port}", "--set", "engine.in_flight=1")
    assert run_pdf(paper, "--output", tmp_path / "out", *keys) == ExitCode.OK
    assert 'deepseek_ocr_pages_total{status="done"} 11.0' in text[-1]
    assert 'deepseek_ocr_queue{of="pages"} 1.0' in text[-1]
    assert 'deepseek_ocr_stage_seconds_total{stage="render"}' in text[-1]
    assert "deepseek_ocr_output_tokens_total" in text[-1] and "deepseek_ocr_pages_known 12.0" in text[-1]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_a_port_that_is_taken_is_one_line(
    paper: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        keys = ("--set", f"watch.metrics_port={taken.server_port}")
        assert run_pdf(paper, "--output", tmp_path / "out", *keys) == ExitCode.USAGE
    assert "watch.metrics_port" in capfd.readouterr().err


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is sent; redirects where it is asked to."""

    heard: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.path, data))
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.heard = []
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_end_is_told_to_a_command_and_a_webhook(paper: Path, tmp_path: Path, hook: str) -> None:
    copy = f"import sys; open({str(tmp_path / 'told')!r}, 'w').write(sys.stdin.read())"
    keys = (
        "--set", f"watch.webhook={hook}/key-of-mine", "--set", "limits.pages=4",
        "--set", f"watch.command={json.dumps([sys.executable, '-c', copy])}",
    )  # fmt: skip
    out = tmp_path / "out"
    assert run_pdf(paper, "--output", out, *keys) == ExitCode.LIMIT
    ((path, heard),) = Hook.heard
    assert path == "/key-of-mine" and heard == json.loads((tmp_path / "told").read_text())
    assert (heard["exit_code"], heard["counts"]["done"], heard["output"]) == (6, 4, str(out))
    assert "limits.pages" in heard["stopped_by"]
    for file in out.glob("*.*"):
        assert b"key-of-mine" not in file.read_bytes(), file


def test_a_run_that_never_began_is_told_too_and_redirects_are_not_followed(
    paper: Path, tmp_path: Path, hook: str, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = ("--set", f"watch.webhook={hook}/away", "--set", "engine.replay_from=/nowhere")
    assert run_pdf(paper, "--output", tmp_path / "out", *keys) == ExitCode.ENGINE
    assert [path for path, _ in Hook.heard] == ["/away"] and Hook.heard[0][1]["exit_code"] == 4
    assert f"{hook}/away" not in capfd.readouterr().err


def test_what_fails_at_the_end_fails_no_run(paper: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    keys = ("--set", "watch.webhook=http://127.0.0.1:9/", "--set", "watch.command=[no-such-program]")
    assert run_pdf(paper, "--output", tmp_path / "out", "--pages", "1", *keys) == ExitCode.OK
    assert time.monotonic() - started < 60


def test_the_webhook_is_written_nowhere() -> None:
    assert as_dict(Config(watch=WatchConfig(webhook="https://h/k")))["watch"]["webhook"] == "(set)"
