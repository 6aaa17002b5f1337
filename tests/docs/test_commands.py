"""What the documentation tells people to type exists, and runs."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ocr_engine.__main__ import SUBCOMMANDS, main
from ocr_engine.cli.arguments import IMAGES, PDF, load_config, parser
from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import REPLAY, make_pdf
from tests.docs.commands import PAGES, ROOT, Shown, shown

ALL = [command for page in PAGES for command in shown(page)]
ENTRIES = {"pdf": (PDF, batch_pdf), "images": (IMAGES, batch_images)}
NOT_HERE = ("s3://", "cluster.backend=ray", "engine.backend=server", "engine.lora=", "engine.backend=replay")
"""Commands that need a store, a cluster, servers or an adapter: their arguments are tried, and no more."""
TO_RUN = [
    command
    for command in ALL
    if command.name in ENTRIES
    and (command.page.stem == "tutorial" or command.page.stem == "recipes" and "output." in str(command))
    and not any(word in " ".join(command.arguments) for word in NOT_HERE)
]


def test_commands_are_found() -> None:
    assert len(ALL) > 50
    assert len(TO_RUN) > 10


@pytest.mark.parametrize("command", ALL, ids=str)
def test_what_is_shown_exists(command: Shown) -> None:
    if command.name in ENTRIES:
        load_config(parser(ENTRIES[command.name][0]).parse_args(list(command.arguments)))
    elif command.name.endswith((".sh", ".py")):
        assert (ROOT / command.name).is_file()
    elif "." in command.name and not command.name.startswith(("vllm.", "venv")):
        source = importlib.util.find_spec(command.name)
        assert source is not None, command.name
        text = Path(str(source.origin)).read_text(encoding="utf-8")
        for option in (word.partition("=")[0] for word in command.arguments if word.startswith("--")):
            assert f'"{option}"' in text or "parser" in text and option == "--set", (
                f"{command.name} has no {option}"
            )
    elif command.name not in ("venv", "vllm.entrypoints.openai.api_server", "pip"):
        assert command.name in SUBCOMMANDS, command.name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files under the names that the documentation gives to people's own."""
    where = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "samples", where / "samples")
    shutil.copy(ROOT / "config.yaml", where)
    for name in ("papers", "reports", "scans", "newspapers", "slides", "mixed"):
        make_pdf(where / name / "a.pdf", 1, "A page of the documentation's own tests")
    (where / "photos").mkdir()
    for image in ("bill.png", "chart.png", "photos/note.png"):
        shutil.copy(ROOT / "samples/images/note.png", where / image)
    return where


@pytest.mark.parametrize("command", TO_RUN, ids=str)
def test_what_is_shown_runs(command: Shown, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run: Callable[[list[str]], int] = ENTRIES[command.name][1]
    replay = ["--set", "engine.backend=replay", "--set", "render.workers=1"]
    assert run([*command.arguments, *replay]) == ExitCode.OK


def test_the_planner_and_the_config_of_the_readme(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["plan", "papers/"]) == ExitCode.OK
    assert "pages/s on 1 H200" in capsys.readouterr().out


def test_what_scale_shows_runs_on_one_machine_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs, drivers by claim and by shard, merges and plans; what needs other machines is parsed above."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    shutil.copy(ROOT / "config.yaml", tmp_path)
    make_pdf(tmp_path / "papers/a.pdf", 2, "A page of the documentation's own tests")
    monkeypatch.chdir(tmp_path)
    here = [*REPLAY[2:], "--set", "watch.metrics_port=0"]
    ran = [command for command in ALL if command.page.stem == "scale" and _runs_here(command)]
    for command in ran:
        more = [] if command.name == "plan" else here
        assert main([command.name, *command.arguments, *more]) == ExitCode.OK, command
    names = [command.name for command in ran]
    assert (names.count("pdf"), names.count("merge"), names.count("plan")) == (5, 1, 2)
    assert "with drivers.claim; with drivers.shard" in capsys.readouterr().out
    assert (
        len(list((tmp_path / "out/.drivers/runs").iterdir())) == 2 and (tmp_path / "out/report.html").exists()
    )


def _runs_here(command: Shown) -> bool:
    words = " ".join(command.arguments)
    elsewhere = any(word in words for word in (*NOT_HERE, "/shared", "--scale"))
    return command.name in ("pdf", "merge", "plan") and not elsewhere
