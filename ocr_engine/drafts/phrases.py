"""The book of phrases: what answers of the DeepSeek-OCR form hold on many pages, whatever they say."""

from collections.abc import Callable, Sequence

from ocr_engine.drafts.rule import END
from ocr_engine.families import TOKENS

_KINDS = (
    "text", "sub_title", "title", "image", "image_caption", "table_caption", "equation", "table",
)  # fmt: skip
_BOX = f"{TOKENS.ref_close}{TOKENS.det_open}[["
_CLOSED = f"]]{TOKENS.det_close}\n"
_NEXT = f"  \n\n{TOKENS.ref_open}"
PHRASES = (
    *(f"{TOKENS.ref_open}{kind}{_BOX}" for kind in _KINDS),
    f"{_CLOSED}{TOKENS.ref_open}image_caption{_BOX}",
    f"{_CLOSED}<center>",
    f" </center>{_NEXT}text{_BOX}",
    f"{_NEXT}text{_BOX}",
    f"{_CLOSED}\n<table><tr><td>",
    "<table><tr><td>",
    "</td><td>",
    "</td></tr><tr><td>",
    "</td></tr></table>",
    f"\\]{_NEXT}text{_BOX}",
    "\\)",
)


def book(encode: Callable[[str], Sequence[int]]) -> list[int]:
    """The phrases' token ids, each phrase ended by `END`."""
    return [token for phrase in PHRASES for token in (*encode(phrase), END)]
