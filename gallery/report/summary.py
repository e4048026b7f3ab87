"""All queries together: figures with intervals, by altitude, condition and place; margins, distances, reliability."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

from gallery.figures.embeddings import Distances, pair_distances
from gallery.intervals import Estimate, mean, median, share
from gallery.report.table import Inspection

RECALLS = (1, 5, 10)

BANDS_M = (0, 50, 80, 120, 180, 300, 500, 1000)
"""Edges of the bands of altitude, the same for every report so that bands compare; 120 m is the usual legal limit."""

FEW_ALTITUDES = 8
"""Most altitudes that are shown one by one (SUES-200 has four)."""

COSINE_NOTE = (
    "The score is a cosine, not a probability: the bars show how often answers with such a score are right in this "
    "report, and another model, gallery or region has other bars."
)
CONFIDENCE_NOTE = (
    "Of answers with a confidence of 70 %, 70 of 100 should lie within their radius (or 25 m): bars on the diagonal "
    "are honest."
)


@dataclass(frozen=True)
class Figures:
    """How good the answers to some queries are."""

    count: int
    recall: Mapping[int, Estimate]  # percent, by K of `RECALLS`
    ap: Estimate | None  # mean average precision, percent; None where a query's is not known
    median_m: Estimate | None  # from the truth to the best tile's centre, of the queries where that is known


def figures(table: pd.DataFrame) -> Figures | None:
    """The figures of some rows of an inspection's table; None where there is no row."""
    count = len(table)
    if not count:
        return None
    rank = table["rank"].to_numpy()
    ap, metres = 100 * table["ap"].to_numpy(), table["error_m"].dropna().to_numpy()
    return Figures(
        count,
        {k: share(int((rank <= k).sum()), count) for k in RECALLS},
        None if np.isnan(ap).any() else mean(ap, 0, 100),
        median(metres) if len(metres) else None,
    )


Slice = Literal["altitude", "condition", "place"]
SLICES: tuple[Slice, ...] = ("altitude", "condition", "place")


def by_slice(table: pd.DataFrame, key: Slice) -> pd.DataFrame:
    """The figures of each band of altitude, condition or place.

    Returns: one row per slice with the columns slice, count, and r1, r5, r10, ap, median_m, each with _low and _high.
        Bands ascend, others begin with the lowest R@1. Queries without the fact are left out.
    """
    records = []
    column = "altitude_m" if key == "altitude" else key
    for name, rows in _slices(table[[column, "rank", "ap", "error_m"]], key):
        found = figures(rows)
        if found is not None:
            records.append({"slice": name, "count": found.count, **_flat(found)})
    slices = pd.DataFrame(records, columns=["slice", "count", *_flat(None)])
    return slices if key == "altitude" else slices.sort_values(["r1", "slice"], ignore_index=True)


def _slices(table: pd.DataFrame, key: Slice) -> Iterator[tuple[str, pd.DataFrame]]:
    if key != "altitude":
        yield from ((str(name), rows) for name, rows in table.groupby(key, sort=False))
        return
    altitudes = table["altitude_m"]
    if altitudes.nunique() <= FEW_ALTITUDES:
        yield from ((f"{altitude:g} m", rows) for altitude, rows in table.groupby(altitudes))
        return
    edges = (-np.inf, *BANDS_M[1:], np.inf)
    names = [
        f"below {BANDS_M[1]} m",
        *(f"{low} to {high} m" for low, high in pairwise(BANDS_M[1:])),
        f"from {BANDS_M[-1]} m",
    ]
    bands = pd.cut(altitudes, edges, right=False, labels=names)
    yield from ((str(name), rows) for name, rows in table.groupby(bands, observed=True))


def _flat(found: Figures | None) -> dict[str, float]:
    """Figures under the names of columns; unknown ones are not a number."""
    estimates: dict[str, Estimate | None] = {f"r{k}": found.recall[k] if found else None for k in RECALLS}
    estimates |= {"ap": found.ap if found else None, "median_m": found.median_m if found else None}
    return {
        f"{name}{part}": getattr(one, part.lstrip("_") or "value") if one else np.nan
        for name, one in estimates.items()
        for part in ("", "_low", "_high")
    }


# --- margins, distances ---


@dataclass(frozen=True)
class Histogram:
    """Counts of right and of wrong answers in bins."""

    edges: np.ndarray  # (B + 1,)
    right: np.ndarray  # (B,) int64
    wrong: np.ndarray  # (B,) int64


def margin_histogram(table: pd.DataFrame, bins: int = 40) -> Histogram | None:
    """How far the true tile stands before (right) or behind (wrong) the best false one; None where no margin is known.

    No bin holds both sides of 0.
    """
    known = table[table["margin"].notna()]
    if not len(known):
        return None
    margin = known["margin"].to_numpy()
    low, high = min(0.0, float(margin.min())), max(0.0, float(margin.max()))
    step = max((high - low) / bins, 1e-9)
    first, last = np.floor(low / step), np.ceil(high / step)
    edges = np.arange(first, max(last, first + 1) + 1) * step
    edges[[0, -1]] = min(edges[0], low), max(edges[-1], high)
    right = known["right"].to_numpy(bool)
    counts = [np.histogram(margin[mask], edges)[0] for mask in (right, ~right)]
    return Histogram(edges, *counts)


def class_distances(inspection: Inspection) -> Distances | None:
    """Cosine distances inside places and between them; None where the report holds no embeddings.

    Tiles and queries of one place have its name; where tiles have none, the true tile alone shows a query's place.
    """
    vectors, tiles = inspection.report.vectors(), inspection.tiles
    if vectors is None or tiles is None or vectors.shape[1] != tiles.vectors.shape[1]:
        return None
    true = np.array([tiles.rows.get(tile_id, -1) for tile_id in inspection.table["true_tile"]])
    asked = true >= 0
    if not asked.any() or len(tiles.ids) < 2:
        return None
    labels = np.arange(len(tiles.ids))
    if tiles.places is not None:
        labels = np.unique(tiles.places.astype(str), return_inverse=True)[1]
    if len(np.unique(labels)) < 2:
        return None
    return pair_distances(vectors[asked], labels[true[asked]], tiles.vectors, labels)


# --- reliability ---


@dataclass(frozen=True)
class ReliabilityBins:
    """How often answers are right, by what they say of themselves.

    Attributes:
        of: confidence where the report has one, else the score.
        bins: columns low, high, count, mean (of the confidence or score), and shares from 0 to 1: right, right_low,
            right_high.
        sentence: what it means.
        expected_error: mean distance of confidence and share (ECE), 0 to 1; None for a score.
    """

    of: Literal["confidence", "score"]
    bins: pd.DataFrame
    sentence: str
    expected_error: float | None


def reliability(table: pd.DataFrame, bins: int = 10) -> ReliabilityBins | None:
    """Reliability in bins of equally many answers; None where no answer has a score."""
    of: Literal["confidence", "score"] = "confidence" if table["confidence"].notna().any() else "score"
    known = table[table[of].notna()]
    if not len(known):
        return None
    values = known[of].to_numpy()
    right = known["place_right" if of == "confidence" else "right"].to_numpy(bool)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(0, len(edges) - 2))
    records: list[dict[str, Any]] = []
    for bin_number in np.unique(number):
        own = number == bin_number
        estimate = share(int(right[own].sum()), int(own.sum()))
        records.append(
            {
                "low": values[own].min(),
                "high": values[own].max(),
                "count": int(own.sum()),
                "mean": values[own].mean(),
                "right": estimate.value / 100,
                "right_low": estimate.low / 100,
                "right_high": estimate.high / 100,
            }
        )
    frame = pd.DataFrame(records)
    if of == "score":
        return ReliabilityBins(of, frame, COSINE_NOTE, None)
    error = float(((frame["mean"] - frame["right"]).abs() * frame["count"]).sum() / len(known))
    return ReliabilityBins(of, frame, f"{CONFIDENCE_NOTE} Here they are {error:.1%} off on average.", error)
