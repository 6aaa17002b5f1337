"""Markdown in, what would act out: rendered by the common renderers, and read as a browser reads it.

Every renderer is told to check nothing itself where it can be told so: raw HTML passes, links are not judged.
"""

import html
import re
from collections.abc import Callable
from functools import cache, partial
from html.parser import HTMLParser

import nh3
import pytest

Render = Callable[[str], str]
NAMES = (
    "markdown-it",
    "markdown-it with tables",
    "commonmark",
    "cmark",
    "cmark-gfm",
    "cmark-gfm safe",
    "mistune",
    "python-markdown",
    "python-markdown extra",
    "markdown2",
    "markdown2 extras",
)
_TAG_NAME = re.compile(r"</?([^\s<>/]+)")
_WORD = re.compile(r"[^\s\"'<>/=\x00]+")
_HANDLER = re.compile(r"on\w*")
_LOADS = frozenset({
    "action", "archive", "background", "cite", "classid", "codebase", "data", "dynsrc", "formaction",
    "http-equiv", "icon", "longdesc", "lowsrc", "manifest", "ping", "poster", "profile", "src", "srcdoc",
    "srcset", "style", "usemap", "xlink:href", "xml:base",
})  # fmt: skip
_ACTS = frozenset({
    "animate", "applet", "audio", "base", "bgsound", "body", "button", "dialog", "embed", "form", "frame",
    "frameset", "head", "html", "iframe", "image", "isindex", "link", "listing", "marquee", "math", "meta",
    "noembed", "noframes", "noscript", "object", "plaintext", "portal", "script", "select", "set", "slot",
    "source", "style", "svg", "template", "textarea", "title", "track", "video", "xmp",
})  # fmt: skip
_ALIGN = re.compile(r"text-align: ?(?:left|right|center);?")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):|(//)", re.IGNORECASE)
_LEFT_OUT = re.compile(r"^[\x00-\x20]+|[\t\n\r]+")
_WEB = frozenset({"http", "https", "mailto", "ftp", "xmpp"})
"""Schemes that lead to a page or a mail program; GFM makes links of the last two where they stand bare."""


def _markdown_it(tables: bool) -> Render:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": True})
    if tables:
        renderer = renderer.enable(["table", "strikethrough"])
    renderer.validateLink = lambda url: True  # type: ignore[method-assign]
    return lambda text: str(renderer.render(text))


def _commonmark() -> Render:
    return partial(pytest.importorskip("commonmark").commonmark)


def _cmark(gfm: bool, unsafe: bool) -> Render:
    module = pytest.importorskip("cmarkgfm")
    render = module.github_flavored_markdown_to_html if gfm else module.markdown_to_html
    options = module.cmark.Options.CMARK_OPT_UNSAFE if unsafe else 0
    return lambda text: str(render(text, options=options))


def _mistune() -> Render:
    mistune = pytest.importorskip("mistune")
    plugins = ["table", "strikethrough", "url", "footnotes", "task_lists", "def_list"]
    renderer = mistune.HTMLRenderer(escape=False, allow_harmful_protocols=True)
    return partial(mistune.create_markdown(renderer=renderer, plugins=plugins))


def _python_markdown(extensions: list[str]) -> Render:
    markdown = pytest.importorskip("markdown")
    return lambda text: str(markdown.Markdown(extensions=extensions).convert(text))


def _markdown2(extras: list[str]) -> Render:
    markdown2 = pytest.importorskip("markdown2")
    return lambda text: str(markdown2.Markdown(extras=extras).convert(text))


_MAKERS: dict[str, Callable[[], Render]] = {
    "markdown-it": partial(_markdown_it, False),
    "markdown-it with tables": partial(_markdown_it, True),
    "commonmark": _commonmark,
    "cmark": partial(_cmark, False, True),
    "cmark-gfm": partial(_cmark, True, True),
    "cmark-gfm safe": partial(_cmark, True, False),
    "mistune": _mistune,
    "python-markdown": partial(_python_markdown, ["fenced_code"]),
    "python-markdown extra": partial(_python_markdown, ["extra", "sane_lists"]),
    "markdown2": partial(_markdown2, ["fenced-code-blocks"]),
    "markdown2 extras": partial(
        _markdown2, ["fenced-code-blocks", "tables", "strike", "footnotes", "cuddled-lists"]
    ),
}


@cache
def renderer(name: str) -> Render:
    """The renderer of this name; skips the test where it is not installed."""
    return _MAKERS[name]()


def what_acts(markdown: str, name: str) -> list[str]:
    """What would run, load or lead astray when a browser shows `markdown` as this renderer renders it."""
    return what_acts_in(renderer(name)(markdown))


def what_acts_in(rendered: str) -> list[str]:
    """The same of HTML: as a browser's parser reads it, and as a simpler one that keeps every tag."""
    tags = {tag.lower() for tag in _TAG_NAME.findall(rendered)}
    words = {word.lower() for word in _WORD.findall(rendered)}
    schemes = {
        match[1].lower() for match in _SCHEME.finditer(_as_address(html.unescape(rendered))) if match[1]
    }
    seen = _Acting()
    nh3.clean(
        rendered,
        tags=tags,
        clean_content_tags=set(),
        attributes={"*": words},
        attribute_filter=seen.attribute,
        link_rel=None,
        url_schemes=schemes | _WEB,
    )
    seen.feed(rendered)
    seen.close()
    return seen.found


class _Acting(HTMLParser):
    """Notes what acts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTS or (tag in ("img", "input") and not self._own(tag, dict(attrs))):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            self.attribute(tag, name, value or "")

    @staticmethod
    def _own(tag: str, attrs: dict[str, str | None]) -> bool:
        """Whether a renderer made it of our figure link, or of `- [ ]`."""
        if tag == "img":
            return _is_near(attrs.get("src") or "")
        return attrs.get("type") == "checkbox" and "disabled" in attrs

    def attribute(self, tag: str, name: str, value: str) -> str:
        if self._bad(tag, name.lower(), value):
            self.found.append(f"<{tag} {name}={value!r}>")
        return value

    @staticmethod
    def _bad(tag: str, name: str, value: str) -> bool:
        if not value:
            return False
        if tag == "img" and name == "src":
            return not _is_near(value)
        if name == "style" and tag in ("td", "th"):
            return _ALIGN.fullmatch(value) is None
        if name == "href":
            found = _SCHEME.match(_as_address(value))
            return bool(found and (found[2] or found[1].lower() not in _WEB))
        return name in _LOADS or _HANDLER.fullmatch(name) is not None


def _as_address(value: str) -> str:
    """The value as browsers read it: without what they leave out of an address."""
    return _LEFT_OUT.sub("", value)


def _is_near(source: str) -> bool:
    """Whether a picture comes from the folder itself, not from the network or another place of the disk."""
    return not re.match(r"[a-z][a-z0-9+.-]*:|[/\\]", _as_address(source), re.IGNORECASE)
