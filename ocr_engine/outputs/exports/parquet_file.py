"""A Parquet file of rows that come one after the other: a group of them in memory, not all. Needs pyarrow."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.outputs.files import atomic_file, output_errors

_CHARS_A_GROUP = 16_000_000


def require(key: str) -> None:
    """Raises OutputError, which names the config's key, where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - asked for before an hour of reading, not after
    except ImportError:
        raise OutputError(f"{key}: pyarrow is not installed; pip install pyarrow") from None


def write_rows(path: Path, schema: Any, rows: Iterable[dict[str, Any]], most: int) -> None:
    """Write rows, each with a `text`, in groups of at most `most`. Raises OutputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        output_errors(path),
        atomic_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for group in _groups(rows, most):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _groups(rows: Iterable[dict[str, Any]], most: int) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    chars = 0
    for row in rows:
        group.append(row)
        chars += len(row["text"])
        if len(group) >= most or chars >= _CHARS_A_GROUP:
            yield group
            group, chars = [], 0
    if group:
        yield group
