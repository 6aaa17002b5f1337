"""The likely mistakes of a new user that no other test tries: each gives one line, with what to do."""

from pathlib import Path

import pytest

from ocr_engine.cli.arguments import IMAGES, PDF, load_config, parser
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.config import parse_override
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.errors import ExitCode, OutputError, UsageError
from ocr_engine.outputs.files import output_errors
from ocr_engine.pages.sources import Refused, find
from ocr_engine.records import DocumentKind
from tests.conversion.test_pipeline import make_pdf

REPLAY = ("--set", "engine.backend=replay", "--set", "render.workers=1")


def said(capsys: pytest.CaptureFixture[str], *args: str, code: int) -> str:
    """What a run with these arguments says on stderr; one line where it is refused at once."""
    assert batch_pdf([*args, *REPLAY]) == code
    text = capsys.readouterr().err
    assert "Traceback" not in text and (code != ExitCode.USAGE or text.count("\n") == 1)
    return text


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("model=nano", "engine.model"),
        ("pages=3", "input.pages"),
        ("password=x", "input.password"),
        ("outputs=x", "output"),
        ("engine.modle=nano", "engine.model"),
    ],
)
def test_a_misplaced_or_misspelt_key_is_recognised(setting: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown key \(did you mean {meant}\?\)"):
        load_config(parser(PDF).parse_args(["samples", "--set", setting]))


@pytest.mark.parametrize(("option", "meant"), [("--ouput", "--output"), ("--moed", "--mode")])
def test_a_misspelt_option_is_recognised(option: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(IMAGES).parse_args(["samples", option, "x"])
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_a_wrong_type_says_what_is_expected() -> None:
    assert parse_override("render.dpi=high") == ("render.dpi", "high")
    with pytest.raises(UsageError, match="render.dpi: expected a whole number, got text"):
        load_config(parser(PDF).parse_args(["samples", "--set", "render.dpi=high"]))


@pytest.mark.parametrize(
    ("model", "meant"),
    [("DeepSeek-OCR", "deepseek-ai/DeepSeek-OCR"), ("unlimited-ocr", "baidu/Unlimited-OCR")],
)
def test_a_model_without_its_owner_is_recognised(model: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"no such folder \(did you mean {meant}\?\)"):
        resolve(model, "", download=False)


def test_a_file_in_the_place_of_the_output_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    text = said(
        capsys, str(make_pdf(tmp_path / "a.pdf", 1)), "--output", str(tmp_path / "out"), code=ExitCode.USAGE
    )
    assert "a file stands where a folder is needed; choose another folder with --output" in text


def test_an_unknown_fault_of_the_output_folder_says_what_to_do(tmp_path: Path) -> None:
    words = "No such device; choose another folder with --output"
    with pytest.raises(OutputError, match=words), output_errors(tmp_path):
        raise OSError(19, "No such device")


def test_an_empty_folder_says_what_was_looked_for_in_order(tmp_path: Path) -> None:
    (refused,) = find([str(tmp_path)], {DocumentKind.OFFICE, DocumentKind.PDF}, None)
    assert isinstance(refused, Refused) and refused.reason.startswith(
        "nothing to read there (looked for .doc"
    )
    assert refused.reason.index(".docx") < refused.reason.index(".pdf")


def test_a_page_that_is_not_there_says_how_many_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 2)
    text = said(capsys, str(pdf), "--pages", "9", "--output", str(tmp_path / "out"), code=ExitCode.NO_INPUT)
    assert "page range '9': no such page; the document has 2" in text


def test_a_store_whose_package_is_missing_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    def missing(*_: object, **__: object) -> None:
        raise ImportError

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    text = said(capsys, "gs://bucket/x", "--output", str(tmp_path / "out"), code=ExitCode.NO_INPUT)
    assert "gs://bucket/x: needs a package that is not installed: pip install gcsfs" in text
    assert "gs://bucket/x: gs://" not in text


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = str(make_pdf(tmp_path / "a.pdf", 1))
        assert (
            batch_pdf([made, "--output", str(tmp_path / "o"), "--set", f"watch.metrics_port={port}", *REPLAY])
            == ExitCode.USAGE
        )
    assert f"127.0.0.1:{port}: Address already in use; choose another port" in capsys.readouterr().err
