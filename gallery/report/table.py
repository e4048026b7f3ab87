"""A report as one flat table, a row per query under its id, and the ranked strip of one query."""

import math
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from gallery.geo import LonLat, all_offsets_m
from gallery.judge.evidence import RIGHT_M
from gallery.report.flags import Thresholds, add_flags
from gallery.report.ground import outcome
from gallery.report.report import Report, read_report
from gallery.report.tiles import Tiles, read_tiles
from gallery.store.gallery import Gallery
from gallery.store.manifest import MANIFEST

LEAST_SQUARE_M = 500
"""Side of the squares that stand for places where a report names none; larger where 26 of them do not suffice."""

TEXTS = ("image", "place", "condition", "verdict")
NUMBERS = (
    "altitude_m", "margin", "ap", "true_lon", "true_lat", "lon", "lat", "confidence", "sharpness", "brightness",
    "embedding_rank", "ground_lon", "ground_lat", "ground_probability", "ground_absent", "ground_rank", "ground_places",
)  # fmt: skip


@dataclass(frozen=True)
class Inspection:
    """A report that is looked into.

    Attributes:
        table: (Q rows) indexed by the query's id, in the report's order; what is unknown is None or not a number.
            From the report: image, place, condition, verdict, altitude_m, margin, ap (0 to 1), true_lon, true_lat,
            confidence, sharpness, brightness, covered, embedding_rank and ground_lon, ground_lat, ground_probability,
            ground_absent, ground_rank, ground_places. Derived: on_ground (of `gallery.report.ground.OUTCOMES`; None
            in a report without ground, or where the truth is not known), rank (not a number: no true tile was ranked),
            right (rank 1), score and top_tile (of the best tile), true_tile, true_score, top_overlap (of the two),
            error_m (from the truth to the best tile's centre), lon and lat (of that centre), answered_place,
            place_right (what a confidence is the probability of: see `gallery.judge.evidence.is_right`), and the
            flags of `gallery.report.flags`.
        notes: sentences to show beside the table.
    """

    report: Report
    tiles: Tiles | None
    table: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The report's name."""
        return self.report.name


def open_inspection(
    file: str | Path, gallery: Gallery | str | Path | None = None, thresholds: Thresholds | None = None
) -> Inspection:
    """Open a report for looking into it.

    Args: gallery: that was evaluated, for the embeddings of its tiles; None takes the one that the report lies in, if
        it lies in one. A report that has its tiles beside it needs none.

    Raises:
        GalleryError: there is no such report or gallery, or one of them is damaged.
    """
    report = read_report(file)
    folder = Path(file).absolute().parent
    if gallery is None and (folder / MANIFEST).is_file():
        gallery = folder
    opened = Gallery.open(gallery) if isinstance(gallery, str | Path) else gallery
    found = inspection_of(report, read_tiles(report, opened), thresholds)
    if found.tiles is not None:
        return found
    why = "The gallery is not the one" if opened else "Name the gallery"
    return replace(found, notes=(*found.notes, f"Tiles that look alike are not known. {why} that was evaluated."))


def inspection_of(report: Report, tiles: Tiles | None = None, thresholds: Thresholds | None = None) -> Inspection:
    """The table of a report that was read."""
    rows = report.rows
    table = pd.DataFrame({name: _text(rows[name]) for name in TEXTS})
    for name in NUMBERS:
        table[name] = _finite(rows[name])
    table["covered"] = rows["covered"].astype("boolean")
    table["rank"] = _finite(rows["truth_rank"])
    table["right"] = table["rank"] == 1
    table["on_ground"] = _on_ground(table)
    table["score"] = _first(rows["scores"])
    table["true_score"] = table["score"] + np.where(table["right"], 0, table["margin"])
    table["top_tile"] = _first(rows["tile_ids"], str)
    table["true_tile"] = _text(rows["true_tile_id"])
    table["top_overlap"] = _first(rows["tile_overlap"])
    off_m, radius_m = _finite(rows["error_m"]), _finite(rows["radius_m"])
    near = off_m <= radius_m.clip(lower=RIGHT_M)
    table["place_right"] = near.where(off_m.notna() & radius_m.notna(), table["right"])
    table["error_m"] = _first(rows["tile_m"]).fillna(_finite(rows["error_m"]))
    for name in ("lon", "lat"):
        table[name] = _first(rows[f"tile_{name}s"]).fillna(table[name])
    for end in (["true_lon", "true_lat"], ["lon", "lat"]):
        table.loc[~(table[end].abs() <= (180, 90)).all(axis=1), end] = np.nan  # nowhere on the Earth
    table["answered_place"] = _first(rows["tile_places"], str)
    notes = [_name_places(table), _unjudged(table)]
    table.index = pd.Index(rows["id"].astype(object), name="id")
    add_flags(table, tiles, thresholds or Thresholds())
    return Inspection(report, tiles, table, tuple(note for note in notes if note))


def _on_ground(table: pd.DataFrame) -> pd.Series:
    """What became of each query on the ground, where the report says that and knows the truth."""
    laid = table["ground_probability"].notna()
    if not laid.any():
        return pd.Series(None, table.index, dtype=object)
    ranks = zip(laid, table["ground_rank"], table["embedding_rank"], strict=True)
    named = pd.Series([outcome(*each) for each in ranks], table.index, dtype=object)
    return named.where(table["true_lon"].notna(), None)


def _text(column: pd.Series) -> pd.Series:
    """Text or None."""
    return column.astype(object).where(column.notna(), None)


def _finite(column: pd.Series) -> pd.Series:
    """Finite numbers or NaN."""
    numbers = column.astype(float)
    return numbers.where(np.isfinite(numbers))


def _first(lists: pd.Series, kind: Callable[[Any], Any] = float) -> pd.Series:
    """The first entry of each list."""
    empty = math.nan if kind is float else None
    values = [
        kind(one[0]) if isinstance(one, np.ndarray) and len(one) and one[0] is not None else empty for one in lists
    ]
    return _finite(pd.Series(values, lists.index)) if kind is float else pd.Series(values, lists.index, dtype=object)


def _unjudged(table: pd.DataFrame) -> str:
    unknown = table[["rank", "true_tile", "true_lon", "covered", "place"]].isna().all(axis=1).sum()
    return (
        f"The report knows no truth of {unknown:,} of {len(table):,} queries; they count as wrong." if unknown else ""
    )


def _name_places(table: pd.DataFrame) -> str:
    """Fill in squares on the ground where the report names no places. Returns: the sentence that says so."""
    if table["place"].notna().any():
        return ""
    places = table[["true_lon", "true_lat"]].to_numpy(), table[["lon", "lat"]].to_numpy()
    known = [np.isfinite(points).all(axis=1) for points in places]
    if not known[0].any():
        return ""
    lons, lats = np.concatenate([points[there] for points, there in zip(places, known, strict=True)]).T
    origin = LonLat(*places[0][known[0]][0])
    squares, side_m = _squares(*all_offsets_m(origin, lons, lats))
    table.loc[known[0], "place"] = squares[: known[0].sum()]
    table.loc[known[1], "answered_place"] = squares[known[0].sum() :]
    return f"The report names no places: squares of {side_m:,} m stand for them, A1 in the south-west."


def _squares(east_m: np.ndarray, north_m: np.ndarray) -> tuple[np.ndarray, int]:
    """Names as on a chess board for (N,) offsets, and the side of a square in metres."""
    wide_m = max(np.ptp(east_m), np.ptp(north_m))
    letters = string.ascii_uppercase
    steps = (LEAST_SQUARE_M * step * 10**power for power in range(6) for step in (1, 2, 4))
    side_m = next(step for step in steps if wide_m < step * (len(letters) - 1) or step >= 1e7)
    columns, rows = ((metres - metres.min()) // side_m for metres in (east_m, north_m))
    names = [f"{letters[int(column)]}{int(row) + 1}" for column, row in zip(columns, rows, strict=True)]
    return np.array(names, object), side_m


# --- one query ---


@dataclass(frozen=True)
class Ranked:
    """A tile in the strip of a query; None where the report does not know."""

    rank: int  # from 1
    tile_id: str
    score: float
    mark: Literal["true", "near", "wrong", "unknown"]
    lon: float | None = None
    lat: float | None = None
    metres: float | None = None  # from the truth to the tile's centre
    overlap: float | None = None  # intersection over union with the true tile
    place: str | None = None


def strip(inspection: Inspection, query_id: str, k: int = 10, near_m: float | None = None) -> tuple[Ranked, ...]:
    """The best tiles of a query.

    Args: near_m: wrong tiles are near when they overlap the true one, or lie within so many metres of the truth.

    Raises:
        GalleryError: the report has no such query.
    """
    row = inspection.report.row(query_id)
    entries = []
    for number, (tile_id, score) in enumerate(zip(row["tile_ids"][:k], row["scores"][:k], strict=True)):
        lon, lat, metres, overlap = (
            _entry(row[name], number) for name in ("tile_lons", "tile_lats", "tile_m", "tile_overlap")
        )
        true = _entry(row["tile_true"], number)
        if true is None and isinstance(row["true_tile_id"], str):
            true = tile_id == row["true_tile_id"]
        near = (overlap or 0) > 0 or (near_m is not None and metres is not None and metres <= near_m)
        mark: Any = "unknown" if true is None else "true" if true else "near" if near else "wrong"
        place = _entry(row["tile_places"], number)
        entries.append(Ranked(number + 1, tile_id, float(score), mark, lon, lat, metres, overlap, place))
    return tuple(entries)


def _entry(values: Any, number: int) -> Any:
    """One entry of a list of the report, None where it is unknown."""
    value = values[number] if isinstance(values, np.ndarray) else None
    if isinstance(value, str | bool | np.bool_) or value is None:
        return bool(value) if isinstance(value, np.bool_) else value
    return float(value) if math.isfinite(value) else None
