"""Which pages a benchmark scores, and where their predictions belong. Opens nothing but ground truth."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from ocr_engine.evaluation import fox
from ocr_engine.evaluation.olmocr_bench import evaluate as olmocr
from ocr_engine.evaluation.omnidocbench import ground_truth
from ocr_engine.evaluation.predictions import file_names
from ocr_engine.evaluation.request import Request
from ocr_engine.evaluation.sampling import sampled

MAX_NAME_BYTES = 240
"""Of a name in ground truth, so that a prediction's suffix still fits."""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """One page to read. `problem` says why its name cannot be a file's; the other fields are then unsafe."""

    source: str
    """Name of the image, or path of the PDF below the folder of PDFs."""
    page: int
    """1-based."""
    prediction: str
    """Path of its markdown below the folder of predictions."""
    problem: str = ""


def wanted_pages(benchmark: str, request: Request) -> list[WantedPage]:
    """The pages of a benchmark in the order of its ground truth, each once. Raises InputError."""
    return _PAGES[benchmark](request)


def _omnidocbench(request: Request) -> list[WantedPage]:
    pages = ground_truth.load(request.ground_truth, request.page_filter)
    return _images([page.image_name for page in pages], request.limit)


def _fox(request: Request) -> list[WantedPage]:
    return _images([page.image_name for page in fox.load(request.ground_truth)], request.limit)


def _images(names: Sequence[str], limit: int | None) -> list[WantedPage]:
    """Predictions as the evaluator finds them: `a.md`, or `a.jpg.md` where there is an `a.png` too."""
    owners = Counter(file_names(name)[0] for name in set(names))
    return [
        WantedPage(name, 1, file_names(name)[0 if owners[file_names(name)[0]] == 1 else -1], _problem(name))
        for name in dict.fromkeys(sampled(names, limit))
    ]


def _olmocr(request: Request) -> list[WantedPage]:
    cases = olmocr.sampled_cases(olmocr.load(request.ground_truth), request.limit)
    pages = dict.fromkeys((g.case.pdf, g.case.page) for g in cases)
    return [WantedPage(*page, olmocr.file_name(*page), _problem(page[0])) for page in pages]


def _problem(name: str) -> str:
    """Ground truth is downloaded: its names must not lead out of the folders they belong in."""
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts:
        return "not a name of a file below the folder"
    if "\0" in name or any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in path.parts):
        return "no file can have this name"
    return ""


_PAGES: Mapping[str, Callable[[Request], list[WantedPage]]] = MappingProxyType(
    {"omnidocbench": _omnidocbench, "fox": _fox, "olmocr-bench": _olmocr}
)
