"""Checkpoints by hub id: from the local cache, or downloaded with the library's own progress bar."""

import logging
import re
from pathlib import Path

from ocr_engine.errors import EngineError
from ocr_engine.log import logger, printable

PINNED = {
    "deepseek-ai/deepseek-ocr": "9f30c71f441d010e5429c532364a86705536c53a",
    "deepseek-ai/deepseek-ocr-2": "aaa02f3811945a91062062994c5c4a3f4c0af2b0",
}
"""Hub ids in small letters, and the commit that is taken unless `engine.revision` names another."""
_FILES = ["*.json", "*.safetensors"]
_COMMIT = re.compile("[0-9a-f]{40}")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REMEDY = "or download it elsewhere and set {key} to the folder"
_LOOK_TIMEOUT_S = 10
_UNREACHED = "the hub cannot be reached: check the network, HF_ENDPOINT and proxies"
_CAUSES = {
    "GatedRepoError": "access is restricted: accept its terms on its page and set HF_TOKEN",
    "RepositoryNotFoundError": "no such repository, or it is private: check the name, or set HF_TOKEN",
    "RevisionNotFoundError": "no such revision: check engine.revision",
    "LocalEntryNotFoundError": _UNREACHED,
}


def chosen_revision(hub_id: str, revision: str) -> str:
    """The revision to take: the one that is asked for, else the pinned commit, else the hub's `main`."""
    return revision or PINNED.get(hub_id.lower(), "main")


def commit_of(folder: Path) -> str:
    """The commit that a folder of the hub's cache holds, 40 hex digits; "" of other folders."""
    return folder.name if folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) else ""


def cache() -> Path:
    """Where weights are downloaded to."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def cached(hub_id: str, revision: str) -> Path | None:
    """The folder of an earlier download of this revision, or None; the network is not asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(hub_id, revision=revision, allow_patterns=_FILES, local_files_only=True)
        )
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None


def trouble(hub_id: str, revision: str) -> str:
    """Why a download would fail, "" where nothing speaks against it. Asks for the facts of one file."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set: unset it for the download"
    try:
        get_hf_file_metadata(hf_hub_url(hub_id, "config.json", revision=revision), timeout=_LOOK_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - the library lets its HTTP client's errors through, which change
        return _CAUSES.get(type(error).__name__, _UNREACHED)
    return ""


def download(hub_id: str, revision: str, key: str = "engine.model") -> Path:
    """Download config, tokenizer and weights of a revision; no code of the repository.

    A branch or tag can be moved: which commit it is now is said in a warning. `key` of the config names it.

    Raises:
        EngineError: offline, not found, restricted, or the download broke off.
    """
    from huggingface_hub import constants, snapshot_download

    if constants.HF_HUB_OFFLINE:
        raise EngineError(
            f"{key}: {hub_id}: {_short(revision)} is not in the cache, and HF_HUB_OFFLINE is set;"
            f" unset it, {_REMEDY.format(key=key)}"
        )
    logger.info("downloading %s, %s, once", hub_id, _short(revision))
    # Each of its retries would be two lines; what failed at last is one of ours.
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=_FILES))
    except Exception as error:  # noqa: BLE001 - the library lets its HTTP client's errors through, which change
        raise EngineError(f"{key}: {hub_id}: {_cause(error)}; {_REMEDY.format(key=key)}") from None
    if not _COMMIT.fullmatch(revision):
        logger.warning(
            "%s: %s is commit %s now; to read with the same weights anywhere, set engine.revision to it",
            hub_id, revision, commit_of(folder),
        )  # fmt: skip
    return folder


def _short(revision: str) -> str:
    return f"commit {revision[:12]}" if _COMMIT.fullmatch(revision) else f"revision {revision}"


def _cause(error: Exception) -> str:
    known = _CAUSES.get(type(error).__name__)
    if known is not None:
        return known
    detail = printable(str(error).strip().partition("\n")[0], 160)
    return f"the download broke off ({detail}): run the same command again, it goes on from there"
