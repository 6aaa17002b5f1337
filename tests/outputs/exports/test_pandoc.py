"""DOCX, EPUB and LaTeX of a finished document, read back by pandoc; what a page says is no command."""

import dataclasses
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports import pandoc
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import PageRecord, PageStatus

pypandoc = pytest.importorskip("pypandoc", reason="needs pypandoc-binary")
MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
TEXT = (
    "# Ü 漢 Title\n\nWords \\( a^2 + \\frac{1}{b} \\) end.\n\n"
    '<table><tr><td rowspan="2">A</td><td>B</td></tr><tr><td>=1+1</td></tr></table>\n\n'
    "![](../figures/0001-1.jpg)\n\n## Part\n\n1. one\n2. two\n"
)
WRITERS = {"docx": pandoc.write_docx, "epub": pandoc.write_epub, "latex": pandoc.write_latex}


def read_back(path: Path, form: str) -> str:
    command = [pypandoc.get_pandoc_path(), f"--from={form}", "--to=plain", "--wrap=none", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def book(finished: Finished, record: MakeRecord) -> SourceDocument:
    failed = record(2, PageStatus.FAILED, "no \\input{/etc/passwd} <b>", blocks=(), geometry=None)
    document = finished([(record(1), TEXT), (failed, "")])
    (document.path / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), "red").save(document.path / "figures/0001-1.jpg")
    return document


@pytest.mark.parametrize("form", WRITERS)
def test_other_programs_read_it(tmp_path: Path, book: SourceDocument, form: str) -> None:
    made = tmp_path / f"made.{form}"
    WRITERS[form](book, made)
    text = read_back(made, form)
    for words in ("Ü 漢 Title", "Part", "two", "=1+1", "page 2: failed: no"):
        assert words in text, text


def test_formulas_and_figures_are_in_the_word_file(tmp_path: Path, book: SourceDocument) -> None:
    pandoc.write_docx(book, tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as file:
        body = file.read("word/document.xml").decode()
        assert [name for name in file.namelist() if name.startswith("word/media/")]
    assert "<m:f>" in body and 'w:val="Heading1"' in body and "w:vMerge" in body


def test_paths_may_be_relative(tmp_path: Path, book: SourceDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(book.root)
    pandoc.write_docx(dataclasses.replace(book, root=Path()), Path("a.docx"))
    with zipfile.ZipFile("a.docx") as file:
        assert [name for name in file.namelist() if name.startswith("word/media/")], "figures were not found"


def test_equal_documents_give_equal_files(tmp_path: Path, book: SourceDocument) -> None:
    for name in ("a", "b"):
        pandoc.write_epub(book, tmp_path / f"{name}.epub")
    assert (tmp_path / "a.epub").read_bytes() == (tmp_path / "b.epub").read_bytes()


HOSTILE = (
    r"\input{/etc/passwd} $\input{/etc/passwd}$ \(\input{/etc/passwd}\) \[\write18{id}\]",
    "```{=latex}\n\\input{/etc/passwd}\n```",
    "```\n\\end{verbatim}\\end{Verbatim}\n\\input{/etc/passwd}\n```",
    "<pre>\\end{verbatim}\\input{/etc/passwd}</pre>",
    "`\\input{/etc/passwd}`{=latex}",
    "<script>alert(1)</script><p onclick='x()'>p</p>",
    "![](../../../../etc/passwd) ![](http://a.example/x.png) ![](file:///etc/passwd)",
    "[l](javascript:alert(1))",
    "---\nheader-includes: \\input{/etc/passwd}\n---",
    r"\(\href{javascript:x}{y} \def\a{\a\a}\a\)",
)


@pytest.mark.parametrize("form", WRITERS)
def test_what_a_page_says_is_no_command(
    tmp_path: Path, finished: Finished, record: MakeRecord, form: str
) -> None:
    made = tmp_path / f"made.{form}"
    WRITERS[form](finished([(record(n), text) for n, text in enumerate(HOSTILE, start=1)]), made)
    if form == "latex":
        body = made.read_text(encoding="utf-8").partition(r"\begin{document}")[2]
        assert not re.search(r"(?<!\\)(?<!textbackslash )\\(input|write18|href\{javascript|def)\b", body), (
            body
        )
    else:
        with zipfile.ZipFile(made) as file:
            parts = b"".join(file.read(name) for name in file.namelist())
        assert b"root:x:" not in parts and b'"javascript:' not in parts and b"<script" not in parts
        assert b'Target="http' not in parts and b'src="http' not in parts


def script(path: Path, lines: str) -> Callable[[], str]:
    """What stands in for pandoc: a program that does this."""
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return lambda: str(path)


def test_one_that_takes_too_long_is_ended(
    tmp_path: Path, book: SourceDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pandoc, "_pandoc", script(tmp_path / "slow", "sleep 60"))
    monkeypatch.setattr(pandoc, "TIMEOUT_S", 0.3)
    with pytest.raises(OutputError, match="took longer than"):
        pandoc.write_docx(book, tmp_path / "a.docx")
    assert not (tmp_path / "a.docx").exists()


def test_its_absence_and_its_errors_are_one_line(
    tmp_path: Path, book: SourceDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pandoc, "_pandoc", script(tmp_path / "broken", "echo no >&2\necho heap >&2\nexit 251")
    )
    with pytest.raises(OutputError, match="pandoc failed: no heap"):
        pandoc.write_latex(book, tmp_path / "a.tex")

    def missing() -> str:
        raise OSError("No pandoc was found")

    monkeypatch.setattr(pandoc, "_pandoc", missing)
    for require, key in (
        (pandoc.require_docx, "docx"),
        (pandoc.require_epub, "epub"),
        (pandoc.require_latex, "latex"),
    ):
        with pytest.raises(
            OutputError, match=f"output.{key}: pandoc is not installed; pip install pypandoc-binary"
        ):
            require()
