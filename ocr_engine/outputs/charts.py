"""Numbers in, small charts as SVG text out. No script; colours are classes for the CSS to fill."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_FONT_PX = 12
_GAP = 0.16


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values in bins of equal width; the last bin also holds everything above `high`."""

    low: float
    width: float
    counts: tuple[int, ...]
    open_ended: bool

    @property
    def high(self) -> float:
        """Upper edge of the last bin."""
        return self.low + self.width * len(self.counts)


def histogram(values: Sequence[float], bins: int = 24) -> Histogram | None:
    """Round bins up to the 99.5th percentile; None without values."""
    import numpy as np

    if not len(values):
        return None
    data = np.asarray(values, dtype=np.float64)
    top = float(np.quantile(data, 0.995))
    width = nice_step(max(top, 1e-9) / bins)
    count = max(1, math.ceil(top / width + 1e-9))
    places = np.clip((data / width).astype(np.int64), 0, count - 1)
    counts = np.bincount(places, minlength=count)
    return Histogram(0.0, width, tuple(int(n) for n in counts), bool((data >= count * width).any()))


def nice_step(step: float) -> float:
    """The next step of 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9))


def ticks(top: float, wanted: int = 4, whole: bool = False) -> list[float]:
    """Round values from 0 to at least `top`; with `whole`, whole numbers alone."""
    step = nice_step(max(top, 1e-9) / wanted)
    if whole:
        step = float(math.ceil(step))
    return [step * k for k in range(math.ceil(top / step - 1e-9) + 1)]


def short(value: float) -> str:
    """A number in few characters: 1,234 -> 1.2k."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scale = 1e3 if unit == "k" else size
            return f"{value / scale:.3g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def bar_chart(data: Histogram, unit: str, label: str, width: int = 340, height: int = 170) -> Markup:
    """A histogram: value on the x axis in `unit`, pages on the y axis."""
    frame = _Frame(width, height, left=44, bottom=34, x_top=data.high, y_top=max(data.counts), whole=True)
    parts = frame.axes(unit)
    for at, count in enumerate(data.counts):
        if not count:
            continue
        low = data.low + at * data.width
        more = data.open_ended and at == len(data.counts) - 1
        text = (
            f"{count:,} pages, {short(low)} {'and more' if more else f'to {short(low + data.width)}'} {unit}"
        )
        parts.append(frame.bar(low, low + data.width, count, text))
    return _svg(width, height, label, parts)


def rate_chart(
    rates: Sequence[float], bin_s: float, label: str, width: int = 1040, height: int = 220
) -> Markup:
    """Pages a second over time, one value each `bin_s` seconds, as a stepped area."""
    unit, divisor = _time_unit(bin_s * len(rates))
    span = bin_s * len(rates) / divisor
    frame = _Frame(width, height, left=52, bottom=34, x_top=span, y_top=max(rates), whole=False)
    parts = frame.axes(unit, exact_x=True)
    step = span / len(rates)
    corners = [(at * step + shift, rate) for at, rate in enumerate(rates) for shift in (0.0, step)]
    line = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in corners)
    parts.append(
        f'<polygon class="area" points="{frame.x(0):.1f},{frame.y(0):.1f} {line}'
        f' {frame.x(span):.1f},{frame.y(0):.1f}"/><polyline class="line" points="{line}"/>'
    )
    for at, rate in enumerate(rates):
        text = f"{rate:.2f} pages/s, {short(at * step)} to {short((at + 1) * step)} {unit}"
        parts.append(frame.bar(at * step, (at + 1) * step, frame.y_top, text, "hover", gap=0))
    return _svg(width, height, label, parts)


def _time_unit(seconds: float) -> tuple[str, float]:
    return ("h", 3600.0) if seconds > 3 * 3600 else ("min", 60.0) if seconds > 180 else ("s", 1.0)


class _Frame:
    """Maps values to the drawing and draws the axes."""

    def __init__(
        self, width: int, height: int, *, left: int, bottom: int, x_top: float, y_top: float, whole: bool
    ) -> None:
        self.y_ticks = ticks(y_top, whole=whole)
        self.x_top, self.y_top = x_top, self.y_ticks[-1] or 1.0
        self._left, self._right = left, width - 10
        self._top, self._bottom = 10, height - bottom

    def x(self, value: float) -> float:
        """Pixels from the left of a value on the x axis."""
        return self._left + (self._right - self._left) * value / self.x_top

    def y(self, value: float) -> float:
        """Pixels from the top of a value on the y axis."""
        return self._bottom - (self._bottom - self._top) * value / self.y_top

    def axes(self, unit: str, exact_x: bool = False) -> list[str]:
        """Grid lines with their numbers, and the unit of the x axis."""
        parts = []
        for value in self.y_ticks:
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{self._left}" x2="{self._right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            parts.append(_text(self._left - 6, y + 4, short(value), "end"))
        for value in self._x_ticks(exact_x):
            parts.append(_text(self.x(value), self._bottom + 16, short(value), "middle"))
        parts.append(_text((self._left + self._right) / 2, self._bottom + 31, unit, "middle", "unit"))
        return parts

    def _x_ticks(self, exact: bool) -> list[float]:
        wanted = 8 if exact else 5
        return [value for value in ticks(self.x_top, wanted) if value <= self.x_top * 1.0001]

    def bar(
        self, low: float, high: float, value: float, title: str, name: str = "bar", gap: float = _GAP
    ) -> str:
        """A bar with words that show when pointed at."""
        x, width = self.x(low), self.x(high) - self.x(low)
        y, inset = self.y(value), gap * width / 2
        height = self._bottom - y
        if name == "bar":
            height = max(height, 1.0)
            y = self._bottom - height
        return (
            f'<rect class="{name}" x="{x + inset:.1f}" y="{y:.1f}" width="{max(width - 2 * inset, 0.5):.1f}"'
            f' height="{height:.1f}"><title>{Markup.escape(title)}</title></rect>'
        )


def _text(x: float, y: float, text: str, anchor: str, name: str = "tick") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{Markup.escape(text)}</text>'


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> Markup:
    """The drawing; every text in `parts` went through `Markup.escape`."""
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{Markup.escape(label)}"'
        f' font-size="{_FONT_PX}">{"".join(parts)}</svg>'
    )


def rates(ends_s: Sequence[float], bins: int = 100) -> tuple[list[float], float]:
    """Pages a second in at most `bins` equal stretches from first to last end, and a stretch's length."""
    import numpy as np

    span_s = max(ends_s[-1] - ends_s[0], 1.0)
    count = max(1, min(bins, len(ends_s) // 2, int(span_s)))
    bin_s = span_s / count
    counts, _ = np.histogram(np.asarray(ends_s), bins=count, range=(ends_s[0], ends_s[0] + span_s))
    return [float(n) / bin_s for n in counts], bin_s
