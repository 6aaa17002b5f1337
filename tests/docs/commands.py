"""The commands that the documentation shows, as they stand in its blocks of code."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SCRIPTS = {"batch_pdf.py": "pdf", "batch_images.py": "images", "eval_batch.py": "eval"}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_SETTING = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Shown:
    """A command of ours: a subcommand of `deepseek-ocr` with its arguments, or a module with them."""

    page: Path
    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.stem}: {self.name} {shlex.join(self.arguments)}"


def blocks(page: Path) -> list[str]:
    """The blocks of code that a shell could be given."""
    return [
        body
        for language, body in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if language in ("", "bash")
    ]


def lines(block: str) -> list[list[str]]:
    """The words of each line, continued lines joined; without those that are no shell, such as trees."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        while words and _SETTING.match(words[0]):
            words = words[1:]
        found.append(words)
    return [words for words in found if words]


def shown(page: Path) -> list[Shown]:
    """The commands of ours on a page."""
    named = (command(words) for block in blocks(page) for words in lines(block))
    return [Shown(page, found[0], tuple(found[1:])) for found in named if found]


def command(words: list[str]) -> list[str] | None:
    """`pdf papers/` for `.venv/bin/python batch_pdf.py papers/`; None for what is not ours."""
    first, rest = words[0].removeprefix(".venv/bin/"), words[1:]
    if first == "srun":
        return command(rest[rest.index("--") + 1 :]) if "--" in rest else None
    if first == "deepseek-ocr":
        return rest
    if first in ("python", "python3") and rest:
        if rest[0] == "-m":
            return module(rest[1], rest[2:])
        return [SCRIPTS.get(rest[0], rest[0]), *rest[1:]]
    if first == "bash" and rest:
        return [rest[0], *rest[1:]]
    return None


def module(name: str, arguments: list[str]) -> list[str]:
    return arguments if name == "ocr_engine" else [name, *arguments]
