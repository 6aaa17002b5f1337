"""The templates and styles of report and review, and the policies that keep their pages from acting."""

import base64
import hashlib
import re
from functools import lru_cache
from importlib import resources
from typing import Any

from ocr_engine.records import PageStatus

_STATUSES = re.compile(r"/\* statuses: (.+?) \*/")


@lru_cache(maxsize=16)
def read(name: str) -> str:
    """A file of this folder, which is part of the package."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def styles(*names: str) -> str:
    """Style sheets of this folder one after the other, with what each status looks like filled in."""
    return _STATUSES.sub(_looks, "".join(map(read, names)))


def _looks(mark: re.Match[str]) -> str:
    """CSS for every status: its colour as a variable, or a rule that uses it, two rules a line."""
    selector, _, rule = mark[1].rpartition(" ")
    if not selector:
        return " ".join(f"--{status}: {getattr(status.facts, rule)};" for status in PageStatus)
    rules = [f"{selector.replace('*', status)} {{ {rule}: var(--{status}); }}" for status in PageStatus]
    return "\n".join(" ".join(rules[at : at + 2]) for at in range(0, len(rules), 2))


@lru_cache(maxsize=1)
def environment() -> Any:
    """The jinja2 environment of all templates: everything is escaped, an unknown name is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def policy(style: str, script: str = "") -> str:
    """A Content-Security-Policy: this style, this script, pictures of the same folder tree, no more."""
    allowed = ["default-src 'none'", f"style-src '{_digest(style)}'", "img-src 'self' file:"]
    if script:
        allowed.append(f"script-src '{_digest(script)}'")
    return "; ".join([*allowed, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
