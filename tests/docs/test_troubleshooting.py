"""The messages that the page on troubleshooting shows are those that the code has."""

import re
from collections.abc import Iterator

import pytest

from tests.docs.commands import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
_SHOWN = re.compile(r"^\| (?:\* )?(`[^|]*)\|", re.M)
_NEXT_LITERAL = re.compile(r'"\s*\n\s*f?"')
WORDS = 3
OF_OTHERS = ("cuda  The NVIDIA driver", "render.dpi: expected")
"""What torch says of a driver, and what `tests/test_mistakes.py` tries, put together from single words."""


def shown() -> list[str]:
    """The messages of the first columns."""
    found = [message for cell in _SHOWN.findall(PAGE) for message in re.findall(r"`([^`]+)`", cell)]
    return [one for one in found if len(one.split()) > WORDS and not one.startswith(OF_OTHERS)]


def source() -> str:
    """All messages of the code, those cut over lines joined."""
    files = [*sorted((ROOT / "ocr_engine").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.sh"))]
    return _NEXT_LITERAL.sub("", "\n".join(file.read_text(encoding="utf-8") for file in files))


def windows(message: str) -> Iterator[str]:
    """A few words in a row of a message, as they stand in it."""
    words = message.replace("...", " ").split()
    return (" ".join(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1))


@pytest.fixture(scope="module")
def code() -> str:
    return source()


def test_messages_are_found() -> None:
    assert len(shown()) > 30


@pytest.mark.parametrize("message", shown())
def test_a_shown_message_is_one_of_the_code(message: str, code: str) -> None:
    assert any(words in code for words in windows(message)), message
