"""`chunks.parquet`: one chunk a row, for vector stores and data frames. Needs pyarrow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ocr_engine.outputs.exports import parquet_file
from ocr_engine.outputs.exports.chunks import chunks_of
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.parquet_file import write_rows
from ocr_engine.outputs.files import whole

_ROWS_A_GROUP = 2_000
_TEXTS = ("id", "document", "source", "content_id", "text", "review")


def require() -> None:
    """Raises OutputError where pyarrow is not installed."""
    parquet_file.require("output.chunks_parquet")


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write the table in groups of at most 2,000 chunks. Raises OutputError."""
    require()
    import pyarrow as pa

    rows = (_row(chunk) for document in documents for chunk in chunks_of(document))
    write_rows(path, _schema(pa), rows, _ROWS_A_GROUP)


def _schema(pa: Any) -> Any:
    text, number = pa.large_string(), pa.int32()
    lists = {"headings": text, "pages": number, "statuses": text, "blocks": text}
    return pa.schema(
        [
            *((name, text) for name in _TEXTS),
            ("tokens", number),
            *((k, pa.list_(v)) for k, v in lists.items()),
        ]
    )


def _row(chunk: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: whole(chunk[name]) for name in _TEXTS},
        "tokens": chunk["tokens"],
        "headings": [whole(title) for title in chunk["headings"]],
        "pages": [page["page"] for page in chunk["pages"]],
        "statuses": [page["status"] for page in chunk["pages"]],
        "blocks": [block["id"] for block in chunk["blocks"]],
    }
