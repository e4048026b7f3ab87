"""Queries for other programs: a table, or a line on the ground from each truth to its answer."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from shapely.affinity import translate
from shapely.geometry import LineString, MultiLineString, Point, box
from shapely.geometry.base import BaseGeometry

from gallery.export import Format, clean, csv_text, document

COLUMNS = (
    "id", "image", "place", "condition", "altitude_m", "rank", "right", "score", "margin", "error_m", "true_lon",
    "true_lat", "lon", "lat", "true_tile", "top_tile", "answered_place", "verdict", "confidence", "flags", "change",
    "rank_change", "margin_change",
)  # fmt: skip
"""The columns; the last three are empty without a comparison."""


def render(rows: pd.DataFrame, form: Format) -> str:
    """Rows of an inspection's or comparison's table as one document, in their order.

    CSV has a line per query. In GeoJSON and KML a query is the line from its truth to its answer, or a point where only
    one of them is known or both are the same; KML leaves out queries without a place on the ground.
    """
    if form == "csv":
        return csv_text(COLUMNS, [record for record, _ in _records(rows)])
    return document(list(_records(rows)), COLUMNS, "KML" if form == "kml" else "GeoJSON", "queries", _title)


def _records(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], BaseGeometry | None]]:
    flags = [column for column in rows if column.startswith("flag_")]
    for query_id, row in zip(rows.index, rows.to_dict("records"), strict=True):
        record = {"id": query_id, **row, "flags": " ".join(name.removeprefix("flag_") for name in flags if row[name])}
        yield {name: _plain(record.get(name)) for name in COLUMNS}, _shape(row)


def _plain(value: Any) -> Any:
    """A value for JSON and CSV: text without control characters, None for what is unknown."""
    if isinstance(value, str):
        return clean(value)
    return None if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def _shape(row: dict[str, Any]) -> BaseGeometry | None:
    """The line from the truth to the answer; in two parts where it crosses the 180th meridian (RFC 7946, 3.1.9)."""
    ends = [(row["true_lon"], row["true_lat"]), (row["lon"], row["lat"])]
    known = list(dict.fromkeys(end for end in ends if all(map(math.isfinite, end))))
    if len(known) < 2:
        return Point(known[0]) if known else None
    (lon, lat), (answered_lon, answered_lat) = known
    line = LineString([(lon, lat), (answered_lon + 360 * round((lon - answered_lon) / 360), answered_lat)])
    worlds = (-360, 0, 360)
    parts = [translate(line.intersection(box(turn - 180, -90, turn + 180, 90)), -turn) for turn in worlds]
    lines = [part for part in parts if isinstance(part, LineString) and part.length]
    return lines[0] if len(lines) == 1 else MultiLineString(lines)


def _title(record: dict[str, Any]) -> str:
    metres = record["error_m"]
    return record["id"] if metres is None else f"{record['id']}: {metres:,.0f} m"
