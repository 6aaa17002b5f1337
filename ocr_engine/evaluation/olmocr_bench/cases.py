"""The benchmark's test cases: one line of JSON to a checked case. What a case demands is in `rules`."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMATS = ("heading", "bold", "italic")
_STYLE = (
    (re.compile(r"<br/?>"), " "),
    (re.compile(r"\*\*(.*?)\*\*"), r"\1"),
    (re.compile(r"__(.*?)__"), r"\1"),
    (re.compile(r"</?b>"), ""),
    (re.compile(r"</?i>"), ""),
    (re.compile(r"(\*\*|__)(.*?)\1"), r"\2"),
    (re.compile(r"(\*|_)(.*?)\1"), r"\2"),
    (re.compile(r"\s+"), " "),
)
_PLAIN = str.maketrans("‘’‚“”„＿–—‑‒−\u00b5", "'''\"\"\"_-----\u03bc")


@dataclass(frozen=True, slots=True)
class Case:
    """One test. `fields` are those of its type, texts normalised."""

    id: str
    type: str
    pdf: str
    page: int
    max_diffs: int
    fields: Mapping[str, Any]

    def ratio_needed(self, text: str) -> float:
        """The similarity that leaves `max_diffs` characters of `text` free."""
        return 1.0 - self.max_diffs / max(len(text), 1)


def normalise(text: str) -> str:
    """Without bold and italic marks, white space as one space, NFC, plain quotes and dashes."""
    for pattern, replacement in _STYLE:
        text = pattern.sub(replacement, text)
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


_TEXT_FIELDS = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell", "up", "down", "left", "right", "top_heading", "left_heading"),
    "format": ("text",),
    "footnote": ("appears_before_marker", "appears_after_marker"),
}
_REQUIRED = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "format": ("text", "format"),
    "footnote": ("marker",),
    "math": ("math",),
    "baseline": (),
}


def parse(line: str) -> Case:
    """A case from its line. Raises ValueError saying what is wrong with it."""
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    kind = data.get("type")
    if kind not in _REQUIRED:
        raise ValueError(f"unknown type {kind!r}")
    for key in ("id", "pdf", *_REQUIRED[kind]):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise ValueError(f"{key} is missing or empty")
    page, max_diffs = data.get("page"), data.get("max_diffs", 0)
    if not isinstance(page, int) or not isinstance(max_diffs, int) or max_diffs < 0:
        raise ValueError("page and max_diffs must be whole numbers")
    case = Case(data["id"], kind, data["pdf"], page, max_diffs, _fields(kind, data))
    _check(case)
    return case


def baseline(pdf: str) -> Case:
    """The case every PDF has that none was written for."""
    return Case(f"{pdf}_baseline", "baseline", pdf, 1, 0, {})


def _fields(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    texts = {key: normalise(str(data[key])) for key in _TEXT_FIELDS.get(kind, ()) if data.get(key)}
    return {**data, **texts}


def _check(case: Case) -> None:
    if case.type == "order":
        shortest = min(len(case.fields["before"]) // 2, len(case.fields["after"]) // 2)
        if case.max_diffs > shortest:
            raise ValueError("max_diffs is more than half of a text")
    if case.type == "format" and case.fields["format"] not in FORMATS:
        raise ValueError(f"unknown format {case.fields['format']!r}")
