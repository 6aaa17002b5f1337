"""`pages.parquet`: one page a row, for data frames and training pipelines. Needs pyarrow."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.files import atomic_file, output_errors

_ROWS_A_GROUP = 1_000
_CHARS_A_GROUP = 16_000_000


def require() -> None:
    """Raises OutputError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - asked for before an hour of reading, not after
    except ImportError:
        raise OutputError("output.parquet: pyarrow is not installed; pip install pyarrow") from None


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write the table in groups of at most 1,000 pages. Raises OutputError."""
    require()
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa)
    with (
        output_errors(path),
        atomic_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for rows in _groups(documents):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _schema(pa: Any) -> Any:
    text, number = pa.large_string(), pa.int32()
    names = ("id", "source", "folder", "text", "status", "reason", "mode", "prompt", "labels")
    columns = [(name, text) for name in names[:-1]] + [("labels", pa.list_(text))]
    numbers = ("page", "vision_tokens", "text_tokens", "attempts")
    return pa.schema([*columns, *((name, number) for name in numbers)])


def _groups(documents: Iterable[SourceDocument]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    chars = 0
    for document in documents:
        for page in document.pages():
            rows.append(_row(document, page))
            chars += len(page.text)
            if len(rows) >= _ROWS_A_GROUP or chars >= _CHARS_A_GROUP:
                yield rows
                rows, chars = [], 0
    if rows:
        yield rows


def _row(document: SourceDocument, page: SourcePage) -> dict[str, Any]:
    record = page.record
    return {
        "id": document.content_id,
        "source": _whole(document.given),
        "folder": _whole(str(document.folder)),
        "page": record.page,
        "text": _whole(page.text_from_folder),
        "status": record.status.value,
        "reason": _whole(record.reason),
        "mode": record.mode,
        "prompt": _whole(record.prompt),
        "labels": [_whole(block.label) for block in record.blocks],
        "vision_tokens": record.vision_tokens,
        "text_tokens": record.text_tokens,
        "attempts": record.attempts,
    }


def _whole(text: str) -> str:
    """The text as UTF-8 allows it: half characters replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
