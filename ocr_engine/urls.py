"""Object stores by URL, through fsspec: s3://, gs://, az://, hf:// and what else it knows. Opens nothing."""

import posixpath
import re
from typing import Any

from ocr_engine.config import without_credentials
from ocr_engine.errors import UsageError
from ocr_engine.log import printable

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_FILE = "file://"
_MAX_CHARS = 4000
_REMEDIES = {
    "NoCredentialsError": "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
}
"""What to do about errors of the stores' own packages, by the name of the error's class."""


def is_url(text: str) -> bool:
    """Whether this names something in a store. `file://` does not: see `local_path`."""
    return bool(_URL.match(text)) and not text.lower().startswith(_FILE)


def local_path(text: str) -> str:
    """A path without `file://`, which says that it is one."""
    return text[len(_FILE) :] if text.lower().startswith(_FILE) else text


def filesystem(url: str) -> tuple[Any, str]:
    """The store of a URL and the path in it. Nothing is asked of the store.

    Raises:
        UsageError: no such kind of store, or its package is not installed.
    """
    import fsspec

    kind = url.partition("://")[0].lower()
    try:
        store, path = fsspec.core.url_to_fs(url)
    except ImportError:
        package = _PACKAGES.get(kind, f"fsspec's package for {kind}://")
        raise UsageError(
            f"{_shown(url)}: needs a package that is not installed: pip install {package}"
        ) from None
    except Exception as error:  # every store has errors of its own; some connect at once
        raise UsageError(f"{_shown(url)}: {reason(error)}") from error
    return store, str(path).rstrip("/")


def below(root: str, path: str) -> str | None:
    """A store's path relative to `root`; None where it is no clean path below it."""
    prefix = root.rstrip("/") + "/"
    relative = path[len(prefix) :] if path.startswith(prefix) else ""
    parts = relative.split("/")
    if not relative or "\0" in relative or any(part in ("", ".", "..") for part in parts):
        return None
    return posixpath.join(*parts)


def object_version(info: dict[str, Any]) -> str:
    """What tells one content of an object from another, as a store's listing shows it."""
    return str(info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime") or "")


def reason(error: BaseException) -> str:
    """What went wrong with a store, in one line."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if remedy := _REMEDIES.get(type(error).__name__):
        return remedy
    words = " ".join(str(error)[:_MAX_CHARS].split())
    return printable(without_credentials(words) or type(error).__name__, 200)


def _shown(url: str) -> str:
    return printable(without_credentials(url))
