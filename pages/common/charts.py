"""Small charts as inline SVG: they follow the page's light or dark look, and stand alone when they are downloaded."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["right", "wrong", "one", "other"]
"""How a series is drawn: each kind has its own colour, and its own pattern for who cannot tell the colours apart."""

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 26, 40

STYLE = """text{font:12px system-ui,sans-serif;fill:#334155}.axis,.tick{stroke:#94a3b8}.grid{stroke:#e2e8f0}
.right{fill:#0f766e}.wrong{fill:url(#hatch)}.one{fill:#0072b2}.other{fill:url(#hatch)}.bar-line{stroke:#334155}
.dot{fill:#0072b2}.ring{fill:#fff;stroke:#0072b2;stroke-width:2}.stripe{stroke:#b91c1c}.paper{fill:#fef2f2}.zero{stroke:#334155}"""
"""The light look, for a chart that leaves the page."""


@dataclass(frozen=True)
class Series:
    """Counts in bins."""

    name: str
    kind: Kind
    counts: Sequence[float]


@dataclass(frozen=True)
class Share:
    """A share with its interval at one place of an axis; all of them 0 to 1 except `at` and `count`."""

    at: float
    share: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Moment:
    """A value at one time; None where there is none."""

    number: int
    at_s: float
    value: float | None
    tooltip: str
    sure: bool = True


def histogram(series: Sequence[Series], edges: Sequence[float], x_label: str, title: str, zero: bool = False) -> str:
    """Bars of several series on top of each other.

    Args:
        edges: one more than each series has counts, ascending.
        zero: whether a line marks where x is 0.
    """
    total = np.sum([np.asarray(part.counts, float) for part in series], axis=0)
    frame = _Frame(float(edges[0]), float(edges[-1]), 0.0, float(total.max(initial=0)) or 1.0)
    below = np.zeros(len(total))
    marks = []
    for part in series:
        counts = np.asarray(part.counts, float)
        for left, right, low, count in zip(edges[:-1], edges[1:], below, counts, strict=True):
            if count:
                x, width = frame.x(left), max(0.5, frame.x(right) - frame.x(left) - 1)
                y, height = frame.y(low + count), frame.y(low) - frame.y(low + count)
                tooltip = f"{part.name}: {count:g} from {left:.3g} to {right:.3g}"
                marks.append(_bar(x, y, width, height, part.kind, tooltip))
        below += counts
    if zero and edges[0] < 0 < edges[-1]:
        marks.append(_line(frame.x(0), TOP, frame.x(0), HEIGHT - BOTTOM, "zero"))
    return _svg(title, frame, x_label, "".join(marks), [(part.name, part.kind) for part in series])


def overlay(series: Sequence[Series], edges: Sequence[float], x_label: str, title: str) -> str:
    """Each series as its share per bin, drawn over each other, so that a small one can be compared with a large one."""
    shares = [np.asarray(part.counts, float) / max(1.0, float(np.sum(part.counts))) for part in series]
    frame = _Frame(float(edges[0]), float(edges[-1]), 0.0, float(np.max(shares)) or 1.0, percent=True)
    marks = []
    for part, values in zip(series, shares, strict=True):
        x = np.repeat([frame.x(edge) for edge in edges], 2)
        y = [frame.y(0), *np.repeat([frame.y(value) for value in values], 2), frame.y(0)]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        marks.append(f'<polygon class="{part.kind} see-through bar-line" points="{points}"/>')
    return _svg(title, frame, x_label, "".join(marks), [(part.name, part.kind) for part in series])


def reliability(shares: Sequence[Share], x_label: str, title: str) -> str:
    """How often answers are right, against how sure they were; whiskers are the intervals."""
    places = [share.at for share in shares] or [0.0, 1.0]
    edge = (max(places) - min(places)) * 0.06 or 0.05
    frame = _Frame(min(places) - edge, max(places) + edge, 0.0, 1.0, percent=True)
    marks = []
    for share in shares:
        x = frame.x(share.at)
        marks.append(_line(x, frame.y(share.low), x, frame.y(share.high), "bar-line"))
        tooltip = f"{share.share:.0%} right of {share.count:,} at {share.at:.3g} ({share.low:.0%} to {share.high:.0%})"
        marks.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{frame.y(share.share):.1f}" r="5"><title>{tooltip}</title></circle>'
        )
    return _svg(title, frame, x_label, "".join(marks), [])


def timeline(moments: Sequence[Moment], keys: Sequence[tuple[str, Kind]], title: str) -> str:
    """A dot for each value over time, hollow where it is not sure, and a hatched stripe where there is none.

    Args:
        moments: in their order; each dot bears its number for scripts (`data-number`).
        keys: the names of dots and stripes.
    """
    end_s = max((moment.at_s for moment in moments), default=0.0) or 1.0
    highest = max((moment.value for moment in moments if moment.value is not None), default=0.0)
    frame = _Frame(-0.02 * end_s, 1.02 * end_s, 0.0, 1.08 * highest or 1.0)
    half = 0.5 * (frame.x(end_s) - frame.x(0)) / max(1, len(moments) - 1)
    marks = []
    for moment in moments:
        x = frame.x(moment.at_s)
        if moment.value is None:
            marks.append(_bar(x - half, TOP, 2 * half, HEIGHT - BOTTOM - TOP, "wrong", moment.tooltip))
            continue
        kind = "dot" if moment.sure else "ring"
        marks.append(
            f'<circle class="{kind}" data-number="{moment.number}" cx="{x:.1f}" cy="{frame.y(moment.value):.1f}" r="4">'
            f"<title>{html.escape(moment.tooltip)}</title></circle>"
        )
    return _svg(title, frame, "seconds since the first photo", "".join(marks), keys)


def standing_alone(svg: str) -> str:
    """The chart as a file of its own, in the light look."""
    return svg.replace(">", f' width="{WIDTH}" height="{HEIGHT}"><style>{STYLE}</style>', 1)


@dataclass(frozen=True)
class _Frame:
    """Where values lie on the drawing."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    percent: bool = False

    def x(self, value: float) -> float:
        return LEFT + (value - self.x_low) / (self.x_high - self.x_low or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y_low) / (self.y_high - self.y_low or 1) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between two values, about as many as asked for."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _svg(title: str, frame: _Frame, x_label: str, marks: str, keys: Sequence[tuple[str, Kind]]) -> str:
    floor = HEIGHT - BOTTOM
    parts = []
    for value in ticks(frame.y_low, frame.y_high, 4):
        label = f"{value:.3g}" if not frame.percent else f"{value:.0%}" if value * 100 % 1 < 1e-9 else f"{value:.1%}"
        parts.append(_line(LEFT, frame.y(value), WIDTH - RIGHT, frame.y(value), "grid"))
        parts.append(f'<text x="{LEFT - 7}" y="{frame.y(value) + 4:.1f}" text-anchor="end">{label}</text>')
    parts += [marks, _line(LEFT, floor, WIDTH - RIGHT, floor, "axis")]
    for value in ticks(frame.x_low, frame.x_high, 6):
        parts.append(_line(frame.x(value), floor, frame.x(value), floor + 4, "tick"))
        parts.append(f'<text x="{frame.x(value):.1f}" y="{floor + 17}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 5}" text-anchor="middle">{html.escape(x_label)}</text>')
    left = float(LEFT)
    for name, kind in keys:
        parts.append(f'<rect class="{kind} bar-line" x="{left:.0f}" y="5" width="12" height="12" rx="2"/>')
        parts.append(f'<text x="{left + 18:.0f}" y="15">{html.escape(name)}</text>')
        left += 34 + 6.6 * len(name)
    hatch = (
        '<defs><pattern id="hatch" width="6" height="6" patternTransform="rotate(45)" patternUnits="userSpaceOnUse">'
        '<rect class="paper" width="6" height="6"/><line class="stripe" x1="0" y1="0" x2="0" y2="6" stroke-width="5"/>'
        "</pattern></defs>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{html.escape(title)}</title>{hatch}{''.join(parts)}</svg>"
    )


def _bar(x: float, y: float, width: float, height: float, kind: Kind, tooltip: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{html.escape(tooltip)}</title></rect>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
