"""A config by its dotted keys: the list of them, their values, a hash of some of their values."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from ocr_engine.config.schema import Config

_SECRETS = (("input", "password"), ("watch", "webhook"))


def fingerprint(config: Config, sections: Sequence[str], *parts: str) -> str:
    """A short hash of some config keys (dotted) and further strings: equal exactly when all are equal."""
    payload = f"[{_values(config, tuple(sections))}, {json.dumps(parts)}]"
    return hashlib.blake2b(payload.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def as_dict(config: Config) -> dict[str, Any]:
    """The config as plain values, without the password, and without the webhook, which may hold a key."""
    values: dict[str, Any] = msgspec.to_builtins(config)
    for section, key in _SECRETS:
        if values[section][key]:
            values[section][key] = "(set)"
    return values


def all_keys(cls: type = Config, path: tuple[str, ...] = ()) -> list[str]:
    """All config keys, dotted."""
    found: list[str] = []
    for item in dataclasses.fields(cls):
        factory = item.default_factory
        here = (*path, item.name)
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            found += all_keys(factory, here)
        else:
            found.append(".".join(here))
    return found


def _values(config: Config, sections: tuple[str, ...]) -> str:
    """These keys as JSON. Every page of a run asks for the same, and to hash a config takes long."""
    known = _known.get((id(config), sections))
    if known is None or known[0] is not config:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[id(config), sections] = config, _as_json(config, sections)
    return known[1]


_MOST_KNOWN = 32
_known: dict[tuple[int, tuple[str, ...]], tuple[Config, str]] = {}
"""By the config's identity, which is its own as long as it is held here."""


def _as_json(config: Config, sections: tuple[str, ...]) -> str:
    return json.dumps({key: _get(config, key) for key in sections}, sort_keys=True, default=_jsonable)


def _jsonable(value: object) -> Any:
    return msgspec.to_builtins(value)


def _get(config: object, key: str) -> Any:
    for name in key.split("."):
        config = getattr(config, name)
    return config
