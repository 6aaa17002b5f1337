"""Addresses (URLs) in a config and in messages. None may show a password or a key.

A run writes its config to `run.json` and its inputs to the journal, the report and retry commands, so an
address with credentials is refused before anything is written.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ocr_engine.config.schema import Config
from ocr_engine.errors import UsageError

_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(r"(https?://[^\s?#]*\?)[^\s#]+", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WEB = ("http://", "https://")
_NO_ADDRESSES = ("input.password", "prompt", "find")
_REMEDY = {
    "engine.server.endpoints": "a server's key goes into the environment variable OCR_ENGINE_API_KEY",
    "": "a store's package finds them elsewhere, such as in AWS_ACCESS_KEY_ID (docs/scale.md)",
}


def without_credentials(text: str) -> str:
    """`text` with users, passwords and queries of its web addresses, and passwords of others, as `…`.

    A user name alone stays outside the web: `abfs://CONTAINER@ACCOUNT` is no secret.
    """
    return _QUERY.sub(r"\1…", _USER.sub(_hidden, text))


def _hidden(found: "re.Match[str]") -> str:
    at_web = found.string[max(0, found.start() - 8) : found.start()].lower().endswith(_WEB)
    return "…@" if at_web or ":" in found[0] else found[0]


def refuse_credentials(config: Config, where: Callable[[str], str]) -> None:
    """Raises UsageError for a value that is an address with a password or a key; the message hides it."""
    for key, text in _texts(msgspec.to_builtins(config), ""):
        shown = without_credentials(text)
        if key in _NO_ADDRESSES or shown == text or not _URL.match(text):
            continue
        remedy = _REMEDY.get(key, _REMEDY[""])
        raise UsageError(
            f"{where(key)}: {key}: {shown}: an address must not hold a user, a password or a query,"
            f" because runs write their config to disk; {remedy}"
        )


def _texts(values: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text of a config, with its dotted key."""
    if isinstance(values, str):
        yield key, values
    elif isinstance(values, dict):
        for name, inner in values.items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(values, list | tuple):
        for inner in values:
            yield from _texts(inner, key)
