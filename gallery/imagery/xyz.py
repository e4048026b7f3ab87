"""Map tiles in web mercator: which of them a box needs, and whether some bytes are one."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import mercantile
from PIL import Image

from gallery.errors import SourceError
from gallery.geo import Bounds

FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
"""Formats of tiles that GDAL reads from MBTiles, by Pillow's name, as MBTiles calls them."""

MAX_TILE_BYTES = 8_000_000
MAX_TILE_PX = 2048

MAX_LAT = 85.051  # where web mercator ends
EDGE_DEG = 1e-9  # a box that ends on the edge of a tile does not need the next one


@dataclass(frozen=True)
class TileRange:
    """A rectangle of map tiles of one zoom; all edges are inside, y counts from the north."""

    zoom: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def count(self) -> int:
        """How many tiles these are."""
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)

    def __iter__(self) -> Iterator[mercantile.Tile]:
        """Row by row from the north-west."""
        for y in range(self.top, self.bottom + 1):
            for x in range(self.left, self.right + 1):
                yield mercantile.Tile(x, y, self.zoom)


def ranges_of(bounds: Bounds, zoom: int) -> list[TileRange]:
    """The tiles that touch a box; two rectangles where it crosses the 180th meridian."""
    sides = [(bounds.west, bounds.east)]
    if bounds.crosses_antimeridian:
        sides = [(bounds.west, 180.0), (-180.0, bounds.east)]
    south, north = max(bounds.south, -MAX_LAT), min(bounds.north, MAX_LAT)
    found = []
    for west, east in sides:
        first = mercantile.tile(west, north, zoom)
        last = mercantile.tile(max(east - EDGE_DEG, west), min(south + EDGE_DEG, north), zoom)
        found.append(TileRange(zoom, first.x, first.y, last.x, last.y))
    return found


def picture_format(data: bytes, name: str) -> str:
    """What kind of picture a map tile is, as MBTiles call it; decoded once, so that no damaged one is kept.

    Args: name: of where it comes from, for the message.

    Raises:
        SourceError: it is no map tile that GDAL reads, and what it is instead.
    """
    if data.lstrip()[:1] == b"<":
        raise SourceError(f"{name} gives a page instead of a picture. Check its address, and whether it wants a key.")
    if len(data) > MAX_TILE_BYTES:
        raise SourceError(f"{name} gives tiles of more than {MAX_TILE_BYTES // 1_000_000} MB, which are no map tiles.")
    try:
        with Image.open(io.BytesIO(data), formats=[*FORMATS, "AVIF", "GIF"]) as picture:
            if picture.format not in FORMATS:
                raise SourceError(f"{name} gives tiles as {picture.format}; PNG, JPEG and WebP can be kept.")
            if picture.width != picture.height or picture.width > MAX_TILE_PX:
                size = f"{picture.width} x {picture.height}"
                raise SourceError(f"{name} gives tiles of {size} pixels; squares of up to {MAX_TILE_PX} are taken.")
            picture.load()
            return FORMATS[picture.format]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SourceError(f"{name} gives tiles that are no pictures, or damaged ones.") from error
