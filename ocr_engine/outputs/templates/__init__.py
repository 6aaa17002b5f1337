"""The templates and styles of report and review, and the policies that keep their pages from acting."""

import base64
import hashlib
from functools import lru_cache
from importlib import resources
from typing import Any


@lru_cache(maxsize=16)
def read(name: str) -> str:
    """A file of this folder, which is part of the package."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


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
