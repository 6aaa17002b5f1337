"""What would act in a browser that shows markdown: the probe of the sanitiser's target."""

import re
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

ELEMENTS = frozenset({
    "animate", "applet", "audio", "base", "body", "button", "dialog", "embed", "form", "frame",
    "frameset", "head",
    "html", "iframe", "image", "input", "link", "marquee", "math", "meta", "noscript", "object", "plaintext",
    "portal", "script", "select", "set", "slot", "source", "style", "svg", "template", "textarea",
    "title", "track",
    "video", "xmp",
})  # fmt: skip
"""Elements that load, run, post or swallow something by being there."""
ADDRESSES = frozenset({
    "action", "background", "cite", "data", "formaction", "href", "longdesc", "manifest", "ping",
    "poster", "src",
    "srcset", "xlink:href", "lowsrc", "dynsrc", "codebase", "archive", "profile", "usemap",
})  # fmt: skip
FIGURES = "figures/"
"""What our own picture links start with."""
_TAG_NAME = re.compile(r"<([A-Za-z][^\s/>]*)")
_SPACE = re.compile(r"[\x00-\x20]+")


def _renderer(*rules: str) -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": True}).enable(list(rules))
    renderer.validateLink = lambda url: True  # type: ignore[method-assign]  # a renderer that checks nothing
    return renderer


RENDERERS = (_renderer(), _renderer("table", "strikethrough"))


def acts(markdown: str) -> list[str]:
    """What acts once `markdown` is rendered, raw HTML allowed, no link checked; empty where nothing does."""
    return [found for renderer in RENDERERS for found in acts_in(renderer.render(markdown))]


def acts_in(html: str) -> list[str]:
    """What acts in HTML, read by the parser of a browser: elements, handlers, styles, addresses."""
    found: list[str] = []

    def note(element: str, attribute: str, value: str) -> str:
        if not _harmless(element, attribute, value):
            found.append(f"<{element} {attribute}=> | {value!r}")
        return value

    # nh3 reads HTML as a browser does; here it only tells what it saw.
    seen = nh3.clean(
        html,
        tags={name.lower() for name in _TAG_NAME.findall(html)} | ELEMENTS,
        clean_content_tags=set(),
        attributes={"*": ADDRESSES | {"style", "srcdoc", "http-equiv"}},
        generic_attribute_prefixes={"on"},
        attribute_filter=note,
        link_rel=None,
        url_schemes=_schemes(html),
        strip_comments=False,
    )
    return found + [f"<{name}>" for name in _TAG_NAME.findall(seen) if name.lower() in ELEMENTS]


def _schemes(html: str) -> set[str]:
    """Every word before a colon: nh3 is to drop no link before it is looked at."""
    return {word.lower() for word in re.findall(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)", html)} | {
        "javascript", "vbscript", "data", "file", "http", "https", "mailto",
    }  # fmt: skip


def _harmless(element: str, attribute: str, value: str) -> bool:
    """A link that a person has to follow to the web or within the page, or a picture of ours."""
    if attribute not in ADDRESSES:
        return False
    address = _SPACE.sub("", value)
    if element == "img":
        return attribute == "src" and address.startswith(FIGURES) and ".." not in address
    if element != "a" or attribute != "href":
        return False
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return False
    return scheme in ("", "http", "https", "mailto") and not address.startswith(("//", "\\"))
