"""Fox page OCR: the official script's metrics, DeepSeek-OCR's bins of text tokens, compression ratios.

Predictions are one markdown file a page. No text is cleaned on either side, as in Fox's own
`eval_tools/eval_ocr_test.py`.
"""

import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ocr_engine.errors import InputError, UsageError
from ocr_engine.evaluation.malformed import malformed
from ocr_engine.evaluation.meteor import MeteorMode, available_mode, meteor
from ocr_engine.evaluation.metrics import bootstrap_interval, edit_ratio, mean
from ocr_engine.evaluation.predictions import Prediction, loops, read_all, unused, warn
from ocr_engine.evaluation.score_cache import map_cached

_CHINESE = re.compile(r"[\u4e00-\u9fa5]")
BIN_TOKENS = 100
BINS = tuple((low, low + BIN_TOKENS) for low in range(600, 1300, BIN_TOKENS))
"""Half-open ranges of text tokens of DeepSeek-OCR's Table 2."""


@dataclass(frozen=True, slots=True)
class FoxPage:
    """One page of a Fox JSON file; `stored_length` is the file's own count, of unknown units."""

    image_name: str
    text: str
    stored_length: int | None


@dataclass(frozen=True, slots=True)
class Measures:
    """Scores of one page, 0 to 1. F1, precision and recall compare sets of tokens."""

    bleu: float
    meteor: float
    f_measure: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class PageScore:
    """One page. `official` hands the arguments over as Fox's script does: the model's output as reference.

    Its precision is what others call recall. `edit` is symmetric: character edits over the longer length.
    """

    image_name: str
    official: Measures
    conventional: Measures
    edit: float
    text_tokens: int | None
    is_missing: bool
    is_empty: bool
    is_looping: bool


@dataclass(frozen=True, slots=True)
class BinScore:
    """Pages of one range of text tokens. `compression` is mean text tokens over vision tokens.

    `in_paper`: DeepSeek-OCR's Table 2 has this range.
    """

    low: int
    high: int
    in_paper: bool
    pages: int
    precision: float
    one_minus_edit: float
    mean_tokens: float
    compression: float


def load(path: Path) -> list[FoxPage]:
    """Pages of `en_page_ocr.json` or `cn_page_ocr.json`; InputError if it is neither."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
        pages = [_page(entry) for entry in entries]
    except OSError as error:
        raise InputError(f"{path}: cannot read the ground truth ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(f"{path}: not a Fox page OCR file ({malformed(error)})") from error
    if not pages:
        raise InputError(f"{path}: no pages")
    return pages


def _page(entry: Mapping[str, Any]) -> FoxPage:
    answer = next(turn["value"] for turn in entry["conversations"] if turn["from"] == "gpt")
    length = entry.get("len")
    return FoxPage(
        PurePosixPath(entry["image"]).name, str(answer), length if isinstance(length, int) else None
    )


def token_counter(tokenizer: str) -> Callable[[str], int]:
    """Counts text tokens without special ones, with the tokenizer of a model folder or `tokenizer.json`.

    Raises UsageError if there is none. Which count the paper used is not stated; this one is assumed.
    """
    from tokenizers import Tokenizer

    path = Path(tokenizer).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"--tokenizer {tokenizer}: no tokenizer.json there")
    loaded = Tokenizer.from_file(str(file))

    def count(text: str) -> int:
        return len(loaded.encode(text, add_special_tokens=False).ids)

    return count


def evaluate(
    pages: Sequence[FoxPage],
    predictions: Path,
    count_tokens: Callable[[str], int] | None = None,
    *,
    known: Sequence[FoxPage] = (),
    cache: Path | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> list[PageScore]:
    """Scores of every page; one without a prediction scores as empty and is marked missing.

    Raises UsageError (no such folder) and InputError (no prediction at all, or one that cannot be scored).
    `known` are all pages of the ground truth where `pages` is a sample: their files are nobody else's.
    """
    found = read_all(predictions, [page.image_name for page in pages])
    mode = available_mode()
    tasks = [
        _Task(page.text, prediction.markdown or "", mode)
        for page, prediction in zip(pages, found, strict=True)
    ]
    kind = tuple[Measures, Measures, float]
    outcomes = map_cached(_measure, tasks, cache, kind, workers=workers, label="scoring", quiet=quiet)
    scores = []
    for page, prediction, task, outcome in zip(pages, found, tasks, outcomes, strict=True):
        if outcome.result is None:
            raise InputError(f"{page.image_name}: cannot be scored ({outcome.error})")
        official, conventional, edit = outcome.result
        scores.append(
            PageScore(
                page.image_name,
                official,
                conventional,
                edit,
                count_tokens(page.text) if count_tokens else None,
                is_missing=prediction.path is None,
                is_empty=not task.answer.strip(),
                is_looping=loops(task.answer),
            )
        )
    _warn(predictions, found, [page.image_name for page in known])
    return scores


def _warn(folder: Path, found: Sequence[Prediction], known: Sequence[str]) -> None:
    names = Counter(prediction.name for prediction in found)
    counted = {
        "have no prediction file and score as empty": [p.name for p in found if p.path is None],
        "have an empty prediction": [
            p.name for p in found if p.markdown is not None and not p.markdown.strip()
        ],
        "have an image name that stands more than once in the ground truth: all of these are scored with one "
        "prediction": [name for name, times in names.items() if times > 1],
    }
    warn(counted, unused(folder, found, known), found)


@dataclass(frozen=True, slots=True)
class _Task:
    label: str
    answer: str
    mode: MeteorMode


def _measure(task: _Task) -> tuple[Measures, Measures, float]:
    label, answer = tokens(task.label, task.answer)
    return (
        measures(predicted=label, reference=answer, mode=task.mode),
        measures(predicted=answer, reference=label, mode=task.mode),
        # Two empty texts agree; upstream divides by zero there.
        edit_ratio(task.label, task.answer),
    )


def tokens(first: str, second: str) -> tuple[list[str], list[str]]:
    """Words of both texts: jieba's if either has Chinese in it, else what white space separates."""
    if not (_CHINESE.search(first) or _CHINESE.search(second)):
        return first.split(), second.split()
    jieba = _jieba()
    return jieba.lcut(first), jieba.lcut(second)


def _jieba() -> Any:
    with warnings.catch_warnings():
        # jieba asks setuptools for its files in a way that is going away.
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel("WARNING")
    return jieba


def measures(*, predicted: Sequence[str], reference: Sequence[str], mode: MeteorMode) -> Measures:
    """Scores of token lists. All are 0 where a side is empty: upstream has no number there."""
    if not predicted or not reference:
        return Measures(0.0, 0.0, 0.0, 0.0, 0.0)
    common = len(set(predicted) & set(reference))
    precision, recall = common / len(set(predicted)), common / len(set(reference))
    f_measure = 2 * precision * recall / (precision + recall) if common else 0.0
    return Measures(
        _sentence_bleu(reference, predicted), meteor(reference, predicted, mode), f_measure, precision, recall
    )


def _sentence_bleu(reference: Sequence[str], predicted: Sequence[str]) -> float:
    """BLEU-4 without smoothing. NLTK warns about each page without a common 4-gram; 0 says it too."""
    from nltk.translate.bleu_score import sentence_bleu

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return float(sentence_bleu([list(reference)], list(predicted)))


def average(scores: Sequence[Measures]) -> Measures:
    """Mean over pages."""
    return Measures(*(mean(getattr(score, name) for score in scores) for name in Measures.__slots__))


def script_rows(pages: Sequence[FoxPage], predictions: Path) -> list[dict[str, str]]:
    """What Fox's own `eval_ocr_test.py` reads: pages, ground truth and the model's answers."""
    found = read_all(predictions, [page.image_name for page in pages])
    return [
        {
            "image": page.image_name,
            "question": "OCR this image: ",
            "label": page.text,
            "answer": prediction.markdown or "",
        }
        for page, prediction in zip(pages, found, strict=True)
    ]


def in_bins(scores: Sequence[PageScore], vision_tokens: int | None) -> list[BinScore]:
    """DeepSeek-OCR's bins, and further ones as wide for pages outside them; uncounted pages are in none."""
    counts = [score.text_tokens for score in scores if score.text_tokens is not None]
    lows = {low for low, _ in BINS} | {count // BIN_TOKENS * BIN_TOKENS for count in counts}
    found = []
    for low in sorted(lows):
        high = low + BIN_TOKENS
        pages = [s for s in scores if s.text_tokens is not None and low <= s.text_tokens < high]
        found.append(_bin(low, high, pages, vision_tokens))
    return found


def _bin(low: int, high: int, pages: Sequence[PageScore], vision_tokens: int | None) -> BinScore:
    in_paper = (low, high) in BINS
    if not pages:
        return BinScore(low, high, in_paper, 0, math.nan, math.nan, math.nan, math.nan)
    mean_tokens = mean(page.text_tokens or 0 for page in pages)
    return BinScore(
        low,
        high,
        in_paper,
        len(pages),
        precision=mean(page.official.precision for page in pages),
        one_minus_edit=mean(1 - page.edit for page in pages),
        mean_tokens=mean_tokens,
        compression=mean_tokens / vision_tokens if vision_tokens else math.nan,
    )


def precision_interval(scores: Sequence[PageScore]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean official precision."""
    return bootstrap_interval([[page.official.precision for page in scores]])
