"""`chunks.parquet`: one chunk a row, for vector stores and data frames. Needs pyarrow."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.chunks import chunks_of
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.files import atomic_file, output_errors

_ROWS_A_GROUP = 2_000
_CHARS_A_GROUP = 16_000_000
_TEXTS = ("id", "document", "source", "content_id", "text", "review")


def require() -> None:
    """Raises OutputError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - asked for before an hour of reading, not after
    except ImportError:
        raise OutputError("output.chunks_parquet: pyarrow is not installed; pip install pyarrow") from None


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write the table in groups of at most 2,000 chunks. Raises OutputError."""
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
    lists = {"headings": text, "pages": number, "statuses": text, "blocks": text}
    return pa.schema(
        [
            *((name, text) for name in _TEXTS),
            ("tokens", number),
            *((k, pa.list_(v)) for k, v in lists.items()),
        ]
    )


def _groups(documents: Iterable[SourceDocument]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    chars = 0
    for chunk in (chunk for document in documents for chunk in chunks_of(document)):
        rows.append(_row(chunk))
        chars += len(chunk["text"])
        if len(rows) >= _ROWS_A_GROUP or chars >= _CHARS_A_GROUP:
            yield rows
            rows, chars = [], 0
    if rows:
        yield rows


def _row(chunk: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: _whole(chunk[name]) for name in _TEXTS},
        "tokens": chunk["tokens"],
        "headings": [_whole(title) for title in chunk["headings"]],
        "pages": [page["page"] for page in chunk["pages"]],
        "statuses": [page["status"] for page in chunk["pages"]],
        "blocks": [block["id"] for block in chunk["blocks"]],
    }


def _whole(text: str) -> str:
    """The text as UTF-8 allows it: half characters replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
