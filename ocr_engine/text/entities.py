"""Decodes HTML entities, with numbers of any length."""

import html
import re

_ZEROS = re.compile(r"&#0+(?=[0-9])")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,};?")


def unescape(text: str) -> str:
    """Decode as `html.unescape` does, which alone raises ValueError on numbers of over 4,300 digits."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", _ZEROS.sub("&#", text)))
