"""The tiles that the queries of a report were compared with: from the file beside the report, or from its gallery."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from gallery.errors import GalleryError
from gallery.report.report import VECTOR, Report, packed, readable, unpacked, write_table
from gallery.store.gallery import Gallery


@dataclass(frozen=True)
class Tiles:
    """Tiles with their embeddings, best known facts first; None where nothing is known of any.

    Attributes:
        ids: (N,) strings.
        vectors: (N, D) rows of length 1.
        lons, lats: (N,) of the centres; not a number where unknown.
        places: (N,) strings, what each tile shows.
        boxes: (N, 4) west, south, east, north of the footprints.
    """

    ids: np.ndarray
    vectors: np.ndarray
    lons: np.ndarray
    lats: np.ndarray
    places: np.ndarray | None = None
    boxes: np.ndarray | None = None

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each tile by its id."""
        return {tile_id: row for row, tile_id in enumerate(self.ids)}


def tiles_file(report: Path) -> Path:
    """Where the tiles of a report stand that come from no gallery: a Parquet file, but none of the reports."""
    return report.with_suffix(".tiles")


def write_tiles(report: Path, tiles: Tiles) -> None:
    """Write the tiles of a report beside it."""
    columns = {"id": pa.array(tiles.ids, pa.string()), "lon": pa.array(tiles.lons), "lat": pa.array(tiles.lats)}
    if tiles.places is not None:
        columns["place"] = pa.array(tiles.places, pa.string())
    write_table(tiles_file(report), pa.table({**columns, VECTOR: packed(tiles.vectors)}))


def read_tiles(report: Report, gallery: Gallery | None = None) -> Tiles | None:
    """The tiles of a report, None where neither the file beside it nor the gallery at hand holds them.

    A gallery counts when the report states its fingerprint and names tiles that it has.

    Raises:
        GalleryError: the file beside the report is damaged.
    """
    if report.file is not None and tiles_file(report.file).is_file():
        return _read(tiles_file(report.file))
    if gallery is None or report.summary.get("fingerprint") != gallery.fingerprint:
        return None
    ids = gallery.tiles["id"].to_numpy(object)
    named = {tile_id for ranked in report.rows["tile_ids"] for tile_id in ranked[:1]}
    if not named <= set(ids):
        return None
    lons, lats = gallery.centres.T
    return Tiles(ids, gallery.vectors, lons, lats, boxes=gallery.boxes)


def _read(file: Path) -> Tiles:
    with readable(file) as parquet:
        names = parquet.schema_arrow.names
        if not {"id", "lon", "lat", VECTOR} <= set(names):
            raise GalleryError(f"{file.name} holds no tiles of a report. Make the report again.")
        table = parquet.read()
        ids, lons, lats = (table[name].to_pandas().to_numpy() for name in ("id", "lon", "lat"))
        places = table["place"].to_pandas().to_numpy(object) if "place" in names else None
        return Tiles(ids.astype(object), unpacked(table[VECTOR]), lons.astype(float), lats.astype(float), places)
