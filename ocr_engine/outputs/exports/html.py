"""A document as one HTML file: all pages in order, tables and formulas rendered, figures beside it."""

import html
from pathlib import Path

from ocr_engine.outputs.document_folder import marker
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.page_html import to_html
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.templates import policy, styles

_HEAD = """<!doctype html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
"""


def write(document: SourceDocument, path: Path) -> None:
    """Write the file page by page. Raises OutputError."""
    style = styles("page.css", "document.css")
    head = _HEAD.format(policy=policy(style), title=html.escape(document.name), style=style)
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(head.encode("utf-8", "replace"))
        for page in document.joined_pages():
            file.write(_section(page).encode("utf-8", "replace"))
        file.write(b"</main>\n</body>\n</html>\n")


def _section(page: SourcePage) -> str:
    number = page.record.page
    note = marker(page.record).removeprefix("<!-- ").removesuffix(" -->")
    line = f'<p class="note">{html.escape(note)}</p>\n' if note else ""
    body = to_html(page.text_from_folder)
    head = f'<section id="page-{number}" aria-label="Page {number}">\n<p class="number">{number}</p>\n'
    return f"{head}{line}{body}</section>\n"
