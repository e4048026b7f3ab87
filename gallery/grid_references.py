"""A place as people write it down: UTM, MGRS and plus codes beside degrees."""

from dataclasses import dataclass

from mgrs import MGRS
from openlocationcode import openlocationcode
from pyproj import CRS, Transformer

from gallery.geo import LonLat, wrap_lon

MGRS_DIGITS = 5  # one metre
PLUS_CODE_DIGITS = 11  # about 3 m
_A_METRE_DEG = 1e-5


@dataclass(frozen=True)
class GridReferences:
    """One place, to about a metre."""

    utm: str | None  # "31N 166021 9997964", easting and northing in metres; None beyond 80 S and 84 N, where UTM ends
    mgrs: str
    plus_code: str


def grid_references(point: LonLat) -> GridReferences:
    """How a place is written in the usual grids (WGS84).

    UTM by the zones of six degrees, without the exceptions of Norway and Svalbard, which MGRS follows.
    """
    lon = wrap_lon(point.lon)
    lat = 0.0 if abs(point.lat) < _A_METRE_DEG else point.lat  # just south of the equator MGRS rounds into another band
    return GridReferences(
        _utm(lon, lat),
        MGRS().toMGRS(lat, lon, MGRSPrecision=MGRS_DIGITS),
        openlocationcode.encode(lat, lon, PLUS_CODE_DIGITS),
    )


def _utm(lon: float, lat: float) -> str | None:
    if not -80 <= lat <= 84:
        return None
    zone, north = int((lon + 180) // 6) % 60 + 1, lat >= 0
    crs = CRS.from_epsg((32600 if north else 32700) + zone)
    east_m, north_m = Transformer.from_crs(CRS.from_epsg(4326), crs, always_xy=True).transform(lon, lat)
    return f"{zone}{'N' if north else 'S'} {east_m:.0f} {north_m:.0f}"
