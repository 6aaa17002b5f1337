"""One image at a time on the terminal: pieces as they come, all kept when the user stops in the middle."""

import asyncio
import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr_engine.cli import terminal
from ocr_engine.cli.entries import batch_images
from ocr_engine.engine.base import EngineInfo, OnText
from ocr_engine.engine.replay import BUILT_IN_PAGE, ReplayEngine
from ocr_engine.engine.streamed import StreamedEngine
from ocr_engine.errors import ExitCode, RequestError
from ocr_engine.records import FinishReason, Generation, GenerationRequest, PageViews

VIEWS = PageViews(np.zeros((640, 640, 3), np.uint8), np.zeros((0, 640, 640, 3), np.uint8), (1, 1))
REQUEST = GenerationRequest("a/pages/0001", VIEWS, "<image>\nFree OCR.", 0, 0, 0)
REPLAY = ("--set", "engine.backend=replay", "--set", "render.workers=1")


class Heard:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def begin(self, request_id: str) -> None:
        self.events.append(f"begin {request_id}")

    def add(self, piece: str) -> None:
        self.events.append(piece)

    def end(self) -> None:
        self.events.append("end")


class Slow:
    """An engine that says two words, calls `then`, and never ends."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.then = then
        self.cancelled = False
        self.interval = 0

    def identify(self) -> EngineInfo:
        return ReplayEngine(None).identify()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        self.interval = request.stream_interval
        assert on_text is not None
        on_text("<|ref|>text<|/ref|><|det|>[[1, 2, 30, 40]]<|/det|>\none ")
        on_text("two")
        self.then()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError("not interrupted")


async def test_pieces_reach_the_audience_and_the_caller() -> None:
    heard, also = Heard(), list[str]()
    engine = StreamedEngine(ReplayEngine(None), heard)
    answer = await engine.generate(REQUEST, also.append)
    assert answer.text == BUILT_IN_PAGE and answer.finish_reason is FinishReason.STOP
    assert heard.events[0] == "begin a/pages/0001" and heard.events[-1] == "end"
    assert "".join(heard.events[1:-1]) == "".join(also) == BUILT_IN_PAGE and len(also) > 50
    assert engine.shown == ["a/pages/0001"]


async def test_an_interrupted_answer_keeps_its_text_so_far() -> None:
    heard = Heard()
    slow = Slow(lambda: None)
    engine = StreamedEngine(slow, heard)
    assert not engine.interrupt.__self__._reading
    slow.then = engine.interrupt
    answer = await engine.generate(REQUEST)
    assert answer.finish_reason is FinishReason.ABORT and answer.text.endswith("\none two")
    assert answer.vision_tokens == 111 and answer.output_tokens == 2
    assert slow.cancelled and slow.interval == 1 and heard.events[-1] == "end"
    with pytest.raises(RequestError, match="interrupted"):
        await engine.generate(REQUEST)


async def test_nothing_to_interrupt_is_said() -> None:
    assert StreamedEngine(ReplayEngine(None), Heard()).interrupt() is False


async def test_a_refused_request_and_a_cancelled_one_end_for_the_audience_too() -> None:
    heard = Heard()

    class Refusing(Slow):
        async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
            raise RequestError("no")

    with pytest.raises(RequestError, match="no"):
        await StreamedEngine(Refusing(lambda: None), heard).generate(REQUEST)
    assert heard.events == ["begin a/pages/0001", "end"]
    slow = Slow(lambda: None)
    task = asyncio.ensure_future(StreamedEngine(slow, heard).generate(REQUEST))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.cancelled and heard.events[-1] == "end"


def image(path: Path) -> Path:
    picture = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(picture).text((20, 20), "Some words on a page", fill="black")
    picture.save(path)
    return path


def test_ctrl_c_saves_what_was_read_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow(lambda: os.kill(os.getpid(), signal.SIGINT))
    monkeypatch.setattr("ocr_engine.cli.run.create_engine", lambda _: slow)
    images = [str(image(tmp_path / name)) for name in ("a.png", "b.png")]
    out = tmp_path / "out"
    assert batch_images([*images, "--stream", "--output", str(out), *REPLAY]) == ExitCode.INTERRUPTED
    shown = capsys.readouterr()
    assert shown.out.strip() == "one two" and "b.png" not in shown.out
    assert f"  {out / 'a/pages/0001.md'}" in shown.err
    assert "truncated: stopped by the user" in (out / "a/a.md").read_text()
    assert (out / "a/pages/0001.raw.md").read_text().endswith("one two") and not (out / "b").exists()
    rows = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert [(row["page"], row["status"]) for row in rows] == [(1, "truncated")]


def test_streaming_reads_again_and_lists_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = image(tmp_path / "a.png"), tmp_path / "out"
    for _ in range(2):
        assert batch_images([str(source), "--stream", "--output", str(out), *REPLAY]) == ExitCode.OK
        shown = capsys.readouterr()
        assert shown.out.startswith("# A page without a model\n\nThis text") and "<|ref|>" not in shown.out
        assert "\n\n\n" not in shown.out and shown.out.endswith("</center>\n\n")
        listed = [line.strip() for line in shown.err.splitlines() if line.startswith("  ")]
        names = ["a.md", "pages.jsonl", "pages/0001.md", "pages/0001.raw.md", "figures/0001-1.jpg"]
        assert listed == [str(out / "a" / name) for name in names]
    other = ("--output", str(tmp_path / "other"), "--set", "output.layout=page-folders")
    assert batch_images([str(source), "--stream", *other, *REPLAY]) == ExitCode.OK
    assert "/other/a/merged_output.md" in capsys.readouterr().err
    assert batch_images([str(source), "--stream", "--raw", "--output", str(out), *REPLAY]) == ExitCode.OK
    assert BUILT_IN_PAGE.strip() in capsys.readouterr().out


def test_a_page_that_was_found_is_drawn_and_its_places_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw/a/pages/0001.raw.md"
    raw.parent.mkdir(parents=True)
    raw.write_text("<|ref|>Total<|/ref|><|det|>[[0, 0, 500, 999], [10, 10, 20, 20]]<|/det|>")
    source, out = image(tmp_path / "a.png"), tmp_path / "out"
    args = [
        "--find",
        "Total",
        "--output",
        str(out),
        *REPLAY,
        "--set",
        f"engine.replay_from={tmp_path / 'raw'}",
    ]
    assert batch_images([str(source), *args]) == ExitCode.OK
    assert "'Total': 2 found: (0, 0)-(100, 100); (2, 1)-(4, 2)" in capsys.readouterr().err
    assert (out / "a/layout/0001.jpg").exists()
    raw.write_text("nothing")
    assert batch_images([str(source), *args, "--force"]) == ExitCode.OK
    assert "'Total': 0 found" in capsys.readouterr().err and not (out / "a/layout/0001.jpg").exists()


@pytest.mark.parametrize("text", ["", "\n", "one", "one\n\n\n\ntwo", "\n\none\n"])
def test_plain_text_ends_in_a_line_and_holds_one_blank_line_at_most(text: str) -> None:
    out = io.StringIO()
    view = terminal.PlainView(out, raw=False)
    for _ in range(2):
        view.begin("a/pages/0001")
        for character in text:
            view.add(character)
        view.end()
    assert "\n\n\n" not in out.getvalue() and not out.getvalue().startswith("\n")
    assert out.getvalue().count("one") == 2 * text.count("one")
    assert not out.getvalue() or out.getvalue().endswith("\n\n")


def test_what_would_steer_a_terminal_is_left_out() -> None:
    out = io.StringIO()
    view = terminal.PlainView(out, raw=True)
    view.begin("a/pages/0001")
    view.add("a\x1b[2J\x07b\u202ec\td\x00")
    view.end()
    assert out.getvalue() == "a[2Jbc\td\n\n"


def test_a_reader_that_goes_away_does_not_stop_the_page() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        view = terminal.PlainView(out, raw=True)
        view.begin("a/pages/0001")
        view.add("one")
        view.add("two")
        view.end()


def console(width: int = 60) -> "tuple[object, io.StringIO]":
    from rich.console import Console

    out = io.StringIO()
    return Console(file=out, width=width, height=20, force_terminal=True, color_system=None), out


def test_a_terminal_shows_finished_parts_rendered() -> None:
    screen, out = console()
    view = terminal.TerminalView(screen, raw=False)  # type: ignore[arg-type]
    view.begin("a[b]/pages/0001")
    for character in BUILT_IN_PAGE + "\nso \\(x_1\\) is\n\n```\n<b>\n\ncode\n```\n\n\x1b[31mend":
        view.add(character)
    view.end()
    shown = out.getvalue()
    assert "a[b] page 0001" in shown and "│ Block  │ Count │" in shown
    assert "\\(x_1\\)" in shown and "<|ref|>" not in shown and "[31mend" in shown and "\x1b[31m" not in shown
    view.end()


def test_a_terminal_shows_raw_text_as_it_is() -> None:
    screen, out = console(200)
    view = terminal.TerminalView(screen, raw=True)  # type: ignore[arg-type]
    view.begin("a/pages/0001")
    view.add("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n*one*\n\n[bold]two")
    view.end()
    assert "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>" in out.getvalue()
    assert "*one*" in out.getvalue() and "[bold]two" in out.getvalue()


def test_tables_that_markdown_cannot_show_are_shown() -> None:
    screen, out = console()
    spans = '<table><tr><td colspan="2">wide</td></tr><tr><td>1</td><td>2</td></tr></table>'
    nested = "<table><tr><td><ul><li>item</li></ul></td></tr></table>"
    screen.print(terminal.render(spans))  # type: ignore[attr-defined]
    screen.print(terminal.render(nested))  # type: ignore[attr-defined]
    assert "│ wide │   │" in out.getvalue() and "<li>item</li>" in out.getvalue()


def test_only_whole_parts_are_rendered() -> None:
    assert terminal._complete("one\n\ntwo") == ("one\n\n", "two")
    assert terminal._complete("<table>\n\n<tr>") == ("", "<table>\n\n<tr>")
    assert terminal._complete("a\n\n```\ncode\n\nmore") == ("a\n\n", "```\ncode\n\nmore")
    assert terminal._complete("a") == ("", "a")


def test_a_pipe_is_plain_and_a_terminal_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(terminal.open_view(raw=False), terminal.PlainView)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert isinstance(terminal.open_view(raw=False), terminal.TerminalView)
