"""Prediction files on disk: which one belongs to a page, what it holds, what looks wrong with it.

Reads markdown only; knows neither ground truth nor scores.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.errors import InputError, UsageError
from ocr_engine.log import logger, printable

MAX_BYTES = 16 << 20
"""A larger file is no prediction of one page; reading it is refused."""
MAX_TAIL_REPEATS = 30
RAW_SUFFIX = "_det.md"
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One page's markdown; `path` and `markdown` are None where there is no readable file."""

    name: str
    path: Path | None
    markdown: str | None
    problem: str = ""


def read_all(folder: Path, image_names: Iterable[str]) -> list[Prediction]:
    """The prediction of each image, in order.

    Raises UsageError where `folder` is none, InputError where it holds none of them.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a folder of predictions")
    found = [_read(folder, name) for name in image_names]
    if not any(prediction.path for prediction in found):
        raise InputError(_nothing_found(folder, found))
    return found


def unused(folder: Path, predictions: Iterable[Prediction], known: Iterable[str] = ()) -> list[str]:
    """Names of markdown files in `folder` that belong to no page.

    Files of `known` images belong to one, scored or not, and so does the raw `X_det.md` that the official
    script writes beside `X.md`.
    """
    used = {prediction.path.name for prediction in predictions if prediction.path}
    used |= {file for name in known for file in file_names(name)}
    used |= {f"{name.removesuffix('.md')}{RAW_SUFFIX}" for name in used}
    return sorted({path.name for path in markdown_files(folder)} - used)


def markdown_files(folder: Path) -> list[Path]:
    """Markdown files right in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".md", ".mmd"))


def file_names(image_name: str) -> tuple[str, ...]:
    """Where the OmniDocBench evaluator looks, in order; it takes the last four characters for the suffix."""
    stem = image_name[:-4]
    bare = stem.replace(".pdf", "")
    return f"{stem}.md", f"{bare}.mmd", f"{bare}.md", f"{image_name}.md"


def read_markdown(path: Path) -> tuple[str | None, str]:
    """Text and problem. Bytes that are not UTF-8 are replaced, and named as the problem."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None, f"larger than {MAX_BYTES >> 20} MiB"
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return None, error.strerror or str(error)
    return text, "not all of it is UTF-8" if "\ufffd" in text else ""


def _read(folder: Path, image_name: str) -> Prediction:
    path = next((p for name in file_names(image_name) if _is_file(p := folder / name)), None)
    if path is None:
        return Prediction(image_name, None, None)
    return Prediction(image_name, path, *read_markdown(path))


def _is_file(path: Path) -> bool:
    """False also for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _nothing_found(folder: Path, predictions: list[Prediction]) -> str:
    present = [printable(path.name) for path in markdown_files(folder)[:1]]
    holds = f"it holds {present[0]} and the like" if present else "it holds no .md file"
    if not predictions:
        return f"{folder}: no page to score is left"
    expected = printable(file_names(predictions[0].name)[0])
    return f"{folder}: no prediction has the name of a page; {expected} was expected, {holds}"


def warn(
    counted: Mapping[str, Sequence[str]], unused_files: Sequence[str], predictions: Sequence[Prediction]
) -> None:
    """A line for each group of pages that something is to be said of, for files of no page, for bad ones."""
    for what, names in counted.items():
        if names:
            logger.warning("%d of %d pages %s: %s", len(names), len(predictions), what, _some(names))
    if unused_files:
        logger.warning("%d files belong to no page: %s", len(unused_files), _some(unused_files))
    for prediction in predictions:
        if prediction.problem:
            logger.warning("%s: %s", printable(str(prediction.path)), prediction.problem)


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(printable(name) for name in names[:shown]) + more


def loops(markdown: str) -> bool:
    """Whether the text ends in a phrase of 1 to 5 words said more than 30 times in a row."""
    words = _WORD.findall(markdown[-20_000:])
    return any(tail_repeats(words, size) > MAX_TAIL_REPEATS for size in range(1, 6))


def tail_repeats(words: list[str], size: int) -> int:
    """How often the last `size` words stand at the end in a row; 0 for an empty text."""
    tail = words[-size:]
    count, end = 0, len(words)
    while end >= size and words[end - size : end] == tail:
        count, end = count + 1, end - size
    return count


def is_cut_in_table(markdown: str) -> bool:
    """Whether a table is opened more often than closed: usually the token limit struck inside it."""
    counts = Counter(re.findall(r"<(/?)table", markdown))
    return counts[""] > counts["/"]
