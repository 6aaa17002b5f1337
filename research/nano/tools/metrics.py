"""How well pages were read: character error, box error, loops and missing ends; strings and ints only."""

import re
from dataclasses import dataclass
from statistics import median

from rapidfuzz.distance.Levenshtein import distance

TAG = re.compile(r"<\|ref\|>(.*?)<\|/ref\|><\|det\|>\[\[([\d, ]{7,24})\]\]<\|/det\|>\n?")


@dataclass(frozen=True)
class Reading:
    """One page's result: character error rate, box errors in units of 999, whether it ended or looped."""

    error: float
    boxes: tuple[float, ...]
    ended: bool
    looped: bool


def plain(text: str) -> str:
    """Return a page's text without grounding, markup and runs of white space."""
    return " ".join(re.sub(r"<[^>\n]{1,40}>", " ", TAG.sub("", text)).split())


def boxes(text: str) -> list[tuple[int, ...]]:
    """Return the boxes that a grounded answer names, in order."""
    found = [tuple(int(n) for n in re.findall(r"\d+", m[1])) for m in TAG.findall(text)]
    return [box for box in found if len(box) == 4]


def is_loop(text: str, least: int = 4) -> bool:
    """Say whether a text ends in at least `least` repeats of a part of 10 to 200 characters."""
    pattern = rf"(.{{10,200}}?)\1{{{least - 1},}}.{{0,30}}$"
    return re.search(pattern, text[-2000:], re.DOTALL) is not None


def read(answer: str, truth: str, *, ended: bool) -> Reading:
    """Compare an answer with the truth."""
    wanted, got = plain(truth), plain(answer)
    got = got[: 2 * len(wanted) + 20]
    pairs = zip(boxes(answer), boxes(truth), strict=False)
    errors = tuple(sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 4 for a, b in pairs)
    error = distance(got, wanted) / max(1, len(wanted))
    return Reading(error, errors, ended, not ended and is_loop(answer))


def summary(readings: list[Reading]) -> dict[str, float]:
    """Return median and mean error, median box error, and the shares of loops and missing ends."""
    found = [e for r in readings for e in r.boxes]
    count = max(1, len(readings))
    return {
        "median": round(median(r.error for r in readings), 4),
        "mean": round(sum(r.error for r in readings) / count, 4),
        "box": round(median(found), 2) if found else -1.0,
        "loops": round(sum(r.looped for r in readings) / count, 3),
        "unended": round(sum(not r.ended for r in readings) / count, 3),
        "pages": len(readings),
    }
