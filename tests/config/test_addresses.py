"""Addresses with credentials: refused before anything is written, and shown without them everywhere."""

import re
from pathlib import Path

import pytest

from ocr_engine import config, urls
from ocr_engine.config import without_credentials
from ocr_engine.errors import ExitCode, UsageError
from tests.conversion.test_pipeline import run_pdf

SECRETS = ("PASSW0RD", "SECRET")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:PASSW0RD@host:8000/v1", "http://…@host:8000/v1"),
        ("https://SECRET@host/v1", "https://…@host/v1"),
        ("http://host/v1?api_key=SECRET", "http://host/v1?…"),
        ("s3://KEY:PASSW0RD@bucket/a.pdf", "s3://…@bucket/a.pdf"),
        ("abfs://container@account.example/a.pdf", None),
        ("s3://bucket/a@b?.pdf", None),
        ("hf://datasets/me/it@main/a.pdf", None),
        ("2 of 'http://u:PASSW0RD@a/b', https://c/?k=SECRET; end", "2 of 'http://…@a/b', https://c/?… end"),
        ("http://user:PASSW0RD@x@host/", "http://…@host/"),
        ("no address: a:b@c?d", None),
    ],
)
def test_only_what_is_secret_is_hidden(text: str, shown: str | None) -> None:
    assert without_credentials(text) == (shown or text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("engine.server.endpoints", ["http://good:8000", "http://user:PASSW0RD@host:8000"]),
        ("engine.server.endpoints", ["https://host:8000/v1?api_key=SECRET"]),
        ("engine.server.endpoints", ["HTTP://SECRET@host:8000"]),
        ("engine.server.endpoints", ["user:PASSW0RD@host:8000"]),
        ("input.path", "http://user:PASSW0RD@host/a.pdf"),
        ("input.path", ["a.pdf", "https://host/a.pdf?X-Amz-Signature=SECRET"]),
        ("input.path", "ftp://user:PASSW0RD@host/a.pdf"),
        ("output.path", "s3://KEY:PASSW0RD@bucket/out"),
        ("engine.model", "https://SECRET@host/model"),
    ],
)
def test_a_config_with_a_secret_in_an_address_is_refused(key: str, value: object) -> None:
    overrides = {key: value, "engine.backend": "server"}
    overrides.setdefault("engine.server.endpoints", ["http://good:8000"])
    with pytest.raises(UsageError, match=f"command line: {re.escape(key)}: ") as caught:
        config.load(None, overrides)
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_passwords_and_prompts_are_no_addresses() -> None:
    given = {"input.password": "http://a:b@c", "prompt": "http://a:b@c <image>", "allow_custom_prompt": True}
    assert config.load(None, given).input.password == "http://a:b@c"


def test_such_a_run_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    endpoints = "engine.server.endpoints=[http://user:PASSW0RD@127.0.0.1:9]"
    for words in (["http://user:PASSW0RD@127.0.0.1:9/a.pdf"], ["a.pdf", "--set", endpoints]):
        assert run_pdf(*words, "--output", output) == ExitCode.USAGE
    assert not output.exists() and "PASSW0RD" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("text", ["http://u:PASSW0RD@h", "engine.server.endpoints=[http://u:PASSW0RD@h"])
def test_an_option_that_cannot_be_read_is_shown_without_it(text: str) -> None:
    with pytest.raises(UsageError, match="--set ") as caught:
        config.parse_override(text)
    assert "PASSW0RD" not in str(caught.value)


def test_what_a_store_says_is_shown_without_it() -> None:
    error = OSError("GET https://bucket.example/a.pdf?X-Amz-Signature=SECRET\nfailed " + "x" * 10_000)
    assert urls.reason(error).startswith("GET https://bucket.example/a.pdf?… failed xxx")


def test_missing_credentials_of_a_store_come_with_what_to_set() -> None:
    missing = type("NoCredentialsError", (Exception,), {})
    assert urls.reason(missing("Unable to locate credentials")).endswith(
        "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )


def test_a_store_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"ftp://127\.0\.0\.1:9/a\.pdf: .*refused"):
        urls.filesystem("ftp://127.0.0.1:9/a.pdf")
