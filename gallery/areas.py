"""Where a photo can have been taken, known beforehand: a box, a circle or polygons, and the tiles that touch it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import antimeridian
import geopandas
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry import MultiPolygon, Polygon

from gallery.errors import AreaError
from gallery.geo import Bounds, LonLat, distances_m, turns, wrap_lon

MOST_DEG_PER_M = 1 / 110_000
"""Degrees of latitude that a metre covers at most: a quick first look before the exact distance."""

TURNS_DEG = np.array([[turn, 0, turn, 0] for turn in turns()])
"""What a box is moved by, (3, 4)."""

STEPS = 500
"""Points along the longer side of a projected outline where it is bent into degrees."""

FORMATS = (".geojson", ".json", ".kml", ".kmz", ".gpkg", ".shp", ".zip", ".fgb")


@dataclass(frozen=True)
class Near:
    """A prior: the photo shows ground within radius_km of a point.

    Raises:
        AreaError: the point does not exist or the radius is not a positive number.
    """

    lon: float
    lat: float
    radius_km: float

    def __post_init__(self) -> None:
        LonLat(self.lon, self.lat)
        if not (math.isfinite(self.radius_km) and self.radius_km > 0):
            raise AreaError(f"A radius of {self.radius_km:g} km is not a positive number.")

    @property
    def centre(self) -> LonLat:
        """The middle of the circle."""
        return LonLat(self.lon, self.lat)


@dataclass(frozen=True)
class Polygons:
    """A prior: the photo shows ground inside one of some polygons, and not in their holes.

    Attributes:
        shape: valid polygons in degrees, edges straight in degrees; longitudes may go on past 180.

    Raises:
        AreaError: there is no polygon, or its coordinates do not exist.
    """

    shape: Polygon | MultiPolygon

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Polygon | MultiPolygon) or self.shape.is_empty:
            raise AreaError("The area holds no polygon.")
        west, south, east, north = self.shape.bounds
        if not (-90 <= south <= north <= 90 and -540 <= west <= east <= 540):
            raise AreaError("The area's polygons leave the Earth: longitude comes before latitude, both in degrees.")

    @classmethod
    def read(cls, file: str | Path) -> "Polygons":
        """All polygons of all layers of a file that GDAL reads, in any CRS.

        An edge that spans more than 180 degrees of longitude goes the short way round, across the antimeridian, unless
        it leads from -180 to 180.

        Args: file: GeoJSON, KML or KMZ, GeoPackage, FlatGeobuf, or a Shapefile (also zipped).

        Raises:
            AreaError: the file is missing, cannot be read, has no CRS or no polygon.
        """
        path = Path(file)
        if not path.is_file():
            raise AreaError(f"There is no file {path.name}. Check the path of the area.")
        if path.suffix.lower() not in FORMATS:
            raise AreaError(f"{path.name} is no area: give one of {', '.join(FORMATS)}.")
        try:
            layers = [geopandas.read_file(path, layer=name) for name in pyogrio.list_layers(path)[:, 0]]
            frames = [layer for layer in layers if isinstance(layer, geopandas.GeoDataFrame)]  # others have no shapes
            polygons = [polygon for frame in frames for polygon in _in_degrees(frame, path.name)]
            united = _parts([shapely.union_all(polygons)])
        except (DataSourceError, DataLayerError, ValueError, shapely.errors.GEOSException) as error:
            raise AreaError(f"{path.name} cannot be read as an area. Save it as GeoJSON.") from error
        if not united:
            raise AreaError(f"{path.name} holds no polygon. An area is drawn as polygons.")
        return cls(MultiPolygon(united))

    @property
    def centre(self) -> LonLat:
        """The centre of gravity, in degrees; it may lie outside."""
        point = self.shape.centroid
        return LonLat(wrap_lon(point.x), point.y)


Area = Bounds | Near | Polygons
"""Where a photo can have been taken, known beforehand."""


def tiles_in(boxes: np.ndarray, area: Area) -> np.ndarray:
    """Which tiles touch an area.

    Args:
        boxes: (N, 4) west, south, east, north in degrees; east may go on past 180.
        area: a box, polygons, or a circle (a tile counts when the nearest point of its box lies within the radius).

    Returns: (N,) bool.
    """
    if isinstance(area, Near):
        radius_m, point = area.radius_km * 1000, area.centre
        reach_deg = radius_m * MOST_DEG_PER_M
        inside = (boxes[:, 1] <= point.lat + reach_deg) & (boxes[:, 3] >= point.lat - reach_deg)
        inside[inside] = distances_to_boxes_m(boxes[inside], point) <= radius_m
        return inside
    if isinstance(area, Polygons):
        shapely.prepare(area.shape)
        inside = np.zeros(len(boxes), bool)
        for turn in TURNS_DEG:
            moved = boxes + turn
            close = np.flatnonzero(_touching(moved, *area.shape.bounds))
            cornered = shapely.contains_xy(area.shape, moved[close, :2])  # quicker than the box, and mostly enough
            inside[close[cornered]] = True
            rest = close[~cornered]
            inside[rest] |= shapely.intersects(area.shape, shapely.box(*moved[rest].T))
        return inside
    east = area.west + area.width_deg
    turned = [_touching(boxes + turn, area.west, area.south, east, area.north) for turn in TURNS_DEG]
    return np.asarray(np.any(turned, axis=0))


def distances_to_boxes_m(boxes: np.ndarray, point: LonLat) -> np.ndarray:
    """Metres from a point to the nearest point of each box, 0 inside. Returns: (N,)."""
    west, south, east, north = boxes.T
    middle = (west + east) / 2
    near_lon = point.lon + np.round((middle - point.lon) / 360) * 360  # the point's meridian on the box's turn
    lons, lats = np.clip(near_lon, west, east), np.clip(np.full(len(boxes), point.lat), south, north)
    return distances_m(point, lons, lats)


def _touching(boxes: np.ndarray, west: float, south: float, east: float, north: float) -> np.ndarray:
    return (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)


def _in_degrees(layer: geopandas.GeoDataFrame, name: str) -> list[Polygon | MultiPolygon]:
    """The polygons of a layer in WGS84, longitude first, cut where their edges jump across the antimeridian."""
    if layer.crs is None:
        raise AreaError(f"{name} states no CRS. Save it with one (a Shapefile needs its .prj).")
    shapes = _parts(layer.geometry.dropna().force_2d().make_valid())
    polygons = geopandas.GeoSeries([shape for shape in shapes if isinstance(shape, Polygon)], crs=layer.crs)
    projected = layer.crs.is_projected
    if projected and len(polygons):
        west, south, east, north = polygons.total_bounds
        polygons = polygons.segmentize(max(east - west, north - south) / STEPS).orient_polygons()
    unbroken = []
    for polygon in polygons.to_crs("OGC:CRS84"):
        rings = (polygon.exterior, *polygon.interiors)
        steps = np.concatenate([np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])) for ring in rings])
        if np.any((steps > 180) & (steps < 360)):  # seen from above, the ground lies left of a projected outline
            polygon = antimeridian.fix_polygon(polygon, fix_winding=not projected, great_circle=False)
        unbroken.append(polygon)
    return unbroken


def _parts(shapes: Iterable[shapely.Geometry]) -> list[shapely.Geometry]:
    """The single shapes of collections, however deeply nested."""
    return [
        single
        for shape in shapes
        for part in shapely.get_parts(shape)
        for single in ([part] if not hasattr(part, "geoms") else _parts(part.geoms))
    ]
