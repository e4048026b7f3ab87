"""A track as GPX, KML or GeoJSON."""

import io
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from gallery.export import Row, clean, document
from gallery.track.track import Fix, Track

Format = Literal["gpx", "kml", "geojson"]

COLUMNS = ("photo", "kind", "state", "time", "time_s", "certainty", "lon", "lat", "radius_m", "error_m", "error")
"""The columns. kind: fix (a photo; without a shape where it is lost), track (a stretch that is not lost), problem (a
photo that cannot be read)."""


def render(track: Track, form: Format) -> str:
    """A track as one document; a lost stretch is a gap in it."""
    if form == "gpx":
        return to_gpx(track)
    return document(_rows(track), COLUMNS, "KML" if form == "kml" else "GeoJSON", "track", _title)


def stretches(track: Track) -> list[list[Fix]]:
    """The fixes between lost ones."""
    groups = groupby(track.fixes, key=lambda fix: fix.position is not None)
    return [list(fixes) for known, fixes in groups if known]


def to_gpx(track: Track) -> str:
    """One track with a segment for each stretch that is not lost; times only where the photos state them."""
    import geopandas  # late: it takes a second
    import pandas as pd

    parts = stretches(track)
    fixes = [fix for part in parts for fix in part]
    columns: dict[str, Any] = {
        "track_fid": [0] * len(fixes),
        "track_seg_id": [number for number, part in enumerate(parts) for _ in part],
        "track_seg_point_id": [number for part in parts for number in range(len(part))],
        "name": [clean(fix.photo) for fix in fixes],
        "desc": [_in_words(fix) for fix in fixes],
    }
    taken = [fix.taken_at for fix in fixes]
    if fixes and None not in taken:
        zoned = all(at.tzinfo is not None for at in taken if at is not None)
        columns["time"] = pd.to_datetime(
            taken if zoned else [at.replace(tzinfo=None) for at in taken if at is not None], utc=zoned
        )
    frame = geopandas.GeoDataFrame(columns, geometry=[_point(fix) for fix in fixes], crs="OGC:CRS84")
    stream = io.BytesIO()
    frame.to_file(stream, driver="GPX", engine="pyogrio", layer="track_points", geometry_type="Point")
    return stream.getvalue().decode()


def _rows(track: Track) -> list[tuple[Row, BaseGeometry | None]]:
    rows: list[tuple[Row, BaseGeometry | None]] = []
    for part in stretches(track):
        if len(part) > 1:
            rows.append(({"photo": clean(part[0].photo), "kind": "track"}, _line(part)))
    for fix in track.fixes:
        row = {
            "photo": clean(fix.photo),
            "kind": "fix",
            "state": fix.state,
            "time": None if fix.taken_at is None else fix.taken_at.isoformat(),
            "time_s": fix.time_s,
            "certainty": fix.certainty,
            "error_m": fix.error_m,
        }
        place = {} if fix.position is None else vars(fix.position)
        rows.append(({**row, **place}, None if fix.position is None else _point(fix)))
    for problem in track.problems:
        rows.append(({"photo": clean(problem.photo), "kind": "problem", "error": clean(problem.error)}, None))
    return rows


def _point(fix: Fix) -> Point:
    assert fix.position is not None
    return Point(fix.position.lon, fix.position.lat)


def _line(part: Sequence[Fix]) -> LineString:
    """The way along some fixes; longitudes go on past 180 rather than jump."""
    points = [_point(fix) for fix in part]
    first = points[0].x
    return LineString([(first + (point.x - first + 180) % 360 - 180, point.y) for point in points])


def _in_words(fix: Fix) -> str:
    assert fix.position is not None
    return f"{fix.state}, within {fix.position.radius_m:.0f} m"


def _title(row: Row) -> str:
    return f"from {row['photo']}" if row["kind"] == "track" else str(row["photo"])
