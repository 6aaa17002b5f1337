"""`documents.jsonl`: one document a line with its text, page spans and statuses, for training pipelines.

    {"id", "source", "text", "pages": [{"page", "start", "end", "status", ...}],
     "outline": [{"level", "title", "page", "block"}], "metadata": {...}}

`text[start:end]`, counted in characters, is a page. Written page by page: a line may be longer than memory.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.records import PageRecord

PAGE_GAP = "\n\n"


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write one line a document. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        for document in documents:
            _write_line(document, file)


def _write_line(document: SourceDocument, file: BinaryIO) -> None:
    file.write(b'{"id": %s, "source": %s, "text": "' % (_json(document.content_id), _json(document.given)))
    spans: list[dict[str, Any]] = []
    statuses: Counter[str] = Counter()
    position = 0
    for page in document.joined_pages():
        if position and page.text:
            file.write(_json(PAGE_GAP)[1:-1])
            position += len(PAGE_GAP)
        text = page.text_from_folder
        file.write(_json(text)[1:-1])
        spans.append(
            {"page": page.record.page, "start": position, "end": position + len(text)} | _facts(page.record)
        )
        statuses[page.record.status.value] += 1
        position += len(text)
    metadata = {
        "folder": str(document.folder),
        "pages": len(spans),
        "characters": position,
        "statuses": statuses,
    }
    outline = [asdict(entry) for entry in document.outline()]
    end = b'", "pages": %s, "outline": %s, "metadata": %s}\n'
    file.write(end % (_json(spans), _json(outline), _json(metadata)))


def _facts(record: PageRecord) -> dict[str, Any]:
    return {
        "status": record.status.value,
        "reason": record.reason,
        "mode": record.mode,
        "vision_tokens": record.vision_tokens,
        "text_tokens": record.text_tokens,
    }


def _json(value: Any) -> bytes:
    """UTF-8, half characters escaped, so that every reader of JSON takes it."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value).encode("ascii")
