"""Map tiles in one file: MBTiles that fetched or converted tiles are kept in, and PMTiles as such."""

import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mercantile
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import MagicNumberNotFound, SpecVersionUnsupported, TileType

from gallery.errors import SourceError
from gallery.imagery.xyz import TileRange, picture_format
from gallery.paths import linked, write_whole

PMTILES_SUFFIX = ".pmtiles"

OnTile = Callable[[int, int], None]
"""Told how many tiles are there, of how many."""

_TABLES = """
CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB,
  UNIQUE (zoom_level, tile_column, tile_row));
CREATE TABLE IF NOT EXISTS absent (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER,
  UNIQUE (zoom_level, tile_column, tile_row));
"""


class Archive:
    """An MBTiles file (version 1.3) that is being written. A tile that was put is there after a kill."""

    def __init__(self, file: Path) -> None:
        """Open a file, or begin one. Its folder is made where it is missing."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._name = file.name
        try:
            self._base = sqlite3.connect(file)
            self._base.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise SourceError(f"{file.name} is damaged. Remove it, then build again.") from error

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *exception: object) -> None:
        self._base.close()

    def known(self) -> set[mercantile.Tile]:
        """The tiles that are there, and those that are known to be missing at their source."""
        rows = self._base.execute("SELECT zoom_level, tile_column, tile_row FROM tiles UNION ALL SELECT * FROM absent")
        return {mercantile.Tile(x, _flipped(z, row), z) for z, x, row in rows}

    def __len__(self) -> int:
        """How many tiles are there."""
        return int(self._base.execute("SELECT count(*) FROM tiles").fetchone()[0])

    def put(self, tile: mercantile.Tile, picture: bytes | None) -> None:
        """Keep a tile; None notes that its source has none."""
        place = (tile.z, tile.x, _flipped(tile.z, tile.y))
        with self._base:
            if picture is None:
                self._base.execute("INSERT OR IGNORE INTO absent VALUES (?, ?, ?)", place)
            else:
                self._base.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)", (*place, picture))

    def take_over(self, other: Path, tiles: TileRange) -> None:
        """Copy what another archive holds of some tiles."""
        rows = _flipped(tiles.zoom, tiles.bottom), _flipped(tiles.zoom, tiles.top)
        self._base.execute("ATTACH ? AS other", (str(other),))
        with self._base:
            self._base.execute(
                "INSERT OR IGNORE INTO tiles SELECT zoom_level, tile_column, tile_row, tile_data FROM other.tiles"
                " WHERE zoom_level = ? AND tile_column BETWEEN ? AND ? AND tile_row BETWEEN ? AND ?",
                (tiles.zoom, tiles.left, tiles.right, *rows),
            )
        self._base.execute("DETACH other")

    def describe(self, licence: str = "") -> None:
        """Write what readers of the file need to know: the format, the zoom and the box of its tiles.

        Raises:
            SourceError: it holds no tile.
        """
        zoom, left, right, south, north = self._base.execute(
            "SELECT max(zoom_level), min(tile_column), max(tile_column), min(tile_row), max(tile_row) FROM tiles"
        ).fetchone()
        if zoom is None:
            raise SourceError(f"{self._name} would hold no tile: its source has none there.")
        (first,) = self._base.execute("SELECT tile_data FROM tiles LIMIT 1").fetchone()
        upper = mercantile.bounds(left, _flipped(zoom, north), zoom)
        lower = mercantile.bounds(right, _flipped(zoom, south), zoom)
        facts = {
            "name": Path(self._name).stem,
            "type": "baselayer",
            "version": "1",
            "description": "",
            "format": picture_format(first, self._name),
            "bounds": f"{upper.west},{lower.south},{lower.east},{upper.north}",
            "minzoom": str(zoom),
            "maxzoom": str(zoom),
            "attribution": licence,
        }
        with self._base:
            self._base.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?)", facts.items())


def _flipped(zoom: int, y: int) -> int:
    """The row from the other side: MBTiles count from the south."""
    return (1 << zoom) - 1 - y


def is_taken_over(earlier: Path, file: Path) -> bool:
    """Whether a whole archive of that name is in an earlier folder; it is linked."""
    return (earlier / file.name).is_file() and linked(earlier / file.name, file).is_file()


def unfinished_name(file: Path) -> Path:
    """What an archive is called until all of its tiles are there."""
    return file.with_name(f"unfinished-{file.name}")


def archive_of_pmtiles(
    source: Path, folder: Path, earlier: Path, zoom: int | None = None, on_tile: OnTile | None = None
) -> Path:
    """The tiles of PMTiles as MBTiles, which GDAL reads as a raster.

    Args:
        folder: where the MBTiles are put, unless they are there.
        earlier: the same folder of an older gallery, which may have them.
        zoom: which tiles; None: the deepest.

    Raises:
        SourceError: the file is damaged, or holds no pictures (vector tiles).
    """
    facts = source.stat()
    state = hashlib.sha256(f"{facts.st_size} {facts.st_mtime_ns} {zoom}".encode()).hexdigest()[:8]
    file = folder / f"{source.stem}-{state}.mbtiles"
    if file.is_file() or is_taken_over(earlier, file):
        return file
    try:
        write_whole(file, partial(_convert, source, zoom, on_tile))
    except _DAMAGE as error:
        raise SourceError(f"{source.name} is damaged, or no PMTiles of version 3. Copy it again.") from error
    return file


def _convert(source: Path, zoom: int | None, on_tile: OnTile | None, file: Path) -> None:
    """The tiles of one zoom of PMTiles into an archive."""
    with source.open("rb") as stream, Archive(file) as archive:
        get_bytes = MmapSource(stream)
        header = Reader(get_bytes).header()
        if header["tile_type"] in (TileType.MVT, TileType.MLT):
            raise SourceError(f"{source.name} holds vector tiles. A gallery needs pictures: PNG, JPEG or WebP.")
        wanted = header["max_zoom"] if zoom is None else zoom
        done = 0
        for (z, x, y), picture in all_tiles(get_bytes):
            if z == wanted:
                if not done:
                    picture_format(picture, source.name)
                archive.put(mercantile.Tile(x, y, z), picture)
                done += 1
                if on_tile is not None:
                    on_tile(done, max(done, header["addressed_tiles_count"]))
        if not done:
            raise SourceError(f"{source.name} has no tiles of zoom {wanted}; it reaches to {header['max_zoom']}.")
        archive.describe()


_DAMAGE = (MagicNumberNotFound, SpecVersionUnsupported, ValueError, EOFError, IndexError, struct.error, zlib.error)
"""What the reader of PMTiles raises for damaged files."""
