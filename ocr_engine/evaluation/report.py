"""A finished benchmark as JSON, CSV, a markdown table and one HTML page. Knows no benchmark's rules."""

import base64
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_engine import sheets
from ocr_engine.errors import OutputError

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows; None stands for a number that could not be computed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found: `details` for JSON, `tables` for people, `notes` on how to read them."""

    title: str
    tables: Sequence[Table]
    details: Mapping[str, Any]
    notes: Sequence[str] = ()
    plots: Mapping[str, bytes] = field(default_factory=dict)
    """PNG files by title."""


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity, at any depth, replaced by None: JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, details: Mapping[str, Any]) -> None:
    """Unrounded numbers; null where there is none."""
    write_text(path, json.dumps(finite(details), ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file and the folders above it; OutputError where that is not possible."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it; OutputError where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({error.strerror})") from error


def to_csv(tables: Sequence[Table]) -> str:
    """All tables, unrounded, each below its title and columns."""
    rows: list[Sequence[Cell]] = []
    for table in tables:
        rows += [[table.title], table.columns, *([_plain(cell) for cell in row] for row in table.rows)]
    return sheets.as_text(rows)


def to_markdown(report: Report) -> str:
    """Tables and notes for a terminal or a pull request; numbers with four digits."""
    parts = [f"## {report.title}"]
    for table in report.tables:
        parts.append(f"### {table.title}\n\n{_markdown_table(table)}")
    parts += [f"- {note}" for note in report.notes]
    return "\n\n".join(parts) + "\n"


def to_html(report: Report) -> str:
    """One self-contained page: tables, plots, notes."""
    body = [f"<h1>{html.escape(report.title)}</h1>"]
    for table in report.tables:
        body.append(f"<h2>{html.escape(table.title)}</h2>{_html_table(table)}")
    for title, png in report.plots.items():
        encoded = base64.b64encode(png).decode("ascii")
        body.append(
            f'<figure><img alt="{html.escape(title)}" src="data:image/png;base64,{encoded}"></figure>'
        )
    body += [f"<p>{html.escape(note)}</p>" for note in report.notes]
    return _PAGE.format(title=html.escape(report.title), body="\n".join(body))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right }}
th:first-child, td:first-child {{ text-align: left; overflow-wrap: anywhere }}
img {{ max-width: 100% }}
</style></head><body>
{body}
</body></html>
"""


def shown(cell: Cell) -> str:
    """A cell for people."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _plain(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _markdown_table(table: Table) -> str:
    cells = [list(table.columns), *([_escaped(shown(cell)) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(shown(cell))}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
