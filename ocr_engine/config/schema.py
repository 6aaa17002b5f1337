"""Every config key: its type, its range, its default, and whether a page depends on it. Does no work.

`config.yaml` in the project's root lists the same keys with the same defaults (a test compares the two).
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

import msgspec

from ocr_engine.config.engine_schema import (
    EngineConfig,
    Positive,
    RetryStep,
    Seconds,
)
from ocr_engine.families import AUTO
from ocr_engine.formats import EXPORTS, Export

Made = TypeVar("Made")


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
    same_once: bool = True
    image_folders: Literal["files", "documents"] = "files"
    office: Literal["auto", "off"] = "auto"
    office_timeout_s: Seconds = 120.0
    office_memory_mb: Annotated[int, msgspec.Meta(ge=256)] = 2_000

    @property
    def gathers_folders(self) -> bool:
        """Whether the images of a folder are one document."""
        return self.image_folders == "documents"


def _with_switches(cls: type[Made]) -> type[Made]:
    """The class with a key for each export, off by default."""
    switches = [(key, bool, field(default=False)) for key in EXPORTS]
    made = dataclasses.make_dataclass(cls.__name__, switches, bases=(cls,), frozen=True, slots=True)
    made.__module__, made.__doc__ = cls.__module__, cls.__doc__
    return made


@_with_switches
@dataclass(frozen=True, slots=True)
class OutputConfig:
    """What is written. After these keys comes one for each export, see `formats.EXPORTS`."""

    path: str = "outputs"
    mirror: str = ""
    sync_s: Seconds = 15.0
    layout: str = "tree"
    """A name of `formats.LAYOUTS`."""
    merge: bool = True
    page_separator: str = "<!-- page {page} -->"
    figures: bool = True
    overlays: bool = False
    tables_csv: bool = False
    raw: bool = True
    report: bool = True
    chunk_tokens: Annotated[int, msgspec.Meta(ge=20, le=100_000)] = 400
    searchable_kind: Literal["picture", "original"] = "picture"
    searchable_pdfa: bool = False

    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports that are switched on."""
        return tuple(export for key, export in EXPORTS.items() if getattr(self, key))


HabitName = Literal["hyphens", "word_hyphens", "bullets", "item_names", "glued_words"]


@dataclass(frozen=True, slots=True)
class TextConfig:
    """How text is written in `layout: tree`. The defaults keep the model's own text but for its habits."""

    habits: tuple[HabitName, ...] = ("hyphens", "bullets", "item_names")
    tables: Literal["html", "markdown"] = "html"
    math_delimiters: Literal["latex", "dollar"] = "latex"
    headers_footers: Literal["keep", "drop"] = "keep"
    list_repair: bool = False
    max_equal_lines: Annotated[int, msgspec.Meta(ge=0)] = 0
    merge_tables: bool = False
    join_paragraphs: bool = False
    headings: Literal["as-read", "document"] = "as-read"
    contents: bool = False
    footnotes: Literal["as-read", "linked"] = "as-read"

    @property
    def wants_bookmarks(self) -> bool:
        """Whether documents are opened with their outlines."""
        return self.headings == "document"


@dataclass(frozen=True, slots=True)
class TextLayerConfig:
    """What the text that a PDF itself holds does for what was read (`layout: tree`)."""

    repair: Literal["off", "spacing", "words"] = "words"


@dataclass(frozen=True, slots=True)
class FiguresConfig:
    """The second look at cropped figures."""

    parse: bool = False
    max_per_page: Positive = 8
    min_side_px: Annotated[int, msgspec.Meta(ge=1)] = 64
    cards: bool = True


@dataclass(frozen=True, slots=True)
class AutoModeConfig:
    """What a mode has to keep of a page to be chosen by `mode: auto`."""

    min_type_px: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 16.0
    max_compression: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 10.0


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
class QualityConfig:
    """How an answer is judged, and what is done about a bad one."""

    loop_abort: bool = True
    retry_below_chars: Annotated[int, msgspec.Meta(ge=0)] = 0
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
    confidence: bool = False
    second_prompt: str = "none"
    """`none`, or a name of a prompt that reads."""
    dense_tables: Literal["off", "auto"] = "off"


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
class DriversConfig:
    """Several runs, each on a machine of its own, over one corpus and into one output folder."""

    shard: str = ""
    claim: bool = False
    name: str = ""
    lease_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 120.0


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """When a run takes no more pages; 0 is no limit."""

    failed_share: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    failed_after: Positive = 100
    hours: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    pages: Annotated[int, msgspec.Meta(ge=0)] = 0
    tokens: Annotated[int, msgspec.Meta(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """Who is told how a run goes, and how it ended."""

    metrics_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    metrics_host: str = "127.0.0.1"
    command: tuple[str, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run depends on."""

    preset: Literal["", "pdf", "image", "image2", "eval", "eval2", "unlimited"] = ""
    input: InputConfig = field(default_factory=InputConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    text: TextConfig = field(default_factory=TextConfig)
    text_layer: TextLayerConfig = field(default_factory=TextLayerConfig)
    figures: FiguresConfig = field(default_factory=FiguresConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    mode: str = "gundam"
    auto_mode: AutoModeConfig = field(default_factory=AutoModeConfig)
    max_tiles: Literal["auto"] | Annotated[int, msgspec.Meta(ge=2, le=32)] = "auto"
    """`auto` is what the modes of the family have."""
    pages_per_request: Literal["document"] | Positive = 1
    prompt: str = "markdown"
    find: str = ""
    allow_custom_prompt: bool = False
    engine: EngineConfig = field(default_factory=EngineConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    drivers: DriversConfig = field(default_factory=DriversConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)


READ_KEYS = (
    "render.dpi", "render.max_pixels", "mode", "max_tiles", "prompt", "find", "engine.ngram",
    "engine.max_tokens", "engine.max_model_len", "engine.dtype",
    "engine.quantization", "engine.kv_cache_dtype",
    "figures.parse", "figures.max_per_page", "figures.min_side_px", "quality.loop_abort",
    "quality.retries", "quality.blank_ink", "quality.compare_text_layer", "quality.suspect_recall",
    "quality.retry_suspect", "quality.retry_below_chars", "quality.text_layer_fallback",
)  # fmt: skip
"""Keys that change what the model reads or answers: changing one means reading the page again."""
AUTO_READ_KEYS = ("auto_mode",)
"""Those that do so with `mode: auto` alone."""
SECOND_KEYS = ("quality.second_prompt",)
"""That of a second reading, where it is on: pages read without it are read again."""
TABLES_KEYS = ("quality.dense_tables",)
"""That of tables read alone, where it is on: pages read without it are read again."""
CONFIDENCE_KEYS = ("quality.confidence",)
"""What is asked of the model beside its answer, where it is on: pages read without it have no numbers."""
TOGETHER_READ_KEYS = ("pages_per_request",)
"""Those that do so where several pages are read in one request."""
WRITE_KEYS = (
    "output.layout",
    "output.merge",
    "output.page_separator",
    "output.figures",
    "output.overlays",
    "output.raw",
    "output.tables_csv",
    *(f"output.{export.key}" for export in EXPORTS.values() if export.needs_pictures),
    "text",
    "text_layer",
    "figures.cards",
)
"""Keys that change only how an answer is written: the stored raw text is used again."""


def read_keys(config: Config) -> tuple[str, ...]:
    """The keys that change what the model reads or answers in a run with this config."""
    auto = AUTO_READ_KEYS if config.mode == AUTO else ()
    together = TOGETHER_READ_KEYS if config.pages_per_request != 1 else ()
    second = SECOND_KEYS if config.quality.second_prompt != "none" else ()
    sure = CONFIDENCE_KEYS if config.quality.confidence else ()
    tables = TABLES_KEYS if config.quality.dense_tables != "off" else ()
    return (*READ_KEYS, *auto, *together, *sure, *second, *tables)
