"""A report on disk: one row per query of an evaluation, with the summary as metadata, in one Parquet file."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gallery.errors import AreaError, GalleryError
from gallery.geo import Bounds, LonLat, distance_m, wrap_lon
from gallery.paths import write_whole
from gallery.report.checksum import is_intact, write_checked
from gallery.report.ground import GroundFacts, GroundHeat, ground_facts, heat_of
from gallery.search.answer import Answer
from gallery.tiles import Match, Tile, overlap

FORMAT = 1
"""Version of the columns; a report of a later version is refused."""

ROW_GROUP = 1024
"""Rows that are read at once to show one thumbnail."""

_SUMMARY, _FORMAT = b"report_summary", b"report_format"


@dataclass(frozen=True)
class QueryRow:
    """What an evaluation knows about one query; None where it is not known.

    What begins with `tile_` beside `tile_ids` has one entry per ranked tile.
    """

    id: str  # unique in a report
    image: str  # path, relative to the report where that is possible
    tile_ids: Sequence[str]  # ranked, best first
    scores: Sequence[float]  # of the same tiles
    true_lon: float | None = None  # the ground point that the photo shows
    true_lat: float | None = None
    lon: float | None = None  # where the answer puts it
    lat: float | None = None
    altitude_m: float | None = None  # of the camera above the ground
    condition: str | None = None  # weather, season, direction: what the evaluation varies
    true_tile_id: str | None = None  # the best true tile
    truth_rank: int | None = None  # from 1; None: no true tile in the ranking
    margin: float | None = None  # best score of a true tile minus best score of a false one
    error_m: float | None = None  # from the true point to the answer
    place: str | None = None  # what the photo shows
    ap: float | None = None  # average precision, 0 to 1
    covered: bool | None = None  # whether any tile of the gallery is true; False: nothing could be found
    tile_true: Sequence[bool] | None = None
    tile_lons: Sequence[float] | None = None  # of the centres; not a number where unknown
    tile_lats: Sequence[float] | None = None
    tile_m: Sequence[float] | None = None  # from the true point to the centre
    tile_overlap: Sequence[float] | None = None  # intersection over union with the true tile
    tile_places: Sequence[str] | None = None
    verdict: str | None = None  # of the answer, as are the next two
    confidence: float | None = None
    radius_m: float | None = None
    sharpness: float | None = None  # of the query, as is the brightness: see `gallery.report.photo_quality`
    brightness: float | None = None
    embedding_rank: int | None = None  # of the truth by the embedding alone, from 1; None: no true tile was ranked
    ground_lon: float | None = None  # what the gallery's ground said: see `gallery.report.ground.GroundFacts`
    ground_lat: float | None = None
    ground_probability: float | None = None
    ground_absent: float | None = None
    ground_rank: int | None = None
    ground_places: int | None = None
    heat_west: float | None = None  # where the picture of the probability lies
    heat_south: float | None = None
    heat_east: float | None = None
    heat_north: float | None = None
    heat: bytes | None = None  # PNG
    thumbnail: bytes | None = None  # JPEG
    vector: np.ndarray | None = None  # (D,) the query's embedding; all rows of a report have one, or none


REQUIRED = pa.schema(
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
"""The columns that every report has."""

OPTIONAL = pa.schema(
    [
        pa.field("place", pa.string()),
        pa.field("ap", pa.float64()),
        pa.field("covered", pa.bool_()),
        pa.field("tile_true", pa.list_(pa.bool_())),
        *(pa.field(name, pa.list_(pa.float64())) for name in ("tile_lons", "tile_lats")),
        *(pa.field(name, pa.list_(pa.float32())) for name in ("tile_m", "tile_overlap")),
        pa.field("tile_places", pa.list_(pa.string())),
        pa.field("verdict", pa.string()),
        *(pa.field(name, pa.float64()) for name in ("confidence", "radius_m", "sharpness", "brightness")),
        *(pa.field(name, pa.int64()) for name in ("embedding_rank", "ground_rank", "ground_places")),
        *(pa.field(f"ground_{name}", pa.float64()) for name in ("lon", "lat", "probability", "absent")),
        *(pa.field(f"heat_{side}", pa.float64()) for side in ("west", "south", "east", "north")),
    ]
)
"""The columns that a report may lack; they are then read as unknown."""

SCHEMA = pa.schema([*REQUIRED, *OPTIONAL])
"""The columns of `Report.rows`, in their order."""

THUMBNAIL, VECTOR, HEAT = "thumbnail", "vector", "heat"
"""The columns that are read on request only: they may be far larger than all others together."""

PER_TILE = tuple(field.name for field in SCHEMA if pa.types.is_list(field.type))


@dataclass(frozen=True)
class Report:
    """A report that was read: rows as a table, and the evaluation's summary."""

    rows: pd.DataFrame
    summary: Mapping[str, Any]
    file: Path | None = None

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.stem if self.file else "report"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {query_id: number for number, query_id in enumerate(self.rows["id"])}

    def number(self, query_id: str) -> int:
        """Where a query stands in the rows.

        Raises:
            GalleryError: the report has no such query.
        """
        if query_id not in self._numbers:
            raise GalleryError(f"The report {self.name} has no query of that name.")
        return self._numbers[query_id]

    def row(self, query_id: str) -> pd.Series:
        """The row of a query. Raises: as `number`."""
        return self.rows.iloc[self.number(query_id)]

    def thumbnail(self, query_id: str) -> bytes | None:
        """The query's small picture (JPEG), None where the report holds none. Raises: as `number`."""
        return self._picture(query_id, THUMBNAIL)

    def heat(self, query_id: str) -> GroundHeat | None:
        """The probability of the query's place; None where the report holds none. Raises: as `number`."""
        png = self._picture(query_id, HEAT)
        if png is None:
            return None
        west, south, east, north = self.row(query_id)[[f"heat_{side}" for side in ("west", "south", "east", "north")]]
        if not (math.isfinite(west) and math.isfinite(east)):
            return None
        try:
            box = Bounds(wrap_lon(west), south, wrap_lon(east), north)
        except AreaError:
            return None
        return heat_of(png, box)

    def _picture(self, query_id: str, column: str) -> bytes | None:
        number = self.number(query_id)
        if self.file is None or not self.has_column(column):
            return None
        with readable(self.file) as parquet:
            for group in range(parquet.num_row_groups):
                held = parquet.metadata.row_group(group).num_rows
                if number < held:
                    picture: bytes | None = parquet.read_row_group(group, [column]).column(0)[number].as_py()
                    return picture
                number -= held
        return None

    def vectors(self) -> np.ndarray | None:
        """(Q, D) float16, the queries' embeddings in the order of the rows; None where the report holds none."""
        if self.file is None or not self.has_column(VECTOR):
            return None
        with readable(self.file) as parquet:
            return unpacked(parquet.read([VECTOR]).column(0))

    def has_column(self, name: str) -> bool:
        """Whether the file holds `THUMBNAIL`, `VECTOR` or `HEAT`."""
        return name in self._heavy

    @cached_property
    def _heavy(self) -> frozenset[str]:
        if self.file is None:
            return frozenset()
        with readable(self.file) as parquet:
            return frozenset(parquet.schema_arrow.names) & {THUMBNAIL, VECTOR, HEAT}


@dataclass(frozen=True)
class TrueTile:
    """How the true tiles stand in the ranking of the whole gallery; None where there is no true tile."""

    tile: Tile | None  # the best of them
    rank: int | None  # from 1
    margin: float | None
    ap: float | None  # 0 to 1


def row_of(
    answer: Answer, query_id: str, image: str, truth: LonLat | None = None, *, altitude_m: float | None = None,
    condition: str | None = None, true_tile: TrueTile | None = None, embedding_rank: int | None = None,
) -> QueryRow:  # fmt: skip
    """The row of an answered photo. A tile is true when its footprint covers the true ground point.

    The answer's place is its position, or the best tile's centre while it has none.

    Args:
        true_tile: where more than the answer's own tiles were ranked.
        embedding_rank: of the truth before the ground or geometry moved a tile to the front; None: it was not ranked.
    """
    matches, place = answer.matches, _place_of(answer)
    ranked = _true_tile_among(matches, truth) if true_tile is None else true_tile
    best = ranked.tile
    row = QueryRow(
        id=query_id,
        image=image,
        tile_ids=[match.tile.id for match in matches],
        scores=[match.score for match in matches],
        altitude_m=altitude_m,
        condition=condition,
        truth_rank=ranked.rank,
        margin=ranked.margin,
        ap=ranked.ap,
        covered=None if true_tile is None else best is not None,
        tile_lons=[match.tile.centre.lon for match in matches],
        tile_lats=[match.tile.centre.lat for match in matches],
        verdict=answer.verdict,
        confidence=answer.confidence,
        radius_m=None if answer.place is None else answer.place.radius_m,
    )
    if place is not None:
        row = replace(row, lon=place.lon, lat=place.lat)
    if truth is not None:
        row = replace(
            row,
            true_lon=truth.lon,
            true_lat=truth.lat,
            error_m=None if place is None else distance_m(truth, place),
            tile_true=[match.tile.contains(truth) for match in matches],
            tile_m=[distance_m(truth, match.tile.centre) for match in matches],
        )
    if answer.ground is not None:
        row = _with_ground(replace(row, embedding_rank=embedding_rank), ground_facts(answer.ground, truth))
    if best is not None:
        row = replace(row, true_tile_id=best.id, tile_overlap=[overlap(match.tile, best) for match in matches])
    return row


def _with_ground(row: QueryRow, facts: GroundFacts) -> QueryRow:
    west, south, east, north = facts.box
    return replace(
        row,
        ground_lon=facts.lon,
        ground_lat=facts.lat,
        ground_probability=facts.probability,
        ground_absent=facts.absent,
        ground_rank=facts.rank,
        ground_places=facts.places,
        heat=facts.heat,
        heat_west=west,
        heat_south=south,
        heat_east=east,
        heat_north=north,
    )


def _place_of(answer: Answer) -> LonLat | None:
    if answer.place is not None:
        return LonLat(answer.place.lon, answer.place.lat)
    return answer.matches[0].tile.centre if answer.matches else None


def _true_tile_among(matches: Sequence[Match], truth: LonLat | None) -> TrueTile:
    """The best true tile of an answer's own."""
    true = [truth is not None and match.tile.contains(truth) for match in matches]
    best = next(compress(matches, true), None)
    if best is None:
        return TrueTile(None, None, None, None)
    misses = [match.score for match, is_true in zip(matches, true, strict=True) if not is_true]
    return TrueTile(best.tile, best.rank, best.score - max(misses) if misses else None, None)


def write_report(file: str | Path, rows: Sequence[QueryRow], summary: Mapping[str, Any]) -> None:
    """Write a report; it is there whole or not at all. Args: summary: what JSON can hold."""
    columns = _columns(rows)
    for name in (THUMBNAIL, HEAT):
        pictures = [getattr(row, name) for row in rows]
        if any(picture is not None for picture in pictures):
            columns[name] = pa.array(pictures, pa.binary())
    vectors = [row.vector for row in rows if row.vector is not None]
    if vectors and len(vectors) != len(rows):
        raise GalleryError("Either all queries of a report have a vector, or none.")
    if vectors:
        columns[VECTOR] = packed(np.stack(vectors))
    metadata = {_SUMMARY: json.dumps(dict(summary)).encode(), _FORMAT: str(FORMAT).encode()}
    write_table(Path(file), pa.table(columns).replace_schema_metadata(metadata))


def _columns(rows: Sequence[QueryRow]) -> dict[str, pa.Array]:
    return {
        field.name: pa.array([getattr(row, field.name) for row in rows], field.type, from_pandas=False)
        for field in SCHEMA
    }


def write_table(file: Path, table: pa.Table) -> None:
    """Write a Parquet file whole or not at all."""
    write_whole(file, lambda path: write_checked(path, table, ROW_GROUP))


def packed(vectors: np.ndarray) -> pa.Array:
    """(N, D) vectors as a column in half precision."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).ravel()), vectors.shape[1])


def unpacked(column: pa.ChunkedArray) -> np.ndarray:
    """(N, D) float16 of a column of vectors.

    Raises:
        GalleryError: it holds something else.
    """
    kind = column.type
    whole = pa.types.is_fixed_size_list(kind) and pa.types.is_float16(kind.value_type) and not column.null_count
    if not whole or not kind.list_size:
        raise GalleryError("The report's embeddings are damaged. Make the report again.")
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    vectors = np.concatenate(parts or [np.empty(0, np.float16)]).reshape(-1, kind.list_size)
    if not np.isfinite(vectors).all():
        raise GalleryError("The report's embeddings are no finite numbers. Make the report again.")
    return vectors


def read_report(file: str | Path) -> Report:
    """Read a report; thumbnails and vectors stay on disk until they are asked for.

    Raises:
        GalleryError: the file is missing, or is no report that this version reads.
    """
    file = Path(file)
    with readable(file) as parquet:
        metadata = parquet.schema_arrow.metadata or {}
        names = parquet.schema_arrow.names
        version = metadata.get(_FORMAT, b"").decode(errors="replace")
        if version != str(FORMAT) or not set(REQUIRED.names) <= set(names):
            raise GalleryError(f"{file.name} is no report of format {FORMAT}. Make the report again.")
        table = parquet.read([name for name in SCHEMA.names if name in names])
        for field in OPTIONAL:
            if field.name not in names:
                table = table.append_column(field, pa.nulls(len(table), field.type))
        table = table.select(SCHEMA.names).cast(SCHEMA)
        table.validate(full=True)  # text that is none is found here, not where it is shown
        rows = table.to_pandas()
        summary = _summary(metadata.get(_SUMMARY, b""))
    damage = _damage(rows) if summary is not None else "its summary cannot be read"
    if damage or summary is None:
        raise GalleryError(f"The report {file.name} is damaged: {damage}. Make it again.")
    return Report(rows, summary, file)


def _summary(text: bytes) -> dict[str, Any] | None:
    try:
        summary = json.loads(text)
    except ValueError:
        return None
    return summary if isinstance(summary, dict) else None


def _damage(rows: pd.DataFrame) -> str:
    """What does not fit together in the rows; empty when all does."""
    if rows["id"].duplicated().any():
        return "two queries have one name"
    counts = rows["tile_ids"].map(len)
    for name in PER_TILE:
        known = rows[name].notna()
        if (rows.loc[known, name].map(len) != counts[known]).any():
            return f"the lists of {name} and tile_ids differ in length"
    return ""


@contextmanager
def readable(file: Path) -> Iterator[pq.ParquetFile]:
    """An open Parquet file; whatever is found wrong with it becomes a sentence."""
    try:
        if not is_intact(file):
            raise GalleryError(f"The report {file.name} is damaged: it is not as it was written. Make it again.")
        with pq.ParquetFile(file) as parquet:
            yield parquet
    except FileNotFoundError as error:
        raise GalleryError(f"There is no report {file.name}. Check the path.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise GalleryError(f"{file.name} is no readable Parquet file. Make the report again.") from error
