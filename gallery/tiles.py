"""A tile (a piece of imagery with its place on the ground) and a match (a tile that answers a photo)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from shapely.affinity import translate
from shapely.geometry import Point, Polygon

from gallery.geo import Bounds, LonLat, bounds_of, distance_m, size_m, turns, wrap_lon


class Window(NamedTuple):
    """A rectangle of a raster in pixels, from its upper left corner."""

    col_px: int
    row_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Tile:
    """A piece of imagery that knows where it lies.

    Either `window` says which part of the raster `source` it is, or `image` names its file in the folder `source`. With
    a `cutout` of that its picture lies north up, and the footprint is the picture's, clockwise from the upper left.
    """

    id: str
    centre: LonLat
    footprint: Polygon  # WGS84 degrees; longitudes go on past 180 where the tile crosses it
    metres_per_px: float  # on the ground, in the original imagery
    source: str  # raster or folder, relative to the gallery's folder where that is possible
    window: Window | None = None
    image: str | None = None  # path below the folder `source`, with forward slashes
    placed: str = "georeferenced"  # how the footprint is known; says so when it is estimated or assumed
    scale_m: float | None = None  # side that a raster's tile was cut to, metres
    cutout: tuple[float, ...] | None = None  # of window or image, that its picture shows: `gallery.imagery.warp.Cutout`

    @property
    def bounds(self) -> Bounds:
        """The box of the footprint."""
        return bounds_of(self.footprint)

    @property
    def side_m(self) -> float:
        """The longer side of the box, metres. Tiles count as of one place when their centres lie no farther apart."""
        return max(size_m(self.bounds))

    @property
    def corners(self) -> list[LonLat]:
        """Where the corners of its picture lie: upper left, upper right, lower right, lower left."""
        ring = [LonLat(wrap_lon(lon), lat) for lon, lat in list(self.footprint.exterior.coords)[:4]]
        if self.window is not None or self.cutout is not None:
            return ring  # in this order from the raster, and of a cutout
        if self.placed == "stated extent":
            west, south, east, north = self.bounds.as_list()
            return [LonLat(west, north), LonLat(east, north), LonLat(east, south), LonLat(west, south)]
        return [ring[-1], *ring[:-1]]  # `rectangle` begins at the upper right

    @property
    def sides_m(self) -> tuple[float, float]:
        """Width and height of its picture on the ground, metres."""
        upper_left, upper_right, _, lower_left = self.corners
        return distance_m(upper_left, upper_right), distance_m(upper_left, lower_left)

    @property
    def assumed_m(self) -> float:
        """How far off its place may be, metres: half its longer side where its extent was assumed."""
        return max(self.sides_m) / 2 if self.placed.startswith(("assumed", "estimated")) else 0.0

    def contains(self, point: LonLat) -> bool:
        """Whether the footprint covers the ground point (edges included)."""
        return any(self.footprint.covers(Point(lon, point.lat)) for lon in turns(point.lon))


@dataclass(frozen=True)
class Match:
    """One place in the ranked answer to a photo."""

    rank: int  # from 1
    tile: Tile
    score: float  # cosine of photo and tile, in [-1, 1]; not a probability


def overlap(a: Tile, b: Tile) -> float:
    """Intersection over union of two footprints: 0 (apart) to 1 (the same ground)."""
    turn = 360 * round((a.centre.lon - b.centre.lon) / 360)  # longitudes may go on past 180
    other = translate(b.footprint, turn) if turn else b.footprint
    union = a.footprint.union(other).area
    return a.footprint.intersection(other).area / union if union else 0.0


@dataclass(frozen=True)
class Ranking:
    """Tiles, best first: rows (K,) of the gallery, and scores (K,) in [-1, 1], float32."""

    rows: np.ndarray
    scores: np.ndarray
