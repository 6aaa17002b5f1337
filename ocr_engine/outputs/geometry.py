"""The geometry figure: an answer that describes lines and circles, drawn as the official image script does.

The script runs `eval` on the answer. Here it is read as data, with a bound on everything.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

Point = tuple[float, float]

_MARK = "line_type"
_MAX_CHARS, _MAX_DEPTH, _MAX_ITEMS = 100_000, 8, 500
_FARTHEST = 1e4
_MAX_LABEL_CHARS, _LAST_GLYPH = 40, 0x250
_LIMIT = 15
"""The axes run from -15 to 15."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?[0-9]+(?:\.[0-9]*)?)"""
    r"""|(?P<word>None|True|False|null|true|false)|(?P<sign>[][{}(),:]))"""
)
_POINT = re.compile(r"\(?\s*(-?[0-9.]+)\s*,\s*(-?[0-9.]+)\s*\)?")
_WORDS = {"None": "null", "True": "true", "False": "false"}


@dataclass(frozen=True, slots=True)
class Geometry:
    """What is drawn: lines, labelled points, circles as (centre, radius)."""

    lines: tuple[tuple[Point, Point], ...]
    labels: tuple[tuple[str, Point], ...]
    circles: tuple[tuple[Point, float], ...]


def geometry_figure(text: str) -> bytes | None:
    """The figure as JPEG, None where the text describes none."""
    geometry = parse_geometry(text)
    return None if geometry is None else draw_geometry(geometry)


def parse_geometry(text: str) -> Geometry | None:
    """What `{'Line': {'line': [...], ...}, 'Circle': {...}}` describes; None for any other text."""
    if _MARK not in text or len(text) > _MAX_CHARS:
        return None
    values = _read(text)
    line = values.get("Line") if isinstance(values, dict) else None
    if not isinstance(line, dict):
        return None
    circle = values.get("Circle")
    circle = circle if isinstance(circle, dict) else {}
    centres = [_labelled(item) for item in _strings(circle.get("circle_center"))]
    radii = circle.get("radius")
    radii = radii if isinstance(radii, list) else []
    return Geometry(
        tuple(filter(None, map(_segment, _strings(line.get("line"))))),
        tuple(filter(None, map(_labelled, _strings(line.get("line_endpoint"))))),
        tuple(
            (centre[1], float(radius))
            for centre, radius in zip(centres, radii, strict=False)
            if centre is not None and isinstance(radius, int | float) and 0 < radius < _FARTHEST
        ),
    )


def draw_geometry(geometry: Geometry) -> bytes:
    """A 600 x 600 px JPEG: black lines 0.8 pt wide with their ends, labels, unfilled circles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    figure = Figure(figsize=(3, 3), dpi=200)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xlim(-_LIMIT, _LIMIT)
    axes.set_ylim(-_LIMIT, _LIMIT)
    for ends in geometry.lines:
        x, y = zip(*ends, strict=True)
        axes.plot(x, y, linewidth=0.8, color="k")
        axes.scatter(x, y, s=5, color="k")
    for label, point in geometry.labels:
        # parse_math off: dollar signs in a label would be run as formulas.
        axes.annotate(
            label,
            point,
            xytext=(1, 1),
            textcoords="offset points",
            fontsize=5,
            fontweight="light",
            parse_math=False,
            annotation_clip=True,
        )
    for centre, radius in geometry.circles:
        axes.add_patch(Circle(centre, radius=radius, fill=False, edgecolor="black", linewidth=0.8))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="jpg")
    return buffer.getvalue()


def _read(text: str) -> Any:
    """A Python or JSON literal as values: tokens are rewritten as JSON. None where it is neither."""
    written, depth, position = [], 0, 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        position = match.end()
        token = match[match.lastgroup or 0]
        depth += (token in "[{(") - (token in "]})")
        if depth > _MAX_DEPTH:
            return None
        written.append(_as_json(token, match.lastgroup))
    try:
        return json.loads("".join(written))
    except ValueError:
        return None


def _as_json(token: str, kind: str | None) -> str:
    if kind == "string":
        return json.dumps(re.sub(r"\\(.)", r"\1", token[1:-1]))
    if kind == "number":
        return repr(float(token))
    return {"(": "[", ")": "]"}.get(token, _WORDS.get(token, token))


def _strings(values: Any) -> Iterator[str]:
    items = values if isinstance(values, list) else []
    return islice((item for item in items if isinstance(item, str)), _MAX_ITEMS)


def _segment(text: str) -> tuple[Point, Point] | None:
    """`(0, 1) -- (2, 3)`."""
    ends = text.split(" -- ")
    start, end = _point(ends[0]), _point(ends[-1])
    return None if start is None or end is None else (start, end)


def _labelled(text: str) -> tuple[str, Point] | None:
    """`A: (0, 1)`."""
    label, colon, rest = text.partition(": ")
    point = _point(rest)
    # Other characters have no glyph in the font.
    shown = "".join(c if c.isprintable() and ord(c) < _LAST_GLYPH else "?" for c in label[:_MAX_LABEL_CHARS])
    return (shown, point) if colon and point is not None else None


def _point(text: str) -> Point | None:
    match = _POINT.fullmatch(text.strip())
    try:
        point = (float(match[1]), float(match[2])) if match else None
    except ValueError:
        return None
    return point if point is not None and max(map(abs, point)) < _FARTHEST else None
