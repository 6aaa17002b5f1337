"""What msgspec says of a wrong value, in words for people: what was expected, and what there is to choose."""

import dataclasses
import re
import typing
from collections.abc import Iterator
from typing import Any, Literal

from ocr_engine.config.keys import all_keys
from ocr_engine.config.schema import Config
from ocr_engine.config.suggestions import one_of

_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "keys below it",
    "null": "nothing",
    "datetime": "a date",
    "date": "a date",
}
_UNQUOTED = ("int", "float", "bool", "date")
"""What YAML makes of text without quotes, such as `pages: 3`."""
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_WRONG_TYPE = re.compile(
    r"Expected `(?P<expected>[^`]+)`(?:, got `(?P<got>[^`]+)`| (?P<bound>[<>]=?) (?P<limit>\S+))"
)
_LIST_PLACE = re.compile(r"\[[^\]]*\]")
_WRONG_NAME = re.compile(r"Invalid enum value (?P<value>.+)", re.DOTALL)


def in_words(key: str, reason: str) -> str:
    """`reason` of `msgspec.ValidationError` at the dotted `key`, which may hold list positions."""
    if found := _WRONG_TYPE.match(reason):
        expected = " or ".join(_NAMES.get(name, name) for name in found["expected"].split(" | "))
        if found["bound"]:
            return f"expected {expected} {_BOUNDS[found['bound']]} {found['limit']}"
        as_text = "str" in found["expected"] and found["got"] in _UNQUOTED
        quote = "; put it in quotes" if as_text else ""
        return f"expected {expected}, got {_NAMES.get(found['got'], found['got'])}{quote}"
    if found := _WRONG_NAME.match(reason):
        value = found["value"]
        bare = value.strip("'")
        return f"{value} is unknown {one_of(bare, _choices(type_of(key)))}"
    return reason


def type_of(key: str) -> Any:
    """The annotation of a dotted key; None where there is no such key."""
    kind: Any = Config
    for name in _LIST_PLACE.sub("", key).split("."):
        kind = next(
            (inner for inner in (kind, *typing.get_args(kind)) if dataclasses.is_dataclass(inner)), None
        )
        kind = typing.get_type_hints(kind).get(name) if kind is not None else None
    return kind


def takes_text(key: str) -> bool:
    """Whether the value of a key may be any text."""
    kind = type_of(key)
    return kind is str or str in typing.get_args(kind)


def _choices(kind: Any) -> Iterator[str]:
    """The names that a value may be, and in words what else it may be."""
    if typing.get_origin(kind) is Literal:
        yield from map(str, typing.get_args(kind))
    elif kind in (int, float):
        yield _NAMES[kind.__name__]
    else:
        for inner in typing.get_args(kind):
            yield from _choices(inner)


OFF_KEYS = tuple(key for key in all_keys() if "off" in _choices(type_of(key)))
"""Keys that may be `off`."""
