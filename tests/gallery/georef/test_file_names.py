"""What names say: @lon@lat@, UTM by the convention of visual place recognition, numbers of map tiles."""

from pathlib import PurePosixPath

import mercantile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from gallery.geo import LonLat, distance_m, size_m
from gallery.georef.file_names import TileNames, position_of_tile, positions_in_name, tile_in_path


@given(st.decimals(-180, 180, places=6), st.decimals(-90, 90, places=6))
def test_longitude_and_latitude_in_a_name(lon, lat):
    (place,) = positions_in_name(f"tile_@{lon}@{lat}@_7.jpg")
    assert place.centre == LonLat(float(lon), float(lat))


@pytest.mark.parametrize("name", ["a.jpg", "@1@2.jpg", "@1@200@.jpg", "@a@b@.jpg", "@500000@4000000@61@S@.jpg"])
def test_names_without_a_place(name):
    assert positions_in_name(name) == ()


@given(st.floats(-179.9, 179.9), st.one_of(st.floats(-79, -0.01), st.floats(0.01, 83)))
def test_utm_names_state_one_place_twice(lon, lat):
    zone = int((lon + 180) // 6) + 1
    east, north = Transformer.from_crs(4326, (32600 if lat >= 0 else 32700) + zone, always_xy=True).transform(lon, lat)
    band = "CDEFGHJKLMNPQRSTUVWXX"[int((lat + 80) // 8)]
    pair, utm = positions_in_name(f"@{east:010.2f}@{north:010.2f}@{zone:02d}@{band}@{lat:.6f}@{lon:.6f}@pano@@90@.jpg")
    assert pair.centre == LonLat(round(lon, 6), round(lat, 6)) and distance_m(pair.centre, utm.centre) < 0.2


def test_a_utm_name_without_degrees():
    (place,) = positions_in_name("@0543256.96@4178906.70@10@S@.jpg")
    assert distance_m(place.centre, LonLat(-122.5087, 37.757)) < 100


def test_a_utm_name_without_a_zone_says_nothing():
    assert positions_in_name("@0543256.96@4178906.70@@@.jpg") == ()


@pytest.mark.parametrize(
    ("path", "names", "expected"),
    [
        ("sat/17/70000/45000.png", TileNames(), (70000, 45000, 17)),
        ("17_70000_45000.jpg", TileNames(), (70000, 45000, 17)),
        ("70000_45000.jpg", TileNames(17), (70000, 45000, 17)),
        ("70000/45000.jpg", TileNames(17), (70000, 45000, 17)),
        ("18/70000/45000.png", TileNames(17), (70000, 45000, 18)),
        ("17/70000/45000.png", TileNames(tms=True), (70000, 2**17 - 1 - 45000, 17)),
        ("70000_45000.jpg", TileNames(), None),
        ("12/3/7.jpg", TileNames(), None),
        ("12/3/7.jpg", TileNames(12), (3, 7, 12)),
        ("10/5000/400.jpg", TileNames(), None),
        ("01_7_014_014.png", TileNames(), None),
        ("0001/image-01.jpeg", TileNames(17), None),
        ("0839/0839.jpg", TileNames(), None),
    ],
)
def test_numbers_of_map_tiles(path, names, expected):
    assert tile_in_path(PurePosixPath(path), names) == (None if expected is None else mercantile.Tile(*expected))


@given(st.floats(-179.9, 179.9), st.floats(-84, 84), st.integers(10, 20))
def test_the_tile_of_a_place_holds_it(lon, lat, zoom):
    place = position_of_tile(mercantile.tile(lon, lat, zoom))
    west, south, east, north = place.footprint.bounds
    assert west - 1e-9 <= lon <= east + 1e-9 and south - 1e-9 <= lat <= north + 1e-9


def test_a_tile_is_square_on_the_ground():
    from gallery.geo import bounds_of

    width, height = size_m(bounds_of(position_of_tile(mercantile.tile(10, 60, 17)).footprint))
    assert width == pytest.approx(height, rel=0.01) and width == pytest.approx(305.7 / 2, rel=0.01)
