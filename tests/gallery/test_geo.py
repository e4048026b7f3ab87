"""Geodesy: known distances, there and back, boxes over the 180th meridian and around the poles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from gallery.errors import AreaError
from gallery.geo import (
    Bounds,
    LonLat,
    area_m2,
    bounds_of,
    cartesian_m,
    destination,
    distance_m,
    distances_m,
    looked_at,
    moved,
    moved_all,
    offsets_m,
    rectangle,
    size_m,
    wrap_lon,
)

lons, lats = st.floats(-180, 180), st.floats(-85, 85)
points = st.builds(LonLat, lons, lats)


def test_one_degree_along_the_equator_and_the_meridian():
    assert distance_m(LonLat(0, 0), LonLat(1, 0)) == pytest.approx(111_319.49, abs=0.01)
    assert distance_m(LonLat(0, 0), LonLat(0, 1)) == pytest.approx(110_574.39, abs=0.01)


@pytest.mark.parametrize(("lon", "lat"), [(181, 0), (0, 91), (math.nan, 0), (0, math.inf), (13.4, -90.1)])
def test_places_that_do_not_exist_are_refused(lon, lat):
    with pytest.raises(AreaError, match="Longitude comes before latitude"):
        LonLat(lon, lat)


@given(points, st.floats(0, 360), st.floats(0, 50_000))
def test_destination_lies_at_its_distance(start, azimuth_deg, metres):
    assert distance_m(start, destination(start, azimuth_deg, metres)) == pytest.approx(metres, abs=1e-3)


@given(points, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_there_and_back_in_metres(origin, east_m, north_m):
    assert offsets_m(origin, moved(origin, east_m, north_m)) == pytest.approx((east_m, north_m), abs=1e-3)


@given(points, st.floats(0, 360), st.floats(-90, -1), st.floats(0, 500))
def test_what_a_camera_looks_at_by_the_closed_form_and_back(camera, heading_deg, pitch_deg, height_m):
    ground = looked_at(camera, heading_deg, pitch_deg, height_m)
    assert distance_m(camera, ground) == pytest.approx(height_m / math.tan(math.radians(-pitch_deg)), abs=1e-3)
    back = destination(ground, heading_deg + 180, distance_m(camera, ground))
    if distance_m(camera, ground) < 1000:  # farther, the azimuth of the way back is another
        assert distance_m(back, camera) < 2.0


def test_looking_down_and_looking_at_nothing():
    below = LonLat(10, 50)
    assert looked_at(below, 123, -90, 80) == below
    assert offsets_m(below, looked_at(below, 90, -45, 100)) == pytest.approx((100, 0), abs=1e-6)
    for pitch_deg, height_m in ((0, 10), (5, 10), (-91, 10), (-45, -1), (math.nan, 10), (-45, math.inf)):
        with pytest.raises(AreaError, match="no ground"):
            looked_at(below, 0, pitch_deg, height_m)


@given(points, st.lists(points, min_size=1, max_size=5))
def test_many_distances_equal_single_ones(start, others):
    many = distances_m(start, np.array([p.lon for p in others]), np.array([p.lat for p in others]))
    assert many == pytest.approx([distance_m(start, other) for other in others])


@given(points, st.floats(0.01, 500), st.floats(0, 360), st.floats(0, 0.999))
@settings(max_examples=300)
def test_box_around_holds_the_circle(centre, radius_km, azimuth_deg, share):
    box = Bounds.around(centre, radius_km)
    assert box.contains(destination(centre, azimuth_deg, radius_km * 1000 * share))


def test_box_around_a_pole_has_every_meridian():
    assert Bounds.around(LonLat(0, 89.99), 10).as_list()[::2] == [-180, 180]


def test_box_over_the_180th_meridian():
    box = Bounds(179, -1, -179, 1)
    assert box.crosses_antimeridian and box.width_deg == 2 and abs(box.centre.lon) == 180
    assert box.contains(LonLat(-179.5, 0)) and box.contains(LonLat(179.5, 0)) and not box.contains(LonLat(0, 0))
    assert box.polygon().area == pytest.approx(4)


def test_bounds_refuses_south_above_north():
    with pytest.raises(AreaError, match="W,S,E,N"):
        Bounds(0, 2, 1, 1)


@given(points, st.floats(5, 2000), st.floats(5, 2000), st.floats(0, 360))
def test_rectangle_has_its_area_on_the_ground_at_any_latitude(centre, width_m, height_m, heading_deg):
    shape = rectangle(centre, width_m, height_m, heading_deg)
    assert area_m2(shape) == pytest.approx(width_m * height_m, rel=1e-3)


@given(points)
def test_box_of_a_square_has_its_size(centre):
    assert size_m(bounds_of(rectangle(centre, 100, 60))) == pytest.approx((100, 60), rel=1e-3)


def test_bounds_of_a_shape_that_goes_on_past_180():
    box = bounds_of(Polygon([(179.9, 0), (180.1, 0), (180.1, 1), (179.9, 1)]))
    assert box.as_list() == pytest.approx([179.9, 0, -179.9, 1])


@given(st.floats(-1000, 1000))
def test_wrapped_meridian_is_the_same(lon):
    wrapped = wrap_lon(lon)
    assert -180 <= wrapped <= 180
    assert math.isclose(math.cos(math.radians(wrapped)), math.cos(math.radians(lon)), abs_tol=1e-9)


@given(points, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_many_places_move_as_one_does(place, east_m, north_m):
    lons, lats = moved_all(np.array([place.lon, place.lon]), np.array([place.lat, place.lat]), east_m, north_m)
    one = moved(place, east_m, north_m)
    assert distances_m(one, lons, lats).max() < 0.01


@given(points, st.floats(0, 360), st.floats(0, 2000))
def test_near_places_are_as_near_in_cartesian_metres(place, azimuth_deg, metres):
    other = destination(place, azimuth_deg, metres)
    points = cartesian_m(np.array([place.lon, other.lon]), np.array([place.lat, other.lat]))
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(metres, abs=0.01)
