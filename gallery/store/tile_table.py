"""tiles.parquet: the table of a gallery's tiles, written group by group and read without loading all of it.

GeoParquet 1.1 with the covering `bbox`. Rows lie in groups of `GROUP_ROWS`, so that a tile is read with its neighbours
only. Tables of format 1 (one group, no `bbox`, `detail` and `scale_m`) and 2 (no `cutout`) are read alike.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from gallery.errors import DamagedGallery
from gallery.geo import LonLat
from gallery.tiles import Tile, Window

WINDOW = ("col_px", "row_px", "width_px", "height_px")
CORNERS = ("xmin", "ymin", "xmax", "ymax")

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("lon", pa.float64()),  # of the centre
        ("lat", pa.float64()),
        ("metres_per_px", pa.float64()),
        ("source", pa.string()),
        ("image", pa.string()),
        ("placed", pa.string()),
        ("content", pa.string()),  # a hash of the pixels that were embedded
        ("detail", pa.float64()),  # standard deviation of their luminance, 0 to 127.5
        ("scale_m", pa.float64()),  # side that a raster's tile was cut to
        ("cutout", pa.binary()),  # 9 float64: see `gallery.tiles.Tile`
        *((name, pa.int64()) for name in WINDOW),
        ("geometry", pa.binary()),  # the footprint as WKB
        ("bbox", pa.struct([(name, pa.float64()) for name in CORNERS])),
    ]
)
"""The columns. A window counts in the raster's own pixels, or for a rotated raster in those of its north-up view."""

ROW_SCHEMA = pa.schema([field for field in SCHEMA if field.name != "bbox"])
"""What `TableWriter` is given."""

LATER = ("detail", "scale_m", "bbox", "cutout")
"""Columns that formats 1 or 2 lack."""

MOST_OF_CUTOUT = 1e4
"""Largest number in a cutout: what a picture shows lies not so many times its own size away."""

GROUP_ROWS = 1024
KEPT_GROUPS = 64
"""Groups that stay in memory for `TileTable.tile`: about 20 MB."""

_UNREADABLE = (OSError, ValueError, pa.ArrowException, shapely.errors.ShapelyError)


class TableWriter:
    """Writes a table in groups of `GROUP_ROWS`, however the rows come. Use as a context manager."""

    def __init__(self, file: Path | BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA)
        self._waiting: list[pa.Table] = []
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._write(least=1)
            self._writer.add_key_value_metadata({"geo": json.dumps(self._geo())})
        self._writer.close()

    def add(self, rows: pa.Table) -> None:
        """Append rows of `SCHEMA`; its `bbox` may be left out."""
        boxes = shapely.bounds(shapely.from_wkb(rows["geometry"].to_numpy()))
        self._bounds[:2] = np.fmin(self._bounds[:2], np.nanmin(boxes[:, :2], axis=0))
        self._bounds[2:] = np.fmax(self._bounds[2:], np.nanmax(boxes[:, 2:], axis=0))
        corners = pa.StructArray.from_arrays([pa.array(each) for each in boxes.T], CORNERS)
        columns = [corners if name == "bbox" else rows[name] for name in SCHEMA.names]
        self._waiting.append(pa.table(columns, SCHEMA))
        self._write(least=GROUP_ROWS)

    def _write(self, least: int) -> None:
        """Write whole groups of what is waiting, and of the rest nothing smaller than `least`."""
        if sum(map(len, self._waiting)) < least:
            return
        rows = pa.concat_tables(self._waiting)
        while len(rows) >= least:
            self._writer.write_table(rows.slice(0, GROUP_ROWS), GROUP_ROWS)
            rows = rows.slice(GROUP_ROWS)
        self._waiting = [rows]

    def _geo(self) -> dict[str, Any]:
        """The file's metadata, https://geoparquet.org/releases/v1.1.0/; without `crs` it is OGC:CRS84."""
        geometry = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            "bbox": self._bounds.tolist(),
            "covering": {"bbox": {name: ["bbox", name] for name in CORNERS}},
        }
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}


def rows_of(tiles: Sequence[Tile], contents: Sequence[str], details: Sequence[float | None] | None = None) -> pa.Table:
    """Tiles as rows of `SCHEMA` without `bbox`. Args: contents: a hash of each tile's pixels."""
    windows = [tile.window or (None,) * 4 for tile in tiles]
    columns = {
        "id": [tile.id for tile in tiles],
        "lon": [tile.centre.lon for tile in tiles],
        "lat": [tile.centre.lat for tile in tiles],
        "metres_per_px": [tile.metres_per_px for tile in tiles],
        "source": [tile.source for tile in tiles],
        "image": [tile.image for tile in tiles],
        "placed": [tile.placed for tile in tiles],
        "content": list(contents),
        "detail": [None] * len(tiles) if details is None else list(details),
        "scale_m": [tile.scale_m for tile in tiles],
        "cutout": [None if tile.cutout is None else np.array(tile.cutout, "<f8").tobytes() for tile in tiles],
        **{name: [window[at] for window in windows] for at, name in enumerate(WINDOW)},
        "geometry": list(shapely.to_wkb([tile.footprint for tile in tiles])),
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in ROW_SCHEMA], ROW_SCHEMA)


class TileTable:
    """An open table. It stays the same when another build replaces the file; for any number of threads.

    Raises:
        DamagedGallery: the file is missing or damaged, or holds other columns or another number of rows.
    """

    def __init__(self, file: Path, count: int) -> None:
        self._name = f"{file.name} of the gallery {file.absolute().parent.name}"
        try:
            self._source = pa.OSFile(str(file))  # readers of several threads share it
            self._metadata = pq.read_metadata(self._source)
            names = set(self._reader().schema_arrow.names)
        except _UNREADABLE as error:
            raise self._damaged() from error
        if self._metadata.num_rows != count or not set(SCHEMA.names) - set(LATER) <= names:
            raise DamagedGallery(f"{self._name} lacks rows or columns. Build it again.")
        self.columns = frozenset(names)
        groups = [self._metadata.row_group(at).num_rows for at in range(self._metadata.num_row_groups)]
        self._starts = np.cumsum([0, *groups])
        self._group = lru_cache(maxsize=KEPT_GROUPS)(self._read_group)
        self._known_ids: pa.ChunkedArray | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _reader(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._source, metadata=self._metadata)

    def _damaged(self) -> DamagedGallery:
        return DamagedGallery(f"{self._name} is damaged. Build it again.")

    def read(self, *names: str) -> pa.Table:
        """Some columns, whole.

        Raises:
            DamagedGallery: they cannot be read; so all methods.
        """
        try:
            return _whole(self._reader().read(list(names)))
        except _UNREADABLE as error:
            raise self._damaged() from error

    def batches(self, *names: str) -> Iterator[pa.Table]:
        """Some columns (all of `SCHEMA` but `bbox`, if none is named; nulls where it lacks one), a part at a time."""
        wanted = list(names) or ROW_SCHEMA.names
        there = [name for name in wanted if name in self.columns]
        try:
            for batch in self._reader().iter_batches(4 * GROUP_ROWS, columns=there):
                columns = {name: batch[name] for name in there}
                lacking = {name: pa.nulls(len(batch), SCHEMA.field(name).type) for name in set(wanted) - set(there)}
                yield _whole(pa.table(columns | lacking)).select(wanted)
        except _UNREADABLE as error:
            raise self._damaged() from error

    def numbers(self, name: str) -> np.ndarray:
        """(N,) float64: a column of numbers, NaN where there is none."""
        if name not in self.columns:
            return np.full(len(self), np.nan)
        return np.asarray(self.read(name)[name].to_numpy(), np.float64)

    def boxes(self) -> np.ndarray:
        """(N, 4) west, south, east, north of the footprints, degrees; east goes on past 180 rather than jump."""
        if "bbox" in self.columns:
            corners = self.read("bbox")["bbox"].combine_chunks()
            return np.stack([corners.field(name).to_numpy() for name in CORNERS], axis=1)
        return np.asarray(shapely.bounds(self.footprints()))

    def footprints(self) -> np.ndarray:
        """(N,) shapely polygons, None where one is missing."""
        try:
            return np.asarray(shapely.from_wkb(self.read("geometry")["geometry"].to_numpy()))
        except shapely.errors.ShapelyError as error:
            raise self._damaged() from error

    def prefixes(self) -> set[str]:
        """What stands before the first slash of the tiles' ids."""
        starts = (pc.list_element(pc.split_pattern(part["id"], "/", max_splits=1), 0) for part in self.batches("id"))
        return {prefix for part in starts for prefix in part.unique().to_pylist()}

    def row(self, tile_id: str) -> int:
        """The row of the tile of that id, -1 if there is none."""
        return int(pc.index(self._ids(), tile_id).as_py())

    def _ids(self) -> pa.ChunkedArray:
        if self._known_ids is None:
            self._known_ids = self.read("id")["id"]
        return self._known_ids

    def tile(self, row: int) -> Tile:
        """The tile at a row."""
        row = range(len(self))[row]  # counts from the end, too; raises IndexError
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        try:
            return _tile(self._group(group).slice(row - int(self._starts[group]), 1).to_pylist()[0])
        except _UNREADABLE as error:
            raise self._damaged() from error

    def _read_group(self, group: int) -> pa.Table:
        names = [name for name in SCHEMA.names if name in self.columns and name not in ("bbox", "content", "detail")]
        try:
            return _whole(self._reader().read_row_group(group, names))
        except _UNREADABLE as error:
            raise self._damaged() from error

    def frame(self) -> geopandas.GeoDataFrame:
        """All of it; geometry is the footprint in WGS84."""
        names = [name for name in ROW_SCHEMA.names if name in self.columns and name != "geometry"]
        return geopandas.GeoDataFrame(self.read(*names).to_pandas(), geometry=self.footprints(), crs="OGC:CRS84")


def _whole(table: pa.Table) -> pa.Table:
    """The table, unless it is not what it says: its texts could hold what is no text. Raises: ValueError."""
    table.validate(full=True)
    return table


def _tile(record: dict[str, Any]) -> Tile:
    window = None if record["col_px"] is None else Window(*(int(record[name]) for name in WINDOW))
    return Tile(
        id=record["id"],
        centre=LonLat(record["lon"], record["lat"]),
        footprint=shapely.from_wkb(record["geometry"]),
        metres_per_px=record["metres_per_px"],
        source=record["source"],
        window=window,
        image=record["image"],
        placed=record["placed"],
        scale_m=record.get("scale_m"),
        cutout=_cutout(record.get("cutout")),
    )


def _cutout(stored: bytes | None) -> tuple[float, ...] | None:
    """A tile's cutout. Raises: ValueError: these are not nine numbers through which its middle is seen."""
    if stored is None:
        return None
    numbers = np.frombuffer(stored, "<f8")
    if numbers.shape != (9,) or not np.abs(numbers).max() <= MOST_OF_CUTOUT or numbers[6:] @ [0.5, 0.5, 1] <= 0:
        raise ValueError("This is no cutout.")
    return tuple(numbers.tolist())
