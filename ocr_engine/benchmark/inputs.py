"""The files that a benchmark's pages are read from: looked for by name, counted where they are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.errors import InputError, UsageError
from ocr_engine.evaluation.wanted import WantedPage
from ocr_engine.log import logger, printable
from ocr_engine.pages.sources import SUFFIXES, Refused, find
from ocr_engine.records import Document, DocumentKind

_SHOWN = 3
_NAME_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Inputs:
    """Documents by the name ground truth gives them, and why others cannot be read."""

    documents: Mapping[str, Document]
    problems: Mapping[str, str]
    other_suffix: Sequence[str] = ()
    """Names whose file has another image suffix than ground truth says."""


def find_inputs(pages: Sequence[WantedPage], folder: Path, kind: DocumentKind) -> Inputs:
    """The file of every page, in `folder`.

    Raises UsageError where there is no such folder, InputError where it holds none of them.
    """
    if not folder.is_dir():
        raise UsageError(f"--images {printable(str(folder))}: no such folder")
    documents: dict[str, Document] = {}
    problems: dict[str, str] = {}
    other_suffix = []
    for source, problem in {page.source: page.problem for page in pages}.items():
        path = None if problem else _path(folder, source, kind)
        found = (
            Refused(source, problem or "no such file") if path is None else next(find([str(path)], {kind}))
        )
        if isinstance(found, Refused):
            problems[source] = found.reason
            continue
        documents[source] = found
        if path != folder / source:
            other_suffix.append(source)
    if not documents:
        raise InputError(_nothing_found(folder, problems))
    return Inputs(documents, problems, other_suffix)


def _path(folder: Path, source: str, kind: DocumentKind) -> Path | None:
    """The file of that name, else the one image of that name with another suffix."""
    path = folder / source
    if path.is_file():
        return path
    if kind is DocumentKind.PDF:
        return None
    others = [other for suffix in SUFFIXES[kind] if (other := path.with_suffix(suffix)).is_file()]
    return others[0] if len(others) == 1 else None


def _nothing_found(folder: Path, problems: Mapping[str, str]) -> str:
    first, reason = next(iter(problems.items()), ("", "no pages"))
    where = next((path for path in sorted(folder.iterdir()) if (path / first).is_file()), None)
    hint = f"; it is in {printable(str(where))}: give that folder" if where and first else ""
    return (
        f"--images {printable(str(folder))}: none of the {len(problems):,} files that the ground truth "
        f"names is there ({printable(first)}: {reason}{hint})"
    )


def report_problems(inputs: Inputs) -> None:
    """One line for each kind of trouble, with its number and the first names."""
    total = len(inputs.documents) + len(inputs.problems)
    by_reason: dict[str, list[str]] = {}
    for source, reason in inputs.problems.items():
        by_reason.setdefault(reason, []).append(source)
    for reason, names in by_reason.items():
        logger.warning("%s of %s inputs cannot be read, %s: %s", len(names), total, reason, _some(names))
    if inputs.other_suffix:
        words = "%s of %s images have another suffix than the ground truth says, and are used: %s"
        logger.warning(words, len(inputs.other_suffix), total, _some(inputs.other_suffix))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name, _NAME_SHOWN) or '""' for name in names[:_SHOWN]) + more
