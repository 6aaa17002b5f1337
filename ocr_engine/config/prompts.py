"""The prompt as people write it to the prompt as it is meant: a name, or a text of their own."""

import re
from typing import NamedTuple

from ocr_engine.families import FAMILIES, LOCATE_SLOT, PROMPTS, TOKENS

_LOCATE = re.compile(re.escape(PROMPTS["locate"]).replace(LOCATE_SLOT, r"(?P<find>.+)"), re.DOTALL)
_BY_TEXT = {
    text: name for family in FAMILIES.values() for name, text in family.prompts.items() if name != "locate"
}
_BY_WORDS = {
    text.removeprefix(TOKENS.image).lstrip().removeprefix(TOKENS.grounding).rstrip(".").lower(): name
    for text, name in _BY_TEXT.items()
} | {"grounding": "markdown", "free ocr": "free"}
"""The last two are what other pipelines around this model call them."""


class Prompt(NamedTuple):
    """An official prompt's name or a custom text, and the text to locate where the prompt itself holds it."""

    prompt: str
    find: str | None = None


def understood(given: str) -> Prompt:
    r"""The official prompts are known by name, by their text (`\n` may be two characters) and by its words.

    Every other text comes back as it is: without `<|grounding|>`, say, it asks for something else.
    """
    text = given.replace(f"{TOKENS.image}\\n", f"{TOKENS.image}\n")
    words = text.strip().rstrip(".").lower()
    name = _BY_TEXT.get(text.strip()) or _BY_WORDS.get(words)
    if name is None and (found := _LOCATE.fullmatch(text.strip())):
        return Prompt("locate", None if found["find"] == LOCATE_SLOT else found["find"])
    return Prompt(name or text)
