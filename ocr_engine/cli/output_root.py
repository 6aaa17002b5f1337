"""The local folder that a run works in."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ocr_engine import urls
from ocr_engine.config import Config
from ocr_engine.outputs import mirror


@contextlib.contextmanager
def output_root(
    config: Config, *, to_write: bool = True, on_sync: mirror.OnSync | None = None
) -> Iterator[Path]:
    """The local folder to write to; for an output in an object store, its mirror."""
    path = config.output.path
    if not urls.is_url(path):
        yield Path(urls.local_path(path)).expanduser()
        return
    folder = Path(config.output.mirror).expanduser() if config.output.mirror else mirror.default_folder()
    every_s = config.output.sync_s
    with mirror.mirrored(path, folder, every_s, to_write=to_write, on_sync=on_sync) as root:
        yield root
