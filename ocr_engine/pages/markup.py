"""HTML files and e-mails as one HTML page for an office program: text and structure, nothing that acts.

Runs in a worker: a message or page is a stranger's, and parsers meet their limits there.
"""

import base64
import codecs
import email
import email.policy
import html
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage, MIMEPart
from pathlib import Path

from ocr_engine.errors import DocumentError

MAX_BYTES = 64_000_000
"""Of an HTML file or an e-mail."""
MAX_PICTURE_BYTES = 16_000_000
"""Of all pictures inside an e-mail that are shown in its text."""
MAX_ATTACHMENTS = 500
"""Named in the text; more are counted."""
_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "blockquote", "body", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header",
    "hr", "html", "i", "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "s",
    "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"align", "dir", "lang"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "valign"},
    "th": {"colspan", "rowspan", "valign"},
    "table": {"border", "cellpadding", "cellspacing"},
    "ol": {"start", "type"},
}
_CONTENT_GOES_TOO = {
    "script", "style", "title", "template", "noscript", "iframe", "object", "select", "textarea",
}  # fmt: skip
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_CID = re.compile(r"""(\bsrc\s*=\s*["']?)cid:([^"'\s>]{1,300})""", re.IGNORECASE)
_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MAX_HEADER_CHARS = 4000
_PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif")


def page_of_html(path: Path) -> bytes:
    """An HTML file as a page that loads nothing: no scripts, styles, frames and pictures of other files.

    Raises DocumentError where it is too large.
    """
    return as_page(harmless(decoded(_bytes(path))))


def page_of_mail(path: Path) -> bytes:
    """An e-mail as a page: its headers, its text, the names of what is attached.

    Raises DocumentError where it is too large, or no message.
    """
    try:
        message = email.message_from_bytes(_bytes(path), _class=EmailMessage, policy=email.policy.default)
        return as_page(_mail(message))
    except (DocumentError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - malformed messages make the parser raise many types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DocumentError(f"not an e-mail that can be read: {reason}") from None


def decoded(data: bytes) -> str:
    """HTML as text: by its byte order mark, by what it says of itself, as UTF-8, or else as Windows-1252."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    said = _CHARSET.search(data[:4096])
    for name in ([said[1].decode("ascii", "replace")] if said else []) + ["utf-8"]:
        try:
            return data.decode(name)
        except (LookupError, UnicodeError):
            continue
    return data.decode("cp1252", "replace")


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"larger than {MAX_BYTES // 1_000_000} MB, which is the limit for HTML and e-mail"
        )
    return data


def as_page(body: str) -> bytes:
    """A whole page of this body, in UTF-8."""
    coded = '<meta http-equiv="content-type" content="text/html; charset=utf-8">'
    whole = f"<!DOCTYPE html><html><head>{coded}</head><body>{body}</body></html>"
    return whole.encode("utf-8", "replace")


def harmless(markup: str) -> str:
    """Markup that loads nothing and does nothing; pictures that are in it stay."""
    import nh3

    clean: str = nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_CONTENT_GOES_TOO,
        url_schemes={"data"},
        link_rel=None,
        attribute_filter=_kept,
    )
    return clean


def _kept(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "src" and not (tag == "img" and _PICTURE.fullmatch(value)):
        return None
    return value


def _mail(message: EmailMessage) -> str:
    parts = list(_parts(message))
    head = "".join(
        f"<p><b>{name}:</b> {html.escape(text)}</p>" for name in _HEADERS if (text := _header(message, name))
    )
    attached = [html.escape(_named(part)) for part in parts if part.get_content_disposition() == "attachment"]
    if not head:
        raise DocumentError("not an e-mail: it says neither who wrote it, when, nor what about")
    return f"{head}<hr>{_body(message, parts)}{_list('Attachments', attached)}"


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """All parts that hold something. What is inside an attached message is that attachment's."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        is_inside = part is not message and part.get_content_maintype() == "message"
        if part.is_multipart() and not is_inside:
            waiting += reversed([one for one in part.iter_parts() if isinstance(one, EmailMessage)])
        else:
            yield part


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = message.get(name, "")
    except Exception:  # noqa: BLE001 - a malformed header is left out, not the message
        return ""
    return " ".join(str(value).split())[:_MAX_HEADER_CHARS]


def _body(message: EmailMessage, parts: list[EmailMessage]) -> str:
    found = message.get_body(preferencelist=("html", "plain"))
    if found is None:
        return ""
    text = _text(found)
    if found.get_content_subtype() != "html":
        return f"<pre>{html.escape(text)}</pre>" if len(text) > 1_000_000 else _lines(text)
    return harmless(_with_pictures(text, parts))


def _lines(text: str) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())


def _text(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError, KeyError):  # an unknown character set
        return bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def _with_pictures(text: str, parts: list[EmailMessage]) -> str:
    """HTML whose pictures that are parts of the message stand in it, as long as there is room."""
    room = [MAX_PICTURE_BYTES]
    named = {(part.get("Content-ID") or "").strip("<> "): part for part in parts}

    def shown(found: re.Match[str]) -> str:
        part = named.get(found[2])
        data = _picture(part) if part is not None else b""
        if part is None or not data or len(data) > room[0]:
            return found[0]
        room[0] -= len(data)
        return f"{found[1]}data:{part.get_content_type()};base64,{base64.b64encode(data).decode()}"

    return _CID.sub(shown, text)


def _picture(part: EmailMessage) -> bytes:
    return bytes(part.get_payload(decode=True) or b"") if part.get_content_type() in _PICTURE_TYPES else b""


def _named(part: EmailMessage) -> str:
    name = " ".join((part.get_filename() or "without a name").split())[:300]
    return f"{name} ({part.get_content_type()})"


def _list(title: str, items: list[str]) -> str:
    if not items:
        return ""
    more = f"<li>and {len(items) - MAX_ATTACHMENTS:,} more</li>" if len(items) > MAX_ATTACHMENTS else ""
    shown = "".join(f"<li>{item}</li>" for item in items[:MAX_ATTACHMENTS])
    return f"<hr><p><b>{title}:</b></p><ul>{shown}{more}</ul>"


PAGES: dict[str, Callable[[Path], bytes]] = {
    ".html": page_of_html,
    ".htm": page_of_html,
    ".eml": page_of_mail,
}
"""By suffix, what makes a page of a file."""
