"""What is asked of a benchmark: ground truth, folders of predictions, options. Data only.

This is the seam for whoever makes predictions first: fill a folder, then hand it over in a `Run`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BENCHMARK_NAMES = ("omnidocbench", "fox", "olmocr-bench")


@dataclass(frozen=True, slots=True)
class Run:
    """One folder of predictions. The numbers are known only to whoever made them, and only plotted."""

    label: str
    predictions: Path
    vision_tokens: float | None = None
    """Mean per page."""
    pages_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What to score and how; a benchmark ignores what does not concern it."""

    ground_truth: Path
    runs: tuple[Run, ...]
    version: str = "1.5"
    match_method: str = "quick_match"
    match_timeout_s: float | None = None
    page_filter: Mapping[str, str] = field(default_factory=dict)
    cdm: Path | None = None
    official_dir: Path | None = None
    tokenizer: str | None = None
    vision_tokens: str | None = None
    force: bool = False
    samples: bool = False
    workers: int | None = None
    quiet: bool = False
