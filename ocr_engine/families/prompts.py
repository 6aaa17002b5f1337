"""The official prompts, by the names they have here."""

from collections.abc import Mapping
from types import MappingProxyType

PROMPTS: Mapping[str, str] = MappingProxyType(
    {
        "markdown": "<image>\n<|grounding|>Convert the document to markdown.",
        "ocr": "<image>\n<|grounding|>OCR this image.",
        "free": "<image>\nFree OCR.",
        "figure": "<image>\nParse the figure.",
        "describe": "<image>\nDescribe this image in detail.",
        "locate": "<image>\nLocate <|ref|>xxxx<|/ref|> in the image.",
    }
)
READING_PROMPTS = ("markdown", "pages", "ocr", "free")
"""Prompts whose answer is the page's text."""
LOCATE_SLOT = "xxxx"
"""Where the text to find stands in the official `locate` prompt."""
