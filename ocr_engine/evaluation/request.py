"""What is asked of a benchmark: ground truth, folders of predictions, options. Data only.

This is the seam for whoever makes predictions first: fill a folder, then hand it over in a `Run`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BENCHMARK_NAMES = ("omnidocbench", "fox", "olmocr-bench")


@dataclass(frozen=True, slots=True)
class MadePredictions:
    """How the engine made a folder of predictions; token counts are means over the pages that were read."""

    model: str
    mode: str
    prompt: str
    pages: int
    """Pages asked for; `statuses` sums up to it."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Pages by their status in the journal; `no input` counts those without a file to read."""
    vision_tokens: float | None = None
    """As the model gets them, newlines and separator included."""
    paper_vision_tokens: int | None = None
    """As DeepSeek-OCR's paper counts them (small: 100); None for modes with tiles."""
    text_tokens: float | None = None
    pages_per_s: float | None = None
    """Over all sessions of this run, the engine's start left out."""


@dataclass(frozen=True, slots=True)
class Run:
    """One folder of predictions, with what is known of its making."""

    label: str
    predictions: Path
    made: MadePredictions | None = None
    cache: Path | None = None
    """File that keeps the scores of pages, so that unchanged ones are not scored again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to score and how; a benchmark ignores what does not concern it."""

    ground_truth: Path
    runs: tuple[Run, ...]
    version: str = "1.5"
    match_method: str = "quick_match"
    match_timeout_s: float | None = None
    page_filter: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    """Score a sample of so many pages, evenly spread over the ground truth; None is all."""
    cdm: Path | None = None
    official_dir: Path | None = None
    tokenizer: str | None = None
    vision_tokens: str | None = None
    force: bool = False
    katex: Path | None = None
    """A folder with KaTeX, for the math tests of olmOCR-bench."""
    samples: bool = False
    workers: int | None = None
    quiet: bool = False
