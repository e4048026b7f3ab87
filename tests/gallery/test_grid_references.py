"""Places as people write them: known ones, and that each notation leads back to the place."""

from hypothesis import example, given
from hypothesis import strategies as st
from mgrs import MGRS
from openlocationcode import openlocationcode
from pyproj import CRS, Transformer

from gallery.geo import LonLat, distance_m
from gallery.grid_references import grid_references


def test_known_places():
    origin = grid_references(LonLat(0, 0))
    assert (origin.utm, origin.mgrs, origin.plus_code) == ("31N 166021 0", "31NAA6602100000", "6FG22222+222")
    zurich = grid_references(LonLat(8.524997, 47.365590))  # the example of the plus codes' own documentation
    assert zurich.plus_code.startswith("8FVC9G8F+6X") and zurich.mgrs.startswith("32T")


@example(0.0, -4e-6)
@example(179.99999, -2e-5)
@given(st.floats(-180, 180), st.floats(-79.9, 83.9))
def test_every_notation_leads_back_to_the_place(lon, lat):
    point = LonLat(lon, lat)
    found = grid_references(point)
    assert found.utm is not None
    zone, east_m, north_m = found.utm.split()
    crs = CRS.from_epsg((32600 if zone[-1] == "N" else 32700) + int(zone[:-1]))
    back = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True).transform(float(east_m), float(north_m))
    assert distance_m(point, LonLat(*back)) < 3
    back_lat, back_lon = MGRS().toLatLon(found.mgrs)
    assert distance_m(point, LonLat(back_lon, back_lat)) < 2
    area = openlocationcode.decode(found.plus_code)
    assert distance_m(point, LonLat(area.longitudeCenter, area.latitudeCenter)) < 5


def test_the_poles_have_no_utm():
    assert grid_references(LonLat(10, 89)).utm is None and grid_references(LonLat(10, 89)).mgrs
