"""The config: YAML -> frozen dataclasses -> overrides -> checked. Knows every key, does no work.

Types and ranges are checked by msgspec; unknown keys are refused here, with a suggestion. `config.yaml`
in the project's root lists every key with its default (a test compares the two).
"""

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from ocr_engine.errors import UsageError
from ocr_engine.spec import MODES, NGRAM_WHITELIST, PRESETS, PROMPTS

Positive = Annotated[int, msgspec.Meta(ge=1)]
Where = Callable[[str], str]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class InputConfig:
    """What is read."""

    path: str | tuple[str, ...] = "samples"
    pages: str = ""
    max_pages: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_document_pages: Positive = 20_000
    password: str = ""
    cache: str = ""
    cache_gb: Annotated[float, msgspec.Meta(gt=0)] = 20.0


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """What is written."""

    path: str = "outputs"
    mirror: str = ""
    sync_s: Seconds = 15.0
    layout: Literal[
        "tree", "page-folders", "official", "official-image", "official-eval", "official-eval2"
    ] = "tree"
    merge: bool = True
    page_separator: str = "<!-- page {page} -->"
    figures: bool = True
    overlays: bool = False
    raw: bool = True
    report: bool = True
    review: bool = False
    html: bool = False
    searchable_pdf: bool = False
    jsonl: bool = False
    parquet: bool = False
    zip: bool = False


@dataclass(frozen=True, slots=True)
class TextConfig:
    """How text is written in `layout: tree`. The defaults keep the model's own text."""

    tables: Literal["html", "markdown"] = "html"
    math_delimiters: Literal["latex", "dollar"] = "latex"
    headers_footers: Literal["keep", "drop"] = "keep"
    list_repair: bool = False
    merge_tables: bool = False
    join_paragraphs: bool = False


@dataclass(frozen=True, slots=True)
class FiguresConfig:
    """The second look at cropped figures."""

    parse: bool = False
    max_per_page: Positive = 8
    min_side_px: Annotated[int, msgspec.Meta(ge=1)] = 64
    cards: bool = True


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """How a page becomes pixels."""

    backend: Literal["auto", "pymupdf", "pdfium"] = "auto"
    dpi: Annotated[int, msgspec.Meta(ge=18, le=1200)] = 144
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout_s: Seconds = 60.0
    max_pixels: Annotated[int, msgspec.Meta(ge=10_000)] = 40_000_000
    worker_memory_mb: Annotated[int, msgspec.Meta(ge=256)] = 1_500


@dataclass(frozen=True, slots=True)
class NgramConfig:
    """The n-gram guard: no n-gram of `size` tokens twice within `window` output tokens. 0 turns it off."""

    size: Annotated[int, msgspec.Meta(ge=0)] = 20
    window: Annotated[int, msgspec.Meta(ge=0)] = 50
    whitelist: tuple[str, ...] = NGRAM_WHITELIST


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Running vLLM servers that answer instead of an engine of our own."""

    endpoints: tuple[str, ...] = ()
    model: str = ""
    images: Literal["views", "png"] = "views"
    in_flight: Positive = 64
    timeout_s: Seconds = 600.0
    patience_s: Seconds = 600.0


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The model and how vLLM runs it."""

    backend: Literal["vllm", "server", "replay"] = "vllm"
    model: str = "auto"
    replay_from: str = ""
    replicas: Literal["auto"] | Positive = "auto"
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    quantization: Literal["", "fp8", "int8", "mxfp4"] = ""
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    attention_backend: Literal["", "FLASH_ATTN", "FLASHINFER", "TRITON_ATTN"] = ""
    max_num_seqs: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_num_batched_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_model_len: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    gpu_memory_utilization: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.85
    kv_cache_gb: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    enforce_eager: bool = False
    in_flight: Annotated[int, msgspec.Meta(ge=0)] = 0
    start_timeout_s: Seconds = 1800.0
    hang_timeout_s: Seconds = 300.0
    max_deaths: Positive = 8
    ngram: NgramConfig = field(default_factory=NgramConfig)
    server: ServerConfig = field(default_factory=ServerConfig)


@dataclass(frozen=True, slots=True)
class RetryStep:
    """One more attempt at a page: what differs from the config. `halves` reads its top and bottom apart.

    `turn` is clockwise; 90 and 270 are tried only where the page's lines run down it.
    """

    mode: str | None = None
    prompt: str | None = None
    ngram_size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    ngram_window: Annotated[int, msgspec.Meta(ge=0)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    halves: bool = False
    turn: Literal[0, 90, 180, 270] = 0


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """How an answer is judged, and what is done about a bad one."""

    loop_abort: bool = True
    retries: tuple[RetryStep, ...] = (
        RetryStep(turn=90),
        RetryStep(turn=270),
        RetryStep(ngram_window=1024),
        RetryStep(halves=True),
    )
    blank_ink: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.00002
    compare_text_layer: bool = True
    suspect_recall: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    retry_suspect: bool = False
    text_layer_fallback: bool = False


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where a run's work is done."""

    backend: Literal["none", "ray"] = "none"
    address: str = "auto"
    engines: Annotated[int, msgspec.Meta(ge=0)] = 0
    gpus_per_engine: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    cpus_per_engine: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    pages_per_engine: Positive = 320
    pages_per_task: Positive = 4


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run depends on."""

    preset: Literal["", "pdf", "image", "image2", "eval", "eval2"] = ""
    input: InputConfig = field(default_factory=InputConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    text: TextConfig = field(default_factory=TextConfig)
    figures: FiguresConfig = field(default_factory=FiguresConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    mode: str = "gundam"
    max_tiles: Annotated[int, msgspec.Meta(ge=2, le=9)] = 6
    prompt: str = "markdown"
    find: str = ""
    allow_custom_prompt: bool = False
    engine: EngineConfig = field(default_factory=EngineConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)


def load(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """The config of a YAML file (or the defaults), with `overrides` given as dotted keys.

    Raises:
        UsageError: unreadable file, unknown key, wrong type or value; the message names the key.
    """
    values = _read_yaml(path) if path is not None else {}
    overrides = overrides or {}
    overridden = tuple(overrides)
    preset = overrides.get("preset", values.get("preset"))
    # Other types and unknown names are refused below, with the key's name.
    official = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    for key, value in (*official.items(), *overrides.items()):
        _put(values, key.split("."), value)

    def where(key: str) -> str:
        """Where the value of a key was given."""
        from_command_line = any(other == key or other.startswith(f"{key}.") for other in overridden)
        return "command line" if from_command_line or path is None else str(path)

    _refuse_unknown(values, Config, where, ())
    _refuse_unknown_in_steps(values, where)
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        key, reason = _place_and_reason(error)
        raise UsageError(f"{where(key)}: {key}: {reason}") from None
    _check_meaning(config, where)
    return config


def find_file(given: Path | None) -> Path | None:
    """The config file: as given, else `config.yaml` here or in the project's root, where there is one."""
    if given is not None:
        return given
    candidates = (Path("config.yaml"), Path(__file__).parents[1] / "config.yaml")
    return next((path for path in candidates if path.is_file()), None)


def parse_override(text: str) -> tuple[str, Any]:
    """`key.path=value` of `--set`; the value is read as YAML, so `true`, `5` and `[a, b]` have their types.

    Raises:
        UsageError: no `=`, or a value that is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text}: expected KEY=VALUE, such as --set engine.max_num_seqs=256")
    try:
        return key.strip(), yaml.safe_load(value) if value else ""
    except yaml.YAMLError:
        raise UsageError(f"--set {text}: the value is not valid YAML; quote it") from None


def fingerprint(config: Config, sections: Sequence[str], *parts: str) -> str:
    """A short hash of some config keys (dotted) and further strings: equal exactly when all are equal."""
    values = {key: _get(config, key) for key in sections}
    payload = json.dumps([values, parts], sort_keys=True, default=_jsonable)
    return hashlib.blake2b(payload.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


READ_KEYS = (
    "render.dpi", "render.max_pixels", "mode", "max_tiles", "prompt", "find", "engine.ngram",
    "engine.max_tokens", "engine.max_model_len", "engine.dtype",
    "engine.quantization", "engine.kv_cache_dtype",
    "figures.parse", "figures.max_per_page", "figures.min_side_px", "quality.loop_abort",
    "quality.retries", "quality.blank_ink", "quality.compare_text_layer", "quality.suspect_recall",
    "quality.retry_suspect", "quality.text_layer_fallback",
)  # fmt: skip
"""Keys that change what the model reads or answers: changing one means reading the page again."""
WRITE_KEYS = (
    "output.layout",
    "output.merge",
    "output.page_separator",
    "output.figures",
    "output.overlays",
    "output.raw",
    "output.review",
    "output.searchable_pdf",
    "text",
    "figures.cards",
)
"""Keys that change only how an answer is written: the stored raw text is used again."""


def step_ngram(ngram: NgramConfig, step: RetryStep) -> NgramConfig:
    """The n-gram guard of an attempt."""
    size = ngram.size if step.ngram_size is None else step.ngram_size
    window = ngram.window if step.ngram_window is None else step.ngram_window
    return dataclasses.replace(ngram, size=size, window=window)


def as_dict(config: Config) -> dict[str, Any]:
    """The config as plain values, without the password."""
    values: dict[str, Any] = msgspec.to_builtins(config)
    if values["input"]["password"]:
        values["input"]["password"] = "(set)"
    return values


def _jsonable(value: object) -> Any:
    return msgspec.to_builtins(value)


def _get(config: object, key: str) -> Any:
    for name in key.split("."):
        config = getattr(config, name)
    return config


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such config file; give one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected keys and values, such as `mode: gundam`")
    return values


def _put(values: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = values[name] = {}
        values = inner
    values[names[-1]] = value


def _refuse_unknown(values: Mapping[str, Any], cls: type, where: Where, path: tuple[str, ...]) -> None:
    known = {item.name: item for item in dataclasses.fields(cls)}
    for key, value in values.items():
        dotted = ".".join((*path, str(key)))
        if key not in known:
            raise UsageError(f"{where(dotted)}: {dotted}: unknown key{_suggestion(str(key), path, known)}")
        factory = known[key].default_factory
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            if not isinstance(value, Mapping):
                raise UsageError(f"{where(dotted)}: {dotted}: expected keys below it, got {value!r}")
            _refuse_unknown(value, factory, where, (*path, str(key)))


def _refuse_unknown_in_steps(values: Mapping[str, Any], where: Where) -> None:
    key = "quality.retries"
    steps = (values.get("quality") or {}).get("retries")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping):
            _refuse_unknown(step, RetryStep, where, (*key.split("."),))
        if not step:
            raise UsageError(f"{where(key)}: {key}: a step that changes nothing; say what it changes")


def _suggestion(key: str, path: tuple[str, ...], here: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(here), 1, 0.5)
    if close:
        return f" (did you mean {'.'.join((*path, close[0]))}?)"
    elsewhere = [dotted for dotted in all_keys() if dotted.rpartition(".")[2] == key]
    return f" (did you mean {elsewhere[0]}?)" if elsewhere else ""


def all_keys(cls: type = Config, path: tuple[str, ...] = ()) -> list[str]:
    """All config keys, dotted."""
    found: list[str] = []
    for item in dataclasses.fields(cls):
        factory = item.default_factory
        here = (*path, item.name)
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            found += all_keys(factory, here)
        else:
            found.append(".".join(here))
    return found


def _place_and_reason(error: msgspec.ValidationError) -> tuple[str, str]:
    reason, _, place = str(error).partition(" - at `$")
    return place.strip(".`"), reason


def _check_meaning(config: Config, where: Where) -> None:
    _one_of(where, "mode", config.mode, MODES)
    if config.prompt not in PROMPTS and not config.allow_custom_prompt:
        _one_of(where, "prompt", config.prompt, PROMPTS, " or set allow_custom_prompt: true")
    if config.prompt not in PROMPTS and config.prompt.count("<image>") != 1:
        raise UsageError(f"{where('prompt')}: prompt: a custom prompt needs `<image>` exactly once")
    if config.prompt == "locate" and not config.find:
        raise UsageError(f'{where("prompt")}: prompt: locate needs the text to find: --find "text"')
    _check_endpoints(config, where)
    _check_exports(config.output, where)
    ngram = config.engine.ngram
    if ngram.size == 1 or (ngram.size and ngram.window < ngram.size):
        raise UsageError(
            f"{where('engine.ngram')}: engine.ngram: size {ngram.size}, window {ngram.window} can never ban"
            " anything; use size >= 2 and window >= size, or size 0 to turn the guard off"
        )
    _check_steps(config, where)


def _check_endpoints(config: Config, where: Where) -> None:
    key = "engine.server.endpoints"
    endpoints = config.engine.server.endpoints
    if config.engine.backend == "server" and not endpoints:
        raise UsageError(f"{where(key)}: {key}: backend: server needs a list such as [http://localhost:8000]")
    for url in endpoints:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{where(key)}: {key}: {url!r}: expected http://HOST:PORT")


def _check_steps(config: Config, where: Where) -> None:
    for step in config.quality.retries:
        if step.mode is not None:
            _one_of(where, "quality.retries", step.mode, MODES)
        if step.prompt is not None:
            _one_of(where, "quality.retries", step.prompt, [name for name in PROMPTS if name != "locate"])
        ngram = step_ngram(config.engine.ngram, step)
        if ngram.size and ngram.window < ngram.size:
            raise UsageError(f"{where('quality.retries')}: quality.retries: ngram_window below ngram_size")


def _check_exports(output: OutputConfig, where: Where) -> None:
    for name in ("review", "html", "searchable_pdf", "jsonl", "parquet"):
        if getattr(output, name) and output.layout != "tree":
            key = f"output.{name}"
            raise UsageError(f"{where(key)}: {key}: made from output.layout: tree alone, which is not set")


def _one_of(where: Where, key: str, value: str, known: Iterable[str], otherwise: str = "") -> None:
    if value in known:
        return
    close = difflib.get_close_matches(value, list(known), 1, 0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(
        f"{where(key)}: {key}: {value!r} is unknown ({hint}one of: {', '.join(known)}{otherwise})"
    )
