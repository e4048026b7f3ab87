"""Queries for other programs: a table, or a line on the ground from each truth to its answer."""

import numpy as np
import pandas as pd
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, MultiLineString, box
from shapely.geometry.base import BaseGeometry

from gallery.export import Format, Row, clean, csv_text, document
from gallery.geo import turns
from gallery.report.flags import COLUMNS as FLAG_COLUMNS

COLUMNS = (
    "id", "image", "place", "condition", "altitude_m", "rank", "right", "score", "margin", "error_m", "true_lon",
    "true_lat", "lon", "lat", "true_tile", "top_tile", "answered_place", "verdict", "confidence", "flags",
    "embedding_rank", "ground_lon", "ground_lat", "ground_probability", "ground_rank", "on_ground", "change",
    "rank_change", "margin_change",
)  # fmt: skip
"""The columns; the last three are empty without a comparison."""


def render(rows: pd.DataFrame, form: Format) -> str:
    """Rows of an inspection's or comparison's table as one document, in their order.

    CSV has a line per query. In GeoJSON and KML a query is the line from its truth to its answer, or a point where only
    one of them is known or both are the same; KML leaves out queries without a place on the ground.
    """
    if form == "csv":
        return csv_text(COLUMNS, _records(rows))
    shapes = zip(_records(rows), _shapes(rows), strict=True)
    return document(list(shapes), COLUMNS, "KML" if form == "kml" else "GeoJSON", "queries", _title)


def _records(rows: pd.DataFrame) -> list[Row]:
    """One record per query: text without control characters, None for what is unknown."""
    told = rows.reset_index().reindex(columns=COLUMNS).astype(object)
    told["flags"] = _flags(rows)
    told = told.where(told.notna(), None).map(lambda value: clean(value) if isinstance(value, str) else value)
    return [dict(zip(COLUMNS, values, strict=True)) for values in told.itertuples(index=False, name=None)]


def _flags(rows: pd.DataFrame) -> list[str]:
    flagged = [(name, rows[column].to_numpy(bool)) for name, column in FLAG_COLUMNS.items()]
    return [" ".join(name for name, flag in flagged if flag[number]) for number in range(len(rows))]


def _shapes(rows: pd.DataFrame) -> list[BaseGeometry | None]:
    """The line of each query, a point where it has one end only or none between, None without an end."""
    truths, answers = (rows[[f"{end}lon", f"{end}lat"]].to_numpy(float) for end in ("true_", ""))
    known, answered = (np.isfinite(ends).all(axis=1) for ends in (truths, answers))
    lines = known & answered & (truths != answers).any(axis=1)
    shapes = np.full(len(rows), None, object)
    shapes[lines] = shapely.linestrings(np.stack([truths, answers], axis=1)[lines])
    for number in np.flatnonzero(lines & (np.abs(truths[:, 0] - answers[:, 0]) > 180)):
        shapes[number] = _cut(truths[number], answers[number])
    shapes[known & ~lines] = shapely.points(truths[known & ~lines])
    shapes[~known & answered] = shapely.points(answers[~known & answered])
    return list(shapes)


def _cut(truth: np.ndarray, answer: np.ndarray) -> BaseGeometry:
    """A line over the 180th meridian, in two parts there (RFC 7946, 3.1.9)."""
    (lon, lat), (answered_lon, answered_lat) = truth, answer
    line = LineString([(lon, lat), (answered_lon + 360 * round((lon - answered_lon) / 360), answered_lat)])
    parts = [translate(line.intersection(box(turn - 180, -90, turn + 180, 90)), -turn) for turn in turns()]
    lines = [part for part in parts if isinstance(part, LineString) and part.length]
    return lines[0] if len(lines) == 1 else MultiLineString(lines)


def _title(record: Row) -> str:
    metres = record["error_m"]
    return record["id"] if metres is None else f"{record['id']}: {metres:,.0f} m"
