"""Checkpoints by hub id: from the local cache, or downloaded with the library's own progress bar."""

import os
from pathlib import Path

from ocr_engine.errors import EngineError
from ocr_engine.log import logger, printable

_FILES = ["*.json", "*.safetensors"]
_REMEDY = "or download it elsewhere and set engine.model to the folder"
_CAUSES = {
    "GatedRepoError": "access is restricted: accept its terms on its page and set HF_TOKEN",
    "RepositoryNotFoundError": "no such repository, or it is private: check the name, or set HF_TOKEN",
    "RevisionNotFoundError": "the repository has no files",
    "LocalEntryNotFoundError": "the hub cannot be reached: check the network, HF_ENDPOINT and proxies",
}


def cached(hub_id: str) -> Path | None:
    """The folder of an earlier download, or None; the network is not asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_FILES, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None


def download(hub_id: str) -> Path:
    """Download config, tokenizer and weights; no code of the repository.

    Raises:
        EngineError: offline, not found, restricted, or the download broke off.
    """
    from huggingface_hub import snapshot_download

    if _offline():
        raise EngineError(
            f"engine.model: {hub_id}: not in the cache, and HF_HUB_OFFLINE is set; unset it, {_REMEDY}"
        )
    logger.info("downloading %s, once", hub_id)
    try:
        return Path(snapshot_download(hub_id, allow_patterns=_FILES))
    except Exception as error:  # noqa: BLE001 - the library lets its HTTP client's errors through, which change
        raise EngineError(f"engine.model: {hub_id}: {_cause(error)}; {_REMEDY}") from None


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE")


def _cause(error: Exception) -> str:
    known = _CAUSES.get(type(error).__name__)
    if known is not None:
        return known
    detail = printable(str(error).strip().partition("\n")[0], 160)
    return f"the download broke off ({detail}): run again, files that are whole are kept"
