"""Web pages and e-mails as one page: what stays of them, and what may not."""

import base64
import contextlib
import tempfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.errors import DocumentError
from ocr_engine.pages import markup
from ocr_engine.pages.markup import decoded, page_of_html, page_of_mail

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==")


def page(tmp_path: Path, text: str | bytes, name: str = "a.html") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return (page_of_mail if name.endswith(".eml") else page_of_html)(path).decode()


def test_text_and_structure_stay(tmp_path: Path) -> None:
    kept = '<h1>A</h1><p>b <b>c</b></p><table><tbody><tr><td colspan="2">d</td></tr></tbody></table>'
    assert kept in page(tmp_path, f"<html><title>no</title><body>{kept}")
    assert "data:image/gif;base64,R0lG" in page(tmp_path, '<img src="data:image/gif;base64,R0lG">')


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>BAD</script>", "<style>@import 'BAD'</style>", "<iframe src='BAD'></iframe>",
        "<img src='file:///BAD'>", "<img src='BAD.png'>", "<img src='http://h/BAD'>",
        "<object data=BAD>BAD</object>",
        "<img src='data:image/svg+xml;base64,BAD'>",
        "<p style='background:url(BAD)'>", "<link href=BAD>",
        "<a href='javascript:BAD'>x</a>", "<p onclick=BAD>", "<base href=BAD>",
        "<meta http-equiv=refresh content=BAD>",
        "<sdfield type=BAD>", "<body background='file:///BAD'>", "<!-- BAD -->", "<embed src=BAD>",
        "<td background=BAD>",
        "<svg><image href=BAD /></svg>", "<video poster=BAD>", "<input type=image src=BAD>",
    ],
)  # fmt: skip
def test_nothing_that_acts_or_loads_stays(tmp_path: Path, hostile: str) -> None:
    assert "BAD" not in page(tmp_path, f"<p>text</p>{hostile}")


@pytest.mark.parametrize(
    "data",
    [
        "Grüße".encode(), b"\xef\xbb\xbf" + "Grüße".encode(), "\ufeffGrüße".encode("utf-16-le"),
        "Grüße".encode("cp1252"),
        b"<meta charset='iso-8859-15'>" + "Grüße".encode("iso-8859-15"),
        b"<meta charset='no-such'>" + "Grüße".encode(),
    ],
)  # fmt: skip
def test_character_sets(data: bytes) -> None:
    assert "Grüße" in decoded(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded(data: bytes) -> None:
    decoded(data)


def test_too_large_a_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "MAX_BYTES", 10)
    with pytest.raises(DocumentError, match="larger than"):
        page(tmp_path, "x" * 11)


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name] = value
    return message


def test_a_mail_has_its_headers_its_text_and_the_names_of_what_is_attached(tmp_path: Path) -> None:
    message = mail(From="Ä <a@b.c>", To="d@e.f", Subject="Grüße <b>")
    message.set_content("first\n<second>")
    message.add_alternative(
        "<p>Dear <i>all</i></p><script>BAD</script><img src='cid:logo'><img src='cid:none'>", subtype="html"
    )
    html_part = message.get_payload()[1]  # type: ignore[index]
    html_part.add_related(PIXEL, "image", "gif", cid="<logo>")  # type: ignore[union-attr]
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../<bill>.pdf")
    found = page(tmp_path, message.as_bytes(), "a.eml")
    assert "<b>From:</b> Ä &lt;a@b.c&gt;" in found and "<b>Subject:</b> Grüße &lt;b&gt;" in found
    assert "<i>all</i>" in found and "data:image/gif;base64,R0lG" in found and found.count("src=") == 1
    assert "<li>../&lt;bill&gt;.pdf (application/pdf)</li>" in found
    assert "BAD" not in found and "second" not in found


def test_a_plain_mail_keeps_its_lines(tmp_path: Path) -> None:
    message = mail(Subject="s")
    message.set_content("one\n\n<two>")
    assert "<p>one</p><p></p><p>&lt;two&gt;</p>" in page(tmp_path, message.as_bytes(), "a.eml")


def test_an_attached_message_is_named_and_not_taken_for_the_text(tmp_path: Path) -> None:
    inner = mail(Subject="inner")
    inner.set_content("the other text")
    message = mail(Subject="outer")
    message.set_content("my text")
    message.add_attachment(inner)
    found = page(tmp_path, message.as_bytes(), "a.eml")
    assert "my text" in found and "message/rfc822" in found and "the other text" not in found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "not an e-mail"),
        (b"Subject: x\nContent-Type: text/plain; charset=no-such\n\n\xff text", "text"),
        (b"Subject: =?x?q?broken\n\ntext", "text"),
        (b"From: \x00\xff<\nSubject: s\nContent-Type: multipart/mixed; boundary=X\n\n--X\n\ntext", "text"),
        (b"Subject: s\nContent-Transfer-Encoding: base64\nContent-Type: text/html\n\n!!!!", "Subject"),
    ],
)
def test_malformed_mails(tmp_path: Path, data: bytes, expected: str) -> None:
    try:
        found = page(tmp_path, data, "a.eml")
    except DocumentError as error:
        found = str(error)
    assert expected in found


def test_deep_and_many_parts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "MAX_ATTACHMENTS", 3)
    monkeypatch.setattr(markup, "MAX_PICTURE_BYTES", len(PIXEL))
    message = mail(Subject="s")
    message.set_content("<img src='cid:a'><img src='cid:b'>", subtype="html")
    for cid in "ab":
        message.add_related(PIXEL, "image", "gif", cid=f"<{cid}>")
    for number in range(5):
        message.add_attachment(b"x", maintype="a", subtype="b", filename=f"{number}.bin")
    found = page(tmp_path, message.as_bytes(), "a.eml")
    assert found.count("<li>") == 4 and "and 2 more" in found and found.count("data:image") == 1
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (at, at) for at in range(3000))
    try:
        page(tmp_path, b"Subject: deep\n" + deep, "deep.eml")
    except DocumentError as error:
        assert "not an e-mail that can be read" in str(error)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_mail_or_refused(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(b"Content-Type: multipart/mixed; boundary=a\n" + data)
        file.flush()
        with contextlib.suppress(DocumentError):
            page_of_mail(Path(file.name))
