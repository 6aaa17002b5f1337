"""Where drivers that share an output folder, or a prefix of a store, have what."""

import platform
import re
import secrets
from pathlib import Path

from ocr_engine import urls
from ocr_engine.outputs.files import DRIVERS
from ocr_engine.outputs.store import Store


def claims_of(output: str) -> str:
    """Where drivers take documents."""
    return f"{_plain(output)}/{DRIVERS}/claims"


def run_of(output: str, driver: str) -> str:
    """The output folder of one driver's run."""
    return f"{_plain(output)}/{DRIVERS}/runs/{driver}"


def drivers_of(output: str) -> list[str]:
    """The drivers that have written there, by name. Raises OutputError."""
    folder = f"{_plain(output)}/{DRIVERS}/runs"
    if not urls.is_url(output):
        root = Path(urls.local_path(folder)).expanduser()
        return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    store = Store(folder)
    with store.errors("read"):
        return sorted({name.partition("/")[0] for name in store.listed()})


def new_name() -> str:
    """Of a driver that was given none."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:40].strip("-") or "driver"
    return f"{host}-{secrets.token_hex(3)}"


def _plain(output: str) -> str:
    return output.rstrip("/") or "/"
