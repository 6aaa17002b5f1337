"""From `engine.model` to a checked checkpoint folder: the embedded one, a local folder, or a hub id.

Everything is checked by reading headers only, so a wrong or half-downloaded folder is refused in one line
before an engine starts. Loads neither torch nor vllm; runs no code from the checkpoint.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_engine.config.suggestions import closest
from ocr_engine.engine import hub
from ocr_engine.engine.devices import cuda_gpu_visible
from ocr_engine.engine.weight_files import read_json, read_shards
from ocr_engine.engine.weights import differences
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import FAMILIES, OCR, family_of_architecture
from ocr_engine.log import logger, printable

AUTO, NANO = "auto", "nano"
AUTO_HUB_ID = FAMILIES[OCR].hub_id

_NANO_FOLDER = Path(__file__).parents[1] / "model" / NANO
_CHECKSUMS = "SHA256SUMS"
_DTYPES = ("bfloat16", "float16", "float32")
_WHOLE_HASH_BYTES = 64 << 20
_SAMPLES, _SAMPLE_BYTES = 256, 4096


class NotDownloadedError(EngineError):
    """A hub id that is not in the cache, and nothing was to be downloaded."""

    def __init__(self, hub_id: str) -> None:
        super().__init__(f"engine.model: {hub_id}: not downloaded yet")
        self.hub_id = hub_id


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with everything needed to start, and how it was chosen."""

    folder: Path
    name: str
    reason: str
    architecture: str
    dtype: str
    max_model_len: int
    kv_values_per_token: int
    """Numbers the KV cache holds for one token, all layers together."""
    model_id: str
    weight_bytes: int = 0
    """Size of the weight files."""
    revision: str = ""
    """The commit of the hub's repository; "" where the folder is not of the hub's cache."""
    lora: str = ""
    """The folder of the adapter that is added to the weights; "" for none."""

    @property
    def family(self) -> str:
        """The model family, one of `families.FAMILIES`."""
        family = family_of_architecture(self.architecture)
        assert family is not None, "checked when it was resolved"
        return family.name


def resolve(model: str, revision: str = "", *, download: bool = True) -> Checkpoint:
    """The checkpoint that `engine.model` names; a hub id is downloaded where it is not in the cache.

    `revision` is a commit, tag or branch of a hub id; "" takes the pinned commit of the official checkpoints
    and of others what `main` was when it was downloaded. Without `download` nothing is fetched:
    NotDownloadedError where it is not in the cache.

    Raises:
        UsageError: no such folder, not a DeepSeek-OCR checkpoint, or a revision of something without any.
        EngineError: files missing or damaged, or the download failed.
    """
    named = model
    if model == AUTO:
        model, reason = _choose()
    else:
        reason = f"model: {printable(model)} (engine.model)"
    if revision and (named == NANO or Path(named).expanduser().is_dir()):
        raise UsageError("engine.revision: works only where engine.model is a hub id; leave it empty")
    if model == NANO:
        _verify_checksums(_NANO_FOLDER)
        return _inspect(_NANO_FOLDER, NANO, reason)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _inspect(folder.resolve(), str(folder), reason)
    if hub.HUB_ID.fullmatch(model) and not folder.exists():
        return _of_hub(model, hub.chosen_revision(model, revision), reason, download=download)
    known = {family.hub_id.rpartition("/")[2]: family.hub_id for family in FAMILIES.values()}
    meant = closest(model, known)
    hint = f" (did you mean {known[meant]}?)" if meant else ""
    raise UsageError(
        f"engine.model: {printable(model)}: no such folder{hint}; give auto, nano, a folder or a hub id"
    )


def _of_hub(hub_id: str, revision: str, reason: str, *, download: bool) -> Checkpoint:
    """From the cache where it is whole there, so that a start needs no network; else downloaded."""
    folder = hub.cached(hub_id, revision)
    if folder is None and not download:
        raise NotDownloadedError(hub_id)
    if folder is not None:
        try:
            return _inspect(folder, hub_id, reason)
        except EngineError as error:
            if not download:
                raise
            logger.info("%s: downloading it again: %s", hub_id, error)
    return _inspect(hub.download(hub_id, revision), hub_id, reason)


def _choose() -> tuple[str, str]:
    if cuda_gpu_visible():
        return AUTO_HUB_ID, f"model: {AUTO_HUB_ID}, because a CUDA GPU is visible (engine.model: auto)"
    return NANO, (
        "model: nano, because no CUDA GPU is visible (engine.model: auto): for clean print, best in PDFs that"
        f" hold their own text; scans and other scripts need {AUTO_HUB_ID} and a GPU"
    )


def _inspect(folder: Path, name: str, reason: str) -> Checkpoint:
    config = read_json(folder / "config.json")
    architecture = _architecture(folder, config)
    read_json(folder / "tokenizer.json")
    shards, shapes = read_shards(folder)
    kv_values_per_token = _kv_values_per_token(folder, config)
    family = family_of_architecture(architecture)
    assert family is not None, "`_architecture` found it"
    max_model_len = min(_number(folder, config, "max_position_embeddings"), family.max_model_len)
    _check_weights(folder, config, shapes, family.name)
    digest = hashlib.sha256()
    for path in (folder / "config.json", folder / "tokenizer.json", *shards):
        add_to_digest(digest, path)
    return Checkpoint(
        folder=folder,
        name=name,
        reason=reason,
        architecture=architecture,
        dtype=_dtype(config),
        max_model_len=max_model_len,
        kv_values_per_token=kv_values_per_token,
        model_id=digest.hexdigest()[:24],
        weight_bytes=sum(path.stat().st_size for path in shards),
        revision=hub.commit_of(folder),
    )


def _check_weights(folder: Path, config: dict[str, Any], shapes: dict[str, Any], family: str) -> None:
    if "quantization_config" in config:
        return  # such a checkpoint has further tensors, which vLLM's own loader knows
    try:
        found = differences(shapes, config, family)
    except ValueError as error:
        raise EngineError(f"{folder}: {error}: the checkpoint is incomplete") from None
    if found:
        raise EngineError(f"{folder}: the weights do not fit its config.json: {found}; download it again")


def _dtype(config: dict[str, Any]) -> str:
    """As trainers write it: under either name, at the top or with the decoder's sizes, or not at all."""
    language = config.get("language_config")
    for place in (config, language if isinstance(language, dict) else {}):
        for key in ("torch_dtype", "dtype"):
            name = str(place.get(key)).removeprefix("torch.")
            if name in _DTYPES:
                return name
    return "bfloat16"


def _kv_values_per_token(folder: Path, config: dict[str, Any]) -> int:
    heads = _number(folder, config, "num_attention_heads")
    channels = _number(folder, config, "hidden_size") // heads
    kv_heads = _number(folder, config, "num_key_value_heads")
    return 2 * _number(folder, config, "num_hidden_layers") * kv_heads * channels


def _number(folder: Path, config: dict[str, Any], key: str) -> int:
    language = config.get("language_config")
    value = language.get(key) if isinstance(language, dict) else None
    if not isinstance(value, int) or value < 1:
        raise EngineError(
            f"{folder}/config.json: language_config.{key} is missing: the checkpoint is incomplete"
        )
    return value


def _architecture(folder: Path, config: dict[str, Any]) -> str:
    found = config.get("architectures")
    names = [str(name) for name in found] if isinstance(found, list) else []
    for name in names:
        if family_of_architecture(name) is not None:
            return name
    known = ", ".join(family.architecture for family in FAMILIES.values())
    raise UsageError(
        f"{folder}: architecture {printable(', '.join(names)) or 'unknown'}, expected one of"
        f" {known}; set engine.model to a checkpoint of these models"
    )


def add_to_digest(digest: "hashlib._Hash", path: Path) -> None:
    """Small files whole; of large ones the size and blocks spread evenly.

    Cheap, and new weights under the same names and shapes still give a new digest.
    """
    size = path.stat().st_size
    digest.update(f"{path.name}:{size}\n".encode())
    with path.open("rb") as file:
        if size <= _WHOLE_HASH_BYTES:
            while block := file.read(1 << 20):
                digest.update(block)
            return
        for number in range(_SAMPLES):
            file.seek(number * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))


def _verify_checksums(folder: Path) -> None:
    try:
        lines = (folder / _CHECKSUMS).read_text(encoding="ascii").split("\n")
        for checksum, name in (line.split("  ", 1) for line in lines if line):
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != checksum:
                    raise EngineError(
                        f"{folder / name}: damaged (checksum differs); install the project again"
                    )
    except (OSError, ValueError) as error:
        raise EngineError(f"{folder}: incomplete ({error}); install the project again") from None
