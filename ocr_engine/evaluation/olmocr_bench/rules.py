"""A case and a page's markdown to a verdict.

Math cases need a browser that renders KaTeX (`katex`). Without one only an exact match can be told; the
others are `NOT_RUN`, never passed or failed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from rapidfuzz import fuzz

from ocr_engine.evaluation.olmocr_bench.cases import Case, normalise
from ocr_engine.evaluation.olmocr_bench.formulas import Rendering, shows
from ocr_engine.evaluation.olmocr_bench.tables import Grid, GridCell, html_tables, markdown_tables

MAX_REPEATS = 30
Render = Callable[[str], Rendering]
_DISALLOWED = re.compile(
    "[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff"
    "\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff\U0001f1e0-\U0001f1ff]"
)


class Verdict(StrEnum):
    """What became of a case on one page."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


def run(case: Case, markdown: str, render: Render | None = None) -> Verdict:
    """The verdict of `case` on the markdown of its page; `render` shows the formulas of math cases."""
    if case.type == "math":
        return _math(case, markdown, render)
    return Verdict.PASSED if _RULES[case.type](case, markdown) else Verdict.FAILED


def _present(case: Case, markdown: str) -> bool:
    text, page = case.fields["text"], normalise(markdown)
    if not case.fields.get("case_sensitive", True):
        text, page = text.lower(), page.lower()
    first, last = case.fields.get("first_n"), case.fields.get("last_n")
    if first or last:
        page = (page[:first] if first else "") + (page[-last:] if last else "")
    return fuzz.partial_ratio(text, page) / 100.0 >= case.ratio_needed(text)


def _absent(case: Case, markdown: str) -> bool:
    return not _present(case, markdown)


def _order(case: Case, markdown: str) -> bool:
    from fuzzysearch import find_near_matches

    page = normalise(markdown)
    before, after = (
        [m.start for m in find_near_matches(case.fields[key], page, max_l_dist=case.max_diffs)]
        for key in ("before", "after")
    )
    return bool(before and after) and min(before) < max(after)


def _table(case: Case, markdown: str) -> bool:
    grids = [] if case.fields.get("ignore_markdown_tables") else markdown_tables(markdown)
    return any(_in_grid(case, grid) for grid in [*grids, *html_tables(markdown)])


def _in_grid(case: Case, grid: Grid) -> bool:
    found = (cell for cell in grid.cells if _says(case, case.fields["cell"], [cell]))
    return any(_has_neighbours(case, grid, cell) for cell in found)


_SIDES = ("up", "down", "left", "right")
_HEADINGS = {"top_heading": "up", "left_heading": "left"}


def _has_neighbours(case: Case, grid: Grid, cell: GridCell) -> bool:
    wanted = {key: case.fields.get(key) for key in (*_SIDES, *_HEADINGS)}
    return all(
        _says(
            case,
            text,
            grid.headings(cell, _HEADINGS[key]) if key in _HEADINGS else grid.neighbours(cell, key),
        )
        for key, text in wanted.items()
        if text
    )


def _says(case: Case, text: str, cells: Iterable[GridCell]) -> bool:
    needed = max(0.5, case.ratio_needed(text))
    return any(fuzz.ratio(text, normalise(cell.text)) / 100.0 >= needed for cell in cells)


def _baseline(case: Case, markdown: str) -> bool:
    """Some text, no loop at its end, no script that the documents do not have; or a page left blank."""
    limit = case.fields.get("max_length")
    if limit is not None:
        if case.fields.get("max_length_skips_image_alt_tags"):
            markdown = re.sub(r"!\[.*?\]\(.*?\)", "", markdown)
        return _letters(markdown) <= int(limit)
    if not _letters(markdown) or _repeats(markdown) > case.fields.get("max_repeats", MAX_REPEATS):
        return False
    checked = case.fields.get("check_disallowed_characters", True)
    return not (checked and _DISALLOWED.search(markdown))


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _repeats(text: str, longest: int = 5) -> int:
    """How often the last 1 to 5 characters are repeated at the end, at most."""
    text = re.sub(r"\s+", " ", text)
    return max(_repeats_of(text, size) for size in range(1, longest + 1))


def _repeats_of(text: str, size: int) -> int:
    tail, count, end = text[-size:], 0, len(text)
    while end >= size and text[end - size : end] == tail:
        count, end = count + 1, end - size
    return count


_FORMATS = {
    "heading": (
        re.compile(r"^#{1,6}\s+(.+?)$", re.MULTILINE),
        re.compile(r"<h[1-6][^>]*>(.*?)</h[1-6]>", re.IGNORECASE | re.DOTALL),
    ),
    "bold": (
        re.compile(r"\*\*(.*?)\*\*", re.DOTALL),
        re.compile(r"__(.*?)__", re.DOTALL),
        re.compile(r"<b[^>]*>(.*?)</b>", re.IGNORECASE | re.DOTALL),
        re.compile(r"<strong[^>]*>(.*?)</strong>", re.IGNORECASE | re.DOTALL),
    ),
    "italic": (
        re.compile(r"(?<!\*)\*(?!\*)(.*?)(?<!\*)\*(?!\*)", re.DOTALL),
        re.compile(r"(?<!_)_(?!_)(.*?)(?<!_)_(?!_)", re.DOTALL),
        re.compile(r"<i[^>]*>(.*?)</i>", re.IGNORECASE | re.DOTALL),
        re.compile(r"<em[^>]*>(.*?)</em>", re.IGNORECASE | re.DOTALL),
    ),
}


def _format(case: Case, markdown: str) -> bool:
    text = case.fields["text"]
    found = [normalise(m) for pattern in _FORMATS[case.fields["format"]] for m in pattern.findall(markdown)]
    if not case.fields.get("case_sensitive", True):
        text, found = text.lower(), [one.lower() for one in found]
    return any(fuzz.partial_ratio(text, one) / 100.0 >= case.ratio_needed(text) for one in found)


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FOOTNOTE_REACH = 200


def _footnote(case: Case, markdown: str) -> bool:
    """The marker somewhere, and each given text right before or after one of its places."""
    places = _marker_places(case.fields["marker"], markdown)
    before, after = case.fields.get("appears_before_marker"), case.fields.get("appears_after_marker")
    return (
        bool(places)
        and (not before or any(_ends_with(case, before, markdown[:start]) for start, _ in places))
        and (not after or any(_starts_with(case, after, markdown[end:]) for _, end in places))
    )


def _marker_places(marker: str, markdown: str) -> list[tuple[int, int]]:
    escaped = re.escape(marker)
    patterns = [rf"\[\^{escaped}\](?!:)", rf"(?i:<sup[^>]*>{escaped}</sup>)"]
    if set(marker) <= set("0123456789"):
        patterns.append(re.escape(marker.translate(_SUPERSCRIPTS)))
    return [match.span() for pattern in patterns for match in re.finditer(pattern, markdown)]


def _ends_with(case: Case, text: str, before: str) -> bool:
    target, near = _bare(text), _bare(before[-_FOOTNOTE_REACH:])
    return _near(case, text, target, near[-min(len(near), 2 * len(target)) or None :])


def _starts_with(case: Case, text: str, after: str) -> bool:
    target, near = _bare(text), _bare(after[:_FOOTNOTE_REACH])
    return _near(case, text, target, near[: 2 * len(target)] or near)


def _near(case: Case, text: str, target: str, near: str) -> bool:
    return bool(near) and fuzz.partial_ratio(target, near) / 100.0 >= case.ratio_needed(text)


def _bare(text: str) -> str:
    return "".join(character for character in normalise(text) if character.isalnum()).lower()


_DELIMITERS = (r"\\\((.+?)\\\)", r"\\\[(.+?)\\\]")
_DOLLARS = (r"\$\$(.+?)\$\$", r"\$(.+?)\$")


def _math(case: Case, markdown: str, render: Render | None) -> Verdict:
    """Exact matches pass and a page without formulas fails; others must be rendered."""
    formulas: list[str] = []
    dollars = () if case.fields.get("ignore_dollar_delimited") else _DOLLARS
    for pattern in (*_DELIMITERS, *dollars):
        formulas += [formula.strip() for formula in re.findall(pattern, markdown, re.DOTALL)]
        markdown = re.sub(pattern, "", markdown, flags=re.DOTALL)
    wanted = case.fields["math"]
    if wanted in formulas:
        return Verdict.PASSED
    if formulas and render is None:
        return Verdict.NOT_RUN
    # The likest first: rendering is slow, and one that shows it is enough.
    formulas.sort(key=lambda formula: -fuzz.ratio(formula, wanted))
    found = any(shows(render(formula), render(wanted)) for formula in formulas) if render else False
    return Verdict.PASSED if found else Verdict.FAILED


_RULES: Mapping[str, Callable[[Case, str], bool]] = MappingProxyType(
    {
        "present": _present,
        "absent": _absent,
        "order": _order,
        "table": _table,
        "baseline": _baseline,
        "format": _format,
        "footnote": _footnote,
    }
)
