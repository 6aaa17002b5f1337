"""The whole way of a raw answer to markdown: nothing acts in what is written, and it is settled."""

from fuzz.acting import FIGURES, acts
from ocr_engine.config import TextConfig
from ocr_engine.text.clean import clean
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import to_markdown

_RESTYLED = TextConfig(tables="markdown", math_delimiters="dollar", list_repair=True)


def check(data: bytes) -> None:
    """Raises AssertionError where something acts."""
    text = data.decode("utf-8", "replace")
    cleaned = clean(text)
    _assert_still(text, cleaned)
    assert clean(cleaned) == cleaned, "cleaned twice is not cleaned once"
    parsed = parse(text)
    for options in (TextConfig(), _RESTYLED):
        _assert_still(text, to_markdown(parsed, FIGURES, options))


def _assert_still(text: str, markdown: str) -> None:
    found = acts(markdown)
    assert not found, f"{min(found)} of {text!r} in {markdown!r}"
