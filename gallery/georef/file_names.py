"""What the name of an image says of its position: @lon@lat@, UTM coordinates, or the numbers of a map tile."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import mercantile
from pyproj import Transformer
from shapely.geometry import box

from gallery.errors import AreaError
from gallery.geo import LonLat
from gallery.georef.position_lists import StatedPosition

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_LON_LAT = re.compile(rf"@(?P<lon>{_NUMBER})@(?P<lat>{_NUMBER})@")
_UTM = re.compile(
    rf"@(?P<east>\d+(?:\.\d+)?)@(?P<north>\d+(?:\.\d+)?)@(?P<zone>\d{{1,2}})@(?P<band>[C-HJ-NP-Xc-hj-np-x])"
    rf"(?:@(?P<lat>{_NUMBER})@(?P<lon>{_NUMBER}))?@"
)
_TILE = re.compile(r"(?:(?:(?P<z>\d{1,2})[/_])?(?P<x>\d+)[/_](?P<y>\d+))\.[^./]+$")

LEAST_COUNT = 100
"""Least tile number that is read as one: smaller ones are a plain count of photos (12/3/7.jpg), unless the zoom is
stated."""

DEEPEST_ZOOM = 24


@dataclass(frozen=True)
class TileNames:
    """How numbers in names are read as those of map tiles."""

    zoom: int | None = None  # of names x_y and x/y, and which of several zooms counts; None: names must say it
    tms: bool = False  # y counts from the south


def positions_in_name(name: str) -> tuple[StatedPosition, ...]:
    """Every position that a file name states: as `@lon@lat@`, or by the convention of visual place recognition.

    That is `@UTM_east@UTM_north@zone@band@lat@lon@…`, whose band is the letter of its grid zone (N and later: north).
    Both pairs of a UTM name come back, so that it can be seen whether they agree. Impossible ones are left out.
    """
    utm = _UTM.search(name)
    if utm is not None:
        pairs = [(utm["lon"], utm["lat"])] if utm["lon"] else []
        zone = int(utm["zone"])
        if 1 <= zone <= 60:
            code = (32600 if utm["band"].upper() >= "N" else 32700) + zone
            pairs.append(_to_lonlat(code).transform(float(utm["east"]), float(utm["north"])))
    else:
        plain = _LON_LAT.search(name)
        pairs = [] if plain is None else [(plain["lon"], plain["lat"])]
    found = (_position(float(lon), float(lat)) for lon, lat in pairs)
    return tuple(place for place in found if place is not None)


def tile_in_path(path: PurePosixPath, names: TileNames) -> mercantile.Tile | None:
    """The map tile that a path ends with: z/x/y.png or z_x_y.png, with a stated zoom also x/y.png or x_y.png."""
    found = _TILE.search(str(path))
    if found is None or (found["z"] is None and names.zoom is None):
        return None
    zoom = int(found["z"]) if found["z"] is not None else int(names.zoom or 0)
    x, y = int(found["x"]), int(found["y"])
    if zoom > DEEPEST_ZOOM or max(x, y) >= 2**zoom or (names.zoom is None and min(x, y) < LEAST_COUNT):
        return None
    return mercantile.Tile(x, 2**zoom - 1 - y if names.tms else y, zoom)


def position_of_tile(tile: mercantile.Tile) -> StatedPosition:
    """The middle and the outline of a map tile."""
    west, south, east, north = mercantile.bounds(tile)
    return StatedPosition(LonLat((west + east) / 2, (south + north) / 2), box(west, south, east, north))


@cache
def _to_lonlat(code: int) -> Transformer:
    return Transformer.from_crs(code, "OGC:CRS84", always_xy=True)


def _position(lon: float, lat: float) -> StatedPosition | None:
    try:
        return StatedPosition(LonLat(lon, lat))
    except AreaError:
        return None
