"""The whole way of a raw answer to markdown: nothing acts in what is written, and it is settled."""

import zlib

from fixtures.acting import NAMES, what_acts
from ocr_engine.config import TextConfig
from ocr_engine.text.clean import clean
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import to_markdown

FIGURES = "figures/"
_ALWAYS = ("markdown-it with tables", "cmark-gfm")
_RESTYLED = TextConfig(tables="markdown", math_delimiters="dollar", list_repair=True)


def check(data: bytes) -> None:
    """Raises AssertionError where something acts, in two renderers and one of the others."""
    text = data.decode("utf-8", "replace")
    names = {*_ALWAYS, NAMES[zlib.crc32(data) % len(NAMES)]}
    cleaned = clean(text)
    _assert_still(text, cleaned, names)
    assert clean(cleaned) == cleaned, f"cleaned twice is not cleaned once | {text!r}"
    parsed = parse(text)
    for options in (TextConfig(), _RESTYLED):
        _assert_still(text, to_markdown(parsed, FIGURES, options), names)


def _assert_still(text: str, markdown: str, names: set[str]) -> None:
    for name in sorted(names):
        found = what_acts(markdown, name)
        assert not found, f"{name}: {min(found).partition('=')[0]} | {found[:3]} of {text!r} in {markdown!r}"
