"""A document as DOCX, EPUB or LaTeX, made by pandoc of the same safe HTML that web pages are made of.

Pandoc sees no markup of the model: formulas come as MathML and are written anew, so that nothing which a page
says is a command in the file. It runs as a process with a memory limit and a clock. Needs `pypandoc-binary`.
"""

import html
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.page_html import to_html
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.processes.worker import die_with

TIMEOUT_S = 600.0
"""A document that takes longer fails as an export; its pages are not touched."""
MEMORY_MB = 2_000
_WORDS = 300
_CODE = re.compile(r"<pre>(?:<code[^>]*>)?(.*?)(?:</code>)?</pre>", re.DOTALL)
_ENVIRONMENT = {"SOURCE_DATE_EPOCH": "315532800", "PATH": os.defpath, "LANG": "C.UTF-8"}
"""With no other date than 1980, equal documents give equal files."""
_READER = "html-native_divs-native_spans-raw_html-raw_tex"
_OPTIONS = {
    "docx": ("--to=docx",),
    "epub": ("--to=epub3", "--toc", "--mathml", "--split-level=1"),
    "latex": ("--to=latex", "--standalone"),
}


def _require(key: str) -> None:
    """Raise OutputError where pandoc is not there."""
    try:
        _pandoc()
    except (ImportError, OSError):
        raise OutputError(f"{key}: pandoc is not installed; pip install pypandoc-binary") from None


def _pandoc() -> str:
    import pypandoc

    return str(pypandoc.get_pandoc_path())


def _write(document: SourceDocument, path: Path, *, form: str) -> None:
    """Write one document. Raises OutputError."""
    with output_errors(path), tempfile.TemporaryDirectory() as work, atomic_file(path) as temporary:
        source = Path(work, "document.html")
        with source.open("wb") as file:
            for piece in _html(document):
                safe = _CODE.sub(_without_verbatim, piece) if form == "latex" else piece
                file.write(safe.encode("utf-8", "replace"))
        _convert(source, temporary, document, path, form)


def _html(document: SourceDocument) -> Iterator[str]:
    """Head and pages. A page's failure keeps its place, as in the merged file."""
    title = html.escape(document.name)
    yield f'<!doctype html><html><head><meta charset="utf-8"><title>{title}</title></head><body>\n'
    for page in document.joined_pages():
        record = page.record
        if not record.status.has_text:
            words = html.escape(f"[page {record.page}: {record.status}: {record.reason}]")
            yield f"<p><em>{words}</em></p>\n"
        yield to_html(page.text_from_folder) + "\n"
    yield "</body></html>\n"


def _without_verbatim(code: re.Match[str]) -> str:
    """Code as lines of escaped text: within LaTeX's verbatim a page could say where that ends."""
    lines = (line.replace(" ", "\xa0") for line in code[1].splitlines())
    return "<p>" + "<br>".join(f"<code>{line}</code>" for line in lines if line) + "</p>"


def _convert(source: Path, made: Path, document: SourceDocument, path: Path, form: str) -> None:
    """Run pandoc in the folder of `source`, so that what is relative to ours is made absolute."""
    command = [_pandoc(), "+RTS", f"-M{MEMORY_MB}m", "-RTS", f"--from={_READER}", *_OPTIONS[form],
               f"--metadata=identifier:{document.content_id or document.name}",
               f"--resource-path={document.path.absolute()}", f"--output={made.absolute()}",
               str(source)]  # fmt: skip
    try:
        run = subprocess.run(
            command, cwd=source.parent, capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
            env=_ENVIRONMENT, preexec_fn=partial(die_with, os.getpid()),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise OutputError(f"{path}: pandoc took longer than {TIMEOUT_S:.0f} s and was stopped") from None
    if run.returncode:
        words = " ".join(run.stderr.decode("utf-8", "replace").split())[:_WORDS]
        raise OutputError(f"{path}: pandoc failed: {words or f'exit code {run.returncode}'}")


require_docx = partial(_require, "output.docx")
require_epub = partial(_require, "output.epub")
require_latex = partial(_require, "output.latex")
write_docx = partial(_write, form="docx")
"""A Word file: headings as styles, formulas as equations, figures in it."""
write_epub = partial(_write, form="epub")
"""An EPUB 3 with a table of contents."""
write_latex = partial(_write, form="latex")
"""A LaTeX file that includes `figures/`."""
