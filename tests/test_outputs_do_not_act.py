"""A whole run over pages that attack: nothing that is written for readers acts, in whatever file it is."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import acting
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import make_pdf, run_pdf
from tests.text.routes import LEADS, OUTSIDE, ROUTES, SCRIPT

KINDS = ("jsonl", "parquet", "zip")
ANSWERS = [
    *ROUTES.values(),
    # Each page is cut in the middle of what acts; the next one goes on in lower case.
    f"<|ref|>text<|/ref|><|det|>[[1, 1, 9, 9]]<|/det|>\nsee the [x](java-\n\n{SCRIPT}",
    "<|ref|>text<|/ref|><|det|>[[1, 1, 9, 9]]<|/det|>\nscript:alert(1)) and ![y][b",
    f"<|ref|>text<|/ref|><|det|>[[1, 1, 9, 9]]<|/det|>\nb] more\n\n[b b]: {OUTSIDE}",
    # Footnotes whose marks stand in the text.
    "<|ref|>text<|/ref|><|det|>[[1, 1, 900, 90]]<|/det|>\n"
    f"some words<sup>1</sup> and more<sup>2</sup> of it<sup>3</sup>({LEADS}) ![word<sup>4</sup>]({OUTSIDE})"
    "\n\n"
    f"<|ref|>footnote<|/ref|><|det|>[[1, 900, 900, 990]]<|/det|>\n1 {LEADS}\n<sup>2</sup> a {SCRIPT}\n"
    f"<sup>3</sup> a [x]({LEADS})\n<sup>4</sup> {OUTSIDE} 'title'",
    f"<table><tr><td>a [x]({LEADS}) {SCRIPT}</td></tr></table>",
    "<table><tr><td>b `<script>x</script>` ![y](http://z/z.png)</td></tr></table>",
]
JOINED = (
    "text.merge_tables=true",
    "text.join_paragraphs=true",
    "text.footnotes=linked",
    "text.headers_footers=drop",
    "output.page_separator=",
    "text.tables=markdown",
)


def run(tmp_path: Path, *keys: str) -> Path:
    """The folder of the outputs of one document whose pages are the answers."""
    source = make_pdf(tmp_path / "in/a.pdf", len(ANSWERS))
    stored = tmp_path / "stored/a/pages"
    stored.mkdir(parents=True)
    for number, answer in enumerate(ANSWERS, 1):
        (stored / f"{number:04d}.raw.md").write_text(answer)
    keys = (f"engine.replay_from={tmp_path / 'stored'}", *(f"output.{kind}=true" for kind in KINDS), *keys)
    words = [word for key in keys for word in ("--set", key)]
    assert run_pdf(source, "--output", tmp_path / "out", *words) == ExitCode.OK
    return tmp_path / "out"


def texts(out: Path) -> Iterator[tuple[str, str]]:
    """Every text for readers by the file it is in. What ends in .raw.md is the answer as it came."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    for path in sorted(out.rglob("*.md")):
        if not path.name.endswith(".raw.md"):
            yield path.name, path.read_text()
    yield "documents.jsonl", json.loads((out / "documents.jsonl").read_text())["text"]
    for row in parquet.read_table(out / "pages.parquet").to_pylist():
        yield f"pages.parquet {row['page']}", row["text"]
    with zipfile.ZipFile(io.BytesIO((out / "outputs.zip").read_bytes())) as archive:
        for name in archive.namelist():
            if name.endswith(".md") and not name.endswith(".raw.md"):
                yield f"outputs.zip {name}", archive.read(name).decode()


@pytest.mark.parametrize("keys", [(), JOINED])
def test_nothing_that_is_written_acts(tmp_path: Path, keys: tuple[str, ...]) -> None:
    found = list(texts(run(tmp_path, *keys)))
    assert len(found) == 3 * len(ANSWERS) + 3
    assert any("[^p" in text for _, text in found) == bool(keys)
    for text, where in {text: where for where, text in found}.items():
        # The files of all pages hold those of single ones.
        names = ("cmark", "python-markdown", "markdown2") if where.startswith("0") else acting.NAMES
        for name in names:
            assert acting.what_acts(text, name) == [], (name, where)
