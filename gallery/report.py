"""A report on disk: one row per query of an evaluation, with the summary as metadata, in one Parquet file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gallery.errors import GalleryError
from gallery.geo import LonLat, distance_m
from gallery.search import Answer

FORMAT = 1
"""Version of the columns; a report of a later version is refused."""

_SUMMARY, _FORMAT = b"report_summary", b"report_format"


@dataclass(frozen=True)
class QueryRow:
    """What an evaluation knows about one query; None where it is not known."""

    id: str
    image: str  # path, relative to the report where that is possible
    tile_ids: Sequence[str]  # ranked, best first
    scores: Sequence[float]  # of the same tiles
    true_lon: float | None = None  # the ground point that the photo shows
    true_lat: float | None = None
    lon: float | None = None  # where the answer puts it
    lat: float | None = None
    altitude_m: float | None = None  # of the camera above the ground
    condition: str | None = None  # weather, season, direction: what the evaluation varies
    true_tile_id: str | None = None
    truth_rank: int | None = None  # from 1; None: no true tile in the ranking
    margin: float | None = None  # best score of a true tile minus best score of a false one
    error_m: float | None = None  # from the true point to the answer


SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("tile_ids", pa.list_(pa.string()), nullable=False),
        pa.field("scores", pa.list_(pa.float32()), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("true_lon", "true_lat", "lon", "lat", "altitude_m")),
        pa.field("condition", pa.string()),
        pa.field("true_tile_id", pa.string()),
        pa.field("truth_rank", pa.int64()),
        pa.field("margin", pa.float64()),
        pa.field("error_m", pa.float64()),
    ]
)
"""The columns of a report, in their order."""


@dataclass(frozen=True)
class Report:
    """A report that was read: rows as a table, and the evaluation's summary."""

    rows: pd.DataFrame
    summary: Mapping[str, Any]


def row_of(
    answer: Answer, query_id: str, image: str, truth: LonLat | None = None, *, altitude_m: float | None = None,
    condition: str | None = None,
) -> QueryRow:  # fmt: skip
    """The row of an answered photo. A tile is true when its footprint covers the true ground point.

    The answer's place is its position, or the best tile's centre while it has none.
    """
    matches = answer.matches
    true = [truth is not None and match.tile.contains(truth) for match in matches]
    place = None
    if answer.position is not None:
        place = LonLat(answer.position.lon, answer.position.lat)
    elif matches:
        place = matches[0].tile.centre
    hits = [match for match, is_true in zip(matches, true, strict=True) if is_true]
    misses = [match.score for match, is_true in zip(matches, true, strict=True) if not is_true]
    return QueryRow(
        id=query_id,
        image=image,
        tile_ids=[match.tile.id for match in matches],
        scores=[match.score for match in matches],
        true_lon=truth.lon if truth else None,
        true_lat=truth.lat if truth else None,
        lon=place.lon if place else None,
        lat=place.lat if place else None,
        altitude_m=altitude_m,
        condition=condition,
        true_tile_id=hits[0].tile.id if hits else None,
        truth_rank=hits[0].rank if hits else None,
        margin=hits[0].score - max(misses) if hits and misses else None,
        error_m=distance_m(truth, place) if truth and place else None,
    )


def write_report(file: str | Path, rows: Sequence[QueryRow], summary: Mapping[str, Any]) -> None:
    """Write a report; it is there whole or not at all. Args: summary: what JSON can hold."""
    file = Path(file)
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    metadata = {_SUMMARY: json.dumps(dict(summary)).encode(), _FORMAT: str(FORMAT).encode()}
    unfinished = file.with_name(f"{file.name}.unfinished")
    pq.write_table(table.replace_schema_metadata(metadata), unfinished)
    unfinished.replace(file)


def read_report(file: str | Path) -> Report:
    """Read a report.

    Raises:
        GalleryError: the file is missing, or is no report that this version reads.
    """
    file = Path(file)
    try:
        table = pq.read_table(file)
    except FileNotFoundError as error:
        raise GalleryError(f"There is no report {file.name}. Check the path.") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise GalleryError(f"{file.name} is no readable Parquet file. Make the report again.") from error
    metadata = table.schema.metadata or {}
    version = metadata.get(_FORMAT, b"").decode(errors="replace")
    if version != str(FORMAT) or not {field.name for field in fields(QueryRow)} <= set(table.column_names):
        raise GalleryError(f"{file.name} is no report of format {FORMAT}. Make the report again.")
    return Report(table.select(SCHEMA.names).to_pandas(), json.loads(metadata[_SUMMARY]))
