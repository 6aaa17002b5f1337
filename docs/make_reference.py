"""`python docs/make_reference.py`: writes docs/reference.md from the code."""

import ast
import importlib
import io
import os
from contextlib import redirect_stdout, suppress
from pathlib import Path

from ocr_engine.__main__ import usage
from ocr_engine.cli.arguments import IMAGES, PDF, parser
from ocr_engine.errors import ExitCode
from ocr_engine.records import PageStatus

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs/reference.md"
HEAD = """# Reference

Written from the code by `python docs/make_reference.py`; a test fails where it is out of date.
"""
EXITS = {
    ExitCode.OK: "all pages are done, or blank",
    ExitCode.USAGE: "wrong arguments or config, or the output folder cannot be used",
    ExitCode.NO_INPUT: "nothing could be read",
    ExitCode.ENGINE: "the engine did not start, or died for good",
    ExitCode.PAGES_FAILED: "finished, with pages that failed, were truncated or looped",
    ExitCode.LIMIT: "stopped by a limit of `limits`; the same command goes on",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C or a signal; the same command goes on",
}
RECORDS = (
    ("A line of `pages.jsonl`: a page", "ocr_engine.records.results", "PageRecord"),
    ("One of its `blocks`", "ocr_engine.records.results", "Block"),
    ("Its `agreement` with the PDF's own text", "ocr_engine.records.agreement", "PageAgreement"),
    ("Its `confidence`", "ocr_engine.records.agreement", "PageConfidence"),
    ("Its `second`", "ocr_engine.records.again", "SecondReading"),
    ("One of its `table_readings`", "ocr_engine.records.again", "TableReading"),
    ("Of the page, and one of its `blocks`", "ocr_engine.records.agreement", "Confidence"),
    ("One of its `text_repairs`", "ocr_engine.records.results", "TextRepair"),
    ("One of its attempts, in `tried`", "ocr_engine.records.results", "Attempt"),
    ("A line of `journal.jsonl`", "ocr_engine.records.results", "JournalRow"),
)


def main() -> None:
    TARGET.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = "90"
    parts = [
        HEAD,
        _config(),
        _commands(),
        _statuses(),
        _exit_codes(),
        *(_record(*record) for record in RECORDS),
    ]
    return "\n".join(parts)


def _config() -> str:
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    words = "`config.yaml`, with every default. `--set KEY=VALUE` changes one for a run."
    return "\n".join(["## Config keys", "", words, "", "```yaml", *lines, "```", ""])


def _commands() -> str:
    parts = ["## Commands", "", "```text", usage().strip(), "```", ""]
    for entry in (PDF, IMAGES):
        parts += [f"### {entry.script}", "", "```text", parser(entry).format_help().strip(), "```", ""]
    for title, module, function in (
        ("eval_batch.py", "ocr_engine.benchmark.cli", "main"),
        ("deepseek-ocr plan", "ocr_engine.capacity.plan", "main"),
        ("deepseek-ocr doctor", "ocr_engine.cli.doctor", "main"),
    ):
        parts += [f"### {title}", "", "```text", _help(module, function), "```", ""]
    return "\n".join(parts)


def _help(module: str, function: str) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        getattr(importlib.import_module(module), function)(["--help"])
    return printed.getvalue().strip()


def _statuses() -> str:
    rows = [f"| `{status.value}` | {status.facts.meaning} |" for status in PageStatus]
    words = "`--retry` reads pages of the statuses that it is given again."
    return "\n".join(["## Statuses of a page", "", "| status | meaning |", "|---|---|", *rows, "", words, ""])


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {EXITS[code]} |" for code in ExitCode]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _record(title: str, module: str, name: str) -> str:
    rows = [f"| `{field}` | {_cell(kind)} | {_cell(words)} |" for field, kind, words in fields(module, name)]
    return "\n".join([f"## {title}", "", "| field | type | what it is |", "|---|---|---|", *rows, ""])


def fields(module: str, name: str) -> list[tuple[str, str, str]]:
    """Name, type and docstring of each public field of a dataclass, in the order of the source."""
    source = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    body = next(
        node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name
    )
    found: list[tuple[str, str, str]] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, ast.unparse(node.annotation), ""))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and found:
            found[-1] = (*found[-1][:2], " ".join(str(node.value.value).split()))
    return found


def _cell(text: str) -> str:
    return text.replace("|", "or") if text else ""


if __name__ == "__main__":
    main()
