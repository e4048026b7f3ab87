"""Places on the Earth and the distances between them: the only geodesy of the project (WGS84, pyproj.Geod)."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pyproj import CRS, Geod, Transformer
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from gallery.errors import AreaError


@cache
def _to_cartesian() -> Transformer:
    return Transformer.from_crs(CRS.from_epsg(4979), CRS.from_epsg(4978), always_xy=True)


@cache
def _geod() -> Geod:
    return Geod(ellps="WGS84")


def wrap_lon(lon_deg: float) -> float:
    """The same meridian in [-180, 180); 180 itself stays 180."""
    if -180 <= lon_deg <= 180:
        return lon_deg
    return (lon_deg + 180) % 360 - 180


def turns(lon_deg: float | np.ndarray = 0.0) -> tuple[Any, Any, Any]:
    """A meridian on every turn: footprints and areas over the 180th meridian go on past it.

    Args: lon_deg: a number, or an array of any shape.
    """
    return lon_deg - 360, lon_deg, lon_deg + 360


@dataclass(frozen=True)
class LonLat:
    """A point in WGS84 degrees, longitude first.

    Raises:
        AreaError: a coordinate is not a number, lon is outside [-180, 180] or lat outside [-90, 90].
    """

    lon: float
    lat: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lon) and -180 <= self.lon <= 180):
            raise AreaError(f"Longitude {self.lon:g} is not between -180 and 180. Longitude comes before latitude.")
        if not (math.isfinite(self.lat) and -90 <= self.lat <= 90):
            raise AreaError(f"Latitude {self.lat:g} is not between -90 and 90. Longitude comes before latitude.")


@dataclass(frozen=True)
class Bounds:
    """A box of meridians and parallels in degrees; west > east means that it crosses the 180th meridian.

    Raises:
        AreaError: a coordinate does not exist, or south lies north of north.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        LonLat(self.west, self.south), LonLat(self.east, self.north)
        if self.south > self.north:
            raise AreaError(f"South {self.south:g} lies north of north {self.north:g}. The order is W,S,E,N.")

    @classmethod
    def around(cls, point: LonLat, radius_km: float) -> "Bounds":
        """The smallest box that holds the circle of radius_km around point.

        Raises:
            AreaError: radius_km is not a positive number.
        """
        if not (math.isfinite(radius_km) and radius_km > 0):
            raise AreaError(f"A radius of {radius_km:g} km is not a positive number.")
        radius_m = radius_km * 1000
        poles = (LonLat(0, -90), LonLat(0, 90))
        south, north = (
            -90.0 if distance_m(point, poles[0]) <= radius_m else destination(point, 180, radius_m).lat,
            90.0 if distance_m(point, poles[1]) <= radius_m else destination(point, 0, radius_m).lat,
        )
        if south == -90 or north == 90:
            return cls(-180, south, 180, north)
        # The circle's easternmost point lies poleward of due east: walk its eastern half.
        eastern = [destination(point, azimuth, radius_m) for azimuth in range(60, 121, 2)]
        reach_deg = max(abs(wrap_lon(edge.lon - point.lon)) for edge in eastern) * 1.0001
        if reach_deg >= 180:
            return cls(-180, south, 180, north)
        return cls(wrap_lon(point.lon - reach_deg), south, wrap_lon(point.lon + reach_deg), north)

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box runs over the 180th meridian (west > east)."""
        return self.west > self.east

    @property
    def width_deg(self) -> float:
        """Degrees of longitude from west to east."""
        return self.east - self.west + (360 if self.crosses_antimeridian else 0)

    @property
    def centre(self) -> LonLat:
        """The middle of the box."""
        return LonLat(wrap_lon(self.west + self.width_deg / 2), (self.south + self.north) / 2)

    def contains(self, point: LonLat) -> bool:
        """Whether point lies in the box or on its edge."""
        inside_lon = (
            point.lon >= self.west or point.lon <= self.east
            if self.crosses_antimeridian
            else self.west <= point.lon <= self.east
        )
        return inside_lon and self.south <= point.lat <= self.north

    def polygon(self) -> Polygon | MultiPolygon:
        """The box as a shape in degrees; two boxes when it crosses the 180th meridian (RFC 7946, section 3.1.9)."""
        if not self.crosses_antimeridian:
            return box(self.west, self.south, self.east, self.north)
        return MultiPolygon([box(self.west, self.south, 180, self.north), box(-180, self.south, self.east, self.north)])

    def as_list(self) -> list[float]:
        """[west, south, east, north]."""
        return [self.west, self.south, self.east, self.north]


def distance_m(a: LonLat, b: LonLat) -> float:
    """Metres along the ellipsoid from a to b."""
    return float(_geod().inv(a.lon, a.lat, b.lon, b.lat)[2])


def distances_m(point: LonLat, lons: np.ndarray, lats: np.ndarray) -> np.ndarray:
    """Metres from point to each of N places. Args: lons, lats: (N,) degrees. Returns: (N,) float64."""
    lons, lats = np.asarray(lons, float), np.asarray(lats, float)
    return np.asarray(_geod().inv(np.full_like(lons, point.lon), np.full_like(lats, point.lat), lons, lats)[2])


def destination(point: LonLat, azimuth_deg: float, distance_m: float) -> LonLat:
    """Where one arrives after distance_m from point towards azimuth_deg (clockwise from north)."""
    lon, lat, _ = _geod().fwd(point.lon, point.lat, azimuth_deg, distance_m)
    return LonLat(wrap_lon(float(lon)), float(lat))


def moved_all(
    lons: np.ndarray, lats: np.ndarray, east_m: float | np.ndarray, north_m: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """N places moved by one offset, or (N,) of them, of a few kilometres. Returns: (N,) lons and (N,) lats, degrees."""
    lons, lats = np.asarray(lons, float), np.asarray(lats, float)
    azimuths = np.broadcast_to(np.degrees(np.arctan2(east_m, north_m)), lons.shape)
    metres = np.broadcast_to(np.hypot(east_m, north_m), lons.shape)
    moved_lons, moved_lats, _ = _geod().fwd(lons, lats, azimuths, metres)
    return np.asarray(moved_lons), np.asarray(moved_lats)


def cartesian_m(lons: np.ndarray, lats: np.ndarray) -> np.ndarray:
    """(N, 3) earth-centred metres of N places on the ellipsoid: near places are near, also across the antimeridian."""
    lons, lats = np.asarray(lons, float), np.asarray(lats, float)
    return np.stack(_to_cartesian().transform(lons, lats, np.zeros_like(lons)), axis=1)


def looked_at(camera: LonLat, heading_deg: float, pitch_deg: float, height_m: float) -> LonLat:
    """The point under the centre of a picture, on flat ground: height_m / tan(-pitch_deg) from below the camera.

    Args:
        camera: where it hangs.
        heading_deg: clockwise from north.
        pitch_deg: -90 looks straight down, 0 is level.
        height_m: of the camera above the ground.

    Raises:
        AreaError: the camera looks level or upwards, or has no height: it looks at no ground.
    """
    if not (-90 <= pitch_deg < 0 and 0 <= height_m < math.inf):
        raise AreaError(
            f"A camera of pitch {pitch_deg:g} at {height_m:g} m looks at no ground. The pitch must lie in [-90, 0)."
        )
    return destination(camera, heading_deg, height_m * math.tan(math.radians(90 + pitch_deg)))


def offsets_m(origin: LonLat, point: LonLat) -> tuple[float, float]:
    """Metres (east, north) from origin to point, for points a few kilometres apart."""
    azimuth_deg, _, metres = _geod().inv(origin.lon, origin.lat, point.lon, point.lat)
    return metres * math.sin(math.radians(azimuth_deg)), metres * math.cos(math.radians(azimuth_deg))


def all_offsets_m(origin: LonLat, lons: np.ndarray, lats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`offsets_m` to N places. Returns: (N,) metres east and (N,) metres north."""
    lons, lats = np.asarray(lons, float), np.asarray(lats, float)
    azimuths, _, metres = _geod().inv(np.full_like(lons, origin.lon), np.full_like(lats, origin.lat), lons, lats)
    return metres * np.sin(np.radians(azimuths)), metres * np.cos(np.radians(azimuths))


def moved(origin: LonLat, east_m: float, north_m: float) -> LonLat:
    """The point that lies east_m and north_m metres from origin."""
    return destination(origin, math.degrees(math.atan2(east_m, north_m)), math.hypot(east_m, north_m))


def rectangle(centre: LonLat, width_m: float, height_m: float, heading_deg: float = 0.0) -> Polygon:
    """A rectangle on the ground around centre, its top side towards heading_deg.

    The corners' longitudes go on past 180 rather than jump, so that the polygon stays whole.
    """
    half_diagonal_m = math.hypot(width_m, height_m) / 2
    corner_deg = math.degrees(math.atan2(width_m, height_m))
    azimuths = (corner_deg, 180 - corner_deg, 180 + corner_deg, -corner_deg)
    corners = [destination(centre, heading_deg + azimuth, half_diagonal_m) for azimuth in azimuths]
    return Polygon([(centre.lon + wrap_lon(corner.lon - centre.lon), corner.lat) for corner in corners])


def bounds_of(shape: BaseGeometry) -> Bounds:
    """The box of a shape whose longitudes may go on past 180."""
    west, south, east, north = shape.bounds
    if east - west >= 360:
        return Bounds(-180, south, 180, north)
    return Bounds(wrap_lon(west), south, wrap_lon(east), north)


def diagonal_m(bounds: Bounds) -> float:
    """Metres from the south-west to the north-east corner."""
    return distance_m(LonLat(bounds.west, bounds.south), LonLat(bounds.east, bounds.north))


def area_m2(shape: Polygon) -> float:
    """Square metres on the ground that a polygon in degrees encloses."""
    return abs(float(_geod().geometry_area_perimeter(shape)[0]))


def size_m(bounds: Bounds) -> tuple[float, float]:
    """(width, height) of the box in metres along its middle lines."""
    centre = bounds.centre
    return (
        distance_m(LonLat(bounds.west, centre.lat), LonLat(bounds.east, centre.lat)),
        distance_m(LonLat(centre.lon, bounds.south), LonLat(centre.lon, bounds.north)),
    )


@dataclass(frozen=True)
class Position:
    """Where the photo was taken: the ground under its centre, as geometry or else the best tiles' agreement has it.

    radius_m is two standard deviations of a geometric fit, or holds all tiles that agree; it is no probability.
    """

    lon: float
    lat: float
    radius_m: float


def overlapping(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether boxes share ground; those that only touch do not.

    Args: boxes, others: (..., 4) west, south, east, north in degrees, of shapes that broadcast.
    """
    apart = np.abs(boxes[..., :2] + boxes[..., 2:] - others[..., :2] - others[..., 2:]) / 2
    apart[..., 0] = np.minimum(apart[..., 0], 360 - apart[..., 0])
    sizes = boxes[..., 2:] - boxes[..., :2] + others[..., 2:] - others[..., :2]
    return np.asarray(np.all(apart < sizes * (0.5 - 1e-6), axis=-1))
