"""`pages.parquet`: one page a row, for data frames and training pipelines. Needs pyarrow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ocr_engine.outputs.exports import parquet_file
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.parquet_file import write_rows
from ocr_engine.outputs.files import whole

_ROWS_A_GROUP = 1_000


def require() -> None:
    """Raises OutputError where pyarrow is not installed."""
    parquet_file.require("output.parquet")


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write the table in groups of at most 1,000 pages. Raises OutputError."""
    require()
    import pyarrow as pa

    rows = (_row(document, page) for document in documents for page in document.pages())
    write_rows(path, _schema(pa), rows, _ROWS_A_GROUP)


def _schema(pa: Any) -> Any:
    text, number = pa.large_string(), pa.int32()
    names = ("id", "source", "folder", "text", "status", "reason", "mode", "prompt", "labels")
    columns = [(name, text) for name in names[:-1]] + [("labels", pa.list_(text))]
    numbers = ("page", "vision_tokens", "text_tokens", "attempts")
    return pa.schema([*columns, *((name, number) for name in numbers), ("confidence", pa.float32())])


def _row(document: SourceDocument, page: SourcePage) -> dict[str, Any]:
    record = page.record
    return {
        "id": document.content_id,
        "source": whole(document.given),
        "folder": whole(str(document.folder)),
        "page": record.page,
        "text": whole(page.text_from_folder),
        "status": record.status.value,
        "reason": whole(record.reason),
        "mode": record.mode,
        "prompt": whole(record.prompt),
        "labels": [whole(block.label) for block in record.blocks],
        "vision_tokens": record.vision_tokens,
        "text_tokens": record.text_tokens,
        "attempts": record.attempts,
        "confidence": record.confidence.page.mean if record.confidence else None,
    }
