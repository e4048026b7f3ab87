"""The whole set as HTML: the headline with the causes of the errors, slices, and the distributions behind them."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gallery.figures.embeddings import Distances
from gallery.intervals import Estimate
from gallery.report.flags import FLAGS, Causes
from gallery.report.ground import OUTCOMES
from gallery.report.scatter import Scatter
from gallery.report.summary import Figures, Histogram, ReliabilityBins
from pages.common import charts, formatting
from pages.inspect.table import number, plain_table

TERMS = (
    "R@1, R@5, R@10: the share of queries whose true tile is the first, among the first five, among the first ten. "
    "AP: average precision, 100 % where the true tiles lead everywhere. Median error: half of the first tiles lie "
    "nearer to the truth. Margin, in the table: similarity of the best true tile minus that of the best wrong one; "
    "below 0 the answer is wrong. Small figures are 95 % intervals."
)
MOST_SLICES = 100
DISTANCE_BINS = 50
MOST_POINTS = 6000
MOST_LINKS = 800


def headline(
    name: str,
    figures: Figures | None,
    causes: Causes,
    notes: Sequence[str],
    grounds: Mapping[str, int] | None = None,
) -> str:
    """What the network gets wrong in one sentence, and how good it is.

    Args: grounds: how many queries had which of `gallery.report.ground.OUTCOMES`; None: that is not known.
    """
    if figures is None:
        return '<div class="card quiet"><h3>The report has no queries.</h3></div>'
    facts = [(f"R@{k}", _percent(figures.recall[k]), _interval(figures.recall[k], "%")) for k in (1, 5, 10)]
    if figures.ap is not None:
        facts.append(("AP", _percent(figures.ap), _interval(figures.ap, "%")))
    if figures.median_m is not None:
        low, high = formatting.metres(figures.median_m.low), formatting.metres(figures.median_m.high)
        facts.append(("Median error", formatting.metres(figures.median_m.value), f"{low} to {high}"))
    terms = "".join(
        f'<div title="95 % interval: {interval}"><dt>{term}</dt><dd>{value} <small>{interval}</small></dd></div>'
        for term, value, interval in facts
    )
    lines = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    chips = _causes(causes) + _on_ground(grounds or {})
    queries = formatting.count(figures.count, "query", "queries")
    return (
        f'<div class="card headline" role="status"><p class="eyebrow"><span class="file">{html.escape(name)} · '
        f"{queries}</span></p><h3>{_result(figures.count, causes.errors)}</h3>"
        f'<p class="why">{html.escape(causes.sentence)}</p>{chips}<dl class="facts">{terms}</dl>'
        f'<p class="told">{TERMS}</p><ul class="notes">{lines}</ul></div>'
    )


def _result(count: int, errors: int) -> str:
    """What a person would say first."""
    if not errors:
        return f"The first tile is right for {'the one query' if count == 1 else f'all {count:,} queries'}."
    queries = formatting.count(count, "query", "queries")
    return f"Of {queries} the first tile is right for {count - errors:,} and wrong for {errors:,}."


def _causes(causes: Causes) -> str:
    """One chip for each flag that errors carry; a click filters by it."""
    chips = [
        f'<button data-flag="{flag}">{count:,} <span>{html.escape(FLAGS[flag])}</span></button>'
        for flag, count in causes.counts.items()
        if count
    ]
    if causes.errors:
        chips.append(f'<button data-flag="">{causes.errors:,} <span>wrong in all</span></button>')
    return f'<p class="chips">{"".join(chips)}</p>'


def _on_ground(grounds: Mapping[str, int]) -> str:
    """One chip for each outcome on the ground; a click filters by it."""
    chips = "".join(
        f'<button data-ground="{name}">{count:,} <span>{html.escape(OUTCOMES[name])}</span></button>'
        for name, count in grounds.items()
        if count
    )
    return f'<p class="told">On the ground:</p><p class="chips">{chips}</p>' if chips else ""


def slices(tables: Mapping[str, pd.DataFrame]) -> str:
    """Tables of figures by altitude, condition and place, side by side."""
    parts = [_slice_table(by, rows) for by, rows in tables.items() if len(rows)]
    if not parts:
        return '<p class="empty">The report names no altitude, condition or place.</p>'
    return f'<div class="slices">{"".join(parts)}</div>'


def _slice_table(by: str, rows: pd.DataFrame) -> str:
    lines, data = [], []
    for _, row in rows.head(MOST_SLICES).iterrows():
        lines.append(
            [
                f"<td>{html.escape(str(row['slice']))}</td>",
                number(row["count"], lambda value: f"{value:,.0f}"),
                f"<td>{_bar(row['r1'], row['r1_low'], row['r1_high'])}</td>",
                number(row["r1"], lambda value: f"{value:.1f}"),
                number(row["r5"], lambda value: f"{value:.1f}"),
                number(row["r10"], lambda value: f"{value:.1f}"),
                number(row["ap"], lambda value: f"{value:.1f}"),
                number(row["median_m"], formatting.metres),
            ]
        )
        data.append({} if by == "altitude" else {"by": by, "slice": str(row["slice"])})
    more = f" · the {MOST_SLICES} worst of {len(rows):,}" if len(rows) > MOST_SLICES else ""
    heads = [by.capitalize(), "Queries", "R@1 with 95 % interval", "", "R@5", "R@10", "AP", "Median error"]
    return f"<div><h4>By {by}{more}</h4>{plain_table(heads, lines, data)}</div>"


def _bar(value: float, low: float, high: float) -> str:
    """A share in percent as a bar with its interval."""
    if math.isnan(value):
        return "–"
    return (
        f'<span class="bar" title="{value:.1f} % ({low:.1f} to {high:.1f})"><i style="width:{value:.1f}%"></i>'
        f'<u style="left:{low:.1f}%;width:{max(0.5, high - low):.1f}%"></u></span>'
    )


def margin_chart(histogram: Histogram | None) -> str | None:
    """Margins of right and wrong queries."""
    if histogram is None:
        return None
    series = [
        charts.Series("right", "right", histogram.right.tolist()),
        charts.Series("wrong", "wrong", histogram.wrong.tolist()),
    ]
    x_label = "margin: best true minus best wrong score"
    return charts.histogram(series, histogram.edges.tolist(), x_label, "Margins of right and wrong queries", zero=True)


def reliability_chart(reliability: ReliabilityBins | None) -> str | None:
    """How often answers are right, by score or confidence."""
    if reliability is None:
        return None
    bins = reliability.bins
    columns = ["mean", "right", "right_low", "right_high", "count"]
    shares = [
        charts.Share(at, share, low, high, int(count)) for at, share, low, high, count in bins[columns].to_numpy(float)
    ]
    of, what = ("score of the first tile", "first tile")
    if reliability.of == "confidence":
        of, what = ("calibrated confidence", "place")
    return charts.reliability(shares, of, f"How often the {what} is right")


def distances_chart(distances: Distances | None) -> str | None:
    """Cosine distances within and between places."""
    if distances is None:
        return None
    wide = len(distances.intra) // DISTANCE_BINS
    intra = distances.intra.reshape(-1, wide).sum(axis=1)
    inter = distances.inter.reshape(-1, wide).sum(axis=1)
    edges = np.linspace(0, 2, len(intra) + 1)
    used = np.flatnonzero(intra + inter)
    part = slice(int(used[0]), int(used[-1]) + 1)
    series = [
        charts.Series(f"same place, mean {distances.intra_mean:.2f}", "one", intra[part].tolist()),
        charts.Series(f"different places, mean {distances.inter_mean:.2f}", "other", inter[part].tolist()),
    ]
    return charts.overlay(series, edges[part.start : part.stop + 1].tolist(), "cosine distance", "Embedding distances")


def chart_cards(cards: Sequence[tuple[str, str | None, str]]) -> str:
    """Charts with a heading and a sentence each. A chart that is None is replaced by its sentence alone."""
    parts = [
        f"<figure><h4>{html.escape(title)}</h4>{chart or ''}<figcaption>{html.escape(text)}</figcaption></figure>"
        for title, chart, text in cards
    ]
    return f'<div class="charts">{"".join(parts)}</div>'


def confused(pairs: pd.DataFrame) -> str:
    """Pairs of places that are taken for each other; a row filters by its pair."""
    if not len(pairs):
        return '<p class="empty">No place was taken for another one, or the report names no places.</p>'
    lines = [
        [
            f"<td>{html.escape(str(true))}</td>",
            f"<td>{html.escape(str(answered))}</td>",
            number(count, lambda value: f"{value:,.0f}"),
            number(share, lambda value: f"{value:.0%}"),
        ]
        for true, answered, count, share in pairs[["true_place", "answered_place", "count", "share"]].to_numpy(object)
    ]
    data = [
        {"true": str(true), "answered": str(answered)}
        for true, answered in pairs[["true_place", "answered_place"]].to_numpy(object)
    ]
    heads = ("Place", "Taken for", "Times", "Of its shown queries")
    return f"<h4>Places taken for others</h4>{plain_table(heads, lines, data)}"


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1f} %"


def _interval(estimate: Estimate, unit: str) -> str:
    return f"{estimate.low:.0f} to {estimate.high:.0f} {unit}"


def points_of(cloud: Scatter, table: pd.DataFrame, by: str) -> dict[str, Any]:
    """A scatter as its script wants it (static/scatter.js). Args: by: outcome, condition or place."""
    total = len(cloud.ids)
    drawn = np.arange(total)
    if total > MOST_POINTS:
        drawn = np.sort(np.random.default_rng(0).permutation(total)[:MOST_POINTS])
    points, ids, tiles = cloud.points[drawn].astype(float), cloud.ids[drawn], cloud.is_tile[drawn]
    spread = np.ptp(points, axis=0)
    unit = (points - points.min(axis=0)) / np.where(spread > 0, spread, 1)
    values = _values(cloud, table, by)[drawn]
    names = ["right", "wrong"] if by == "outcome" else sorted({value for value in values if isinstance(value, str)})
    group_of = {name: number for number, name in enumerate(names)}
    return {
        "x": np.round(unit[:, 0], 4).tolist(),
        "y": np.round(unit[:, 1], 4).tolist(),
        "id": ["" if tile else str(name) for name, tile in zip(ids, tiles, strict=True)],
        "star": tiles.astype(int).tolist(),
        "group": [group_of.get(value, -1) for value in values],
        "names": names,
        "outcome": by == "outcome",
        "links": _links(cloud, drawn),
        "label": [f"tile {name}" if tile else str(name) for name, tile in zip(ids, tiles, strict=True)],
        "note": "× query · ★ satellite tile",
    }


def _links(cloud: Scatter, drawn: np.ndarray) -> list[list[int]]:
    """Points of a query and of its true tile, both drawn; none where they would be too many to see."""
    if len(cloud.links) > MOST_LINKS:
        return []
    row_of = np.full(len(cloud.ids), -1)
    row_of[drawn] = np.arange(len(drawn))
    links = row_of[cloud.links]
    return links[(links >= 0).all(axis=1)].tolist()


def _values(cloud: Scatter, table: pd.DataFrame, by: str) -> np.ndarray:
    """(N,) what each point is coloured by; None for none."""
    if by == "outcome":
        outcome = np.where(cloud.right, "right", "wrong").astype(object)
        outcome[cloud.is_tile] = None
        return outcome
    if by == "place":
        return cloud.places
    known = table["condition"].to_dict()
    pairs = zip(cloud.ids, cloud.is_tile, strict=True)
    return np.array([None if tile else known.get(name) for name, tile in pairs], object)
