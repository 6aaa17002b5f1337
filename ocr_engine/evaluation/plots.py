"""Scatter and line plots as PNG bytes. Matplotlib is loaded on the first plot; nothing is shown or saved."""

import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one line, each with a label that is written beside it (or "")."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Axes:
    """What a plot's axes say; `line` joins the points of a series."""

    title: str
    x: str
    y: str
    line: bool = True


def draw(axes: Axes, series: Sequence[Series]) -> bytes:
    """The plot as PNG. Draws without a display and leaves matplotlib's global state alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    plot = figure.add_subplot()
    for one in series:
        plot.plot(one.x, one.y, "o-" if axes.line else "o", label=one.name)
        for x, y, label in zip(one.x, one.y, one.labels, strict=False):
            plot.annotate(label, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=8)
    plot.set(title=axes.title, xlabel=axes.x, ylabel=axes.y)
    plot.grid(alpha=0.3)
    # Room for the labels of the outermost points.
    plot.margins(0.12)
    if len(series) > 1:
        plot.legend()
    content = io.BytesIO()
    # Without the version in it, the same plot is the same file.
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
