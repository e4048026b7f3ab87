"""Prior areas: boxes, circles and polygons choose the tiles that they touch, as shapely says one by one."""

import geopandas
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gallery.areas import Near, Polygons, tiles_in
from gallery.errors import AreaError
from gallery.geo import Bounds, LonLat, destination

HOLED = Polygon([(10, 50), (12, 50), (12, 51), (10, 51)], [[(10.5, 50.2), (11.5, 50.2), (11.5, 50.8), (10.5, 50.8)]])
ISLAND = box(13, 50, 13.5, 50.5)
SPOTS = {  # small boxes and whether HOLED and ISLAND hold them
    (10.2, 50.1): True,
    (11.0, 50.5): False,
    (13.2, 50.2): True,
    (12.5, 50.2): False,
    (11.0, 51.1): False,
}


def spots(places) -> np.ndarray:
    return np.array([(lon, lat, lon + 0.01, lat + 0.01) for lon, lat in places])


def written(file, shapes, crs="OGC:CRS84", **options):
    if file.suffix == ".kml":
        options["driver"] = "KML"
    geopandas.GeoDataFrame({"name": ["a"] * len(shapes)}, geometry=shapes, crs=crs).to_file(file, **options)
    return file


boxes = st.tuples(st.floats(-180, 179), st.floats(-80, 79), st.floats(0.001, 2), st.floats(0.001, 1)).map(
    lambda values: (values[0], values[1], values[0] + values[2], values[1] + values[3])
)


@given(st.lists(boxes, min_size=1, max_size=20), boxes)
def test_box_prior_equals_shapely(tiles, area):
    bounds = Bounds(area[0], area[1], area[2] if area[2] <= 180 else area[2] - 360, area[3])
    expected = [
        any(box(*tile).intersects(box(area[0] + turn, area[1], area[2] + turn, area[3])) for turn in (-360, 0, 360))
        for tile in tiles
    ]
    assert tiles_in(np.array(tiles), bounds).tolist() == expected


@given(boxes, st.floats(0, 360), st.floats(0.1, 300))
def test_circle_prior_reaches_what_lies_within_the_radius(tile, azimuth_deg, radius_km):
    corner = LonLat((tile[0] + 180) % 360 - 180, tile[1])
    inside = destination(corner, azimuth_deg, radius_km * 1000 * 0.98)
    assert tiles_in(np.array([tile]), Near(inside.lon, inside.lat, radius_km)).all()


def test_circle_prior_leaves_out_what_lies_beyond():
    tile = np.array([[10, 50, 10.001, 50.001]])
    away = destination(LonLat(10, 50), 200, 1010)
    assert not tiles_in(tile, Near(away.lon, away.lat, 1.0)).any()
    assert tiles_in(tile, Near(away.lon, away.lat, 1.02)).all()
    assert tiles_in(np.array([[179.9, 0, 180.1, 0.1]]), Near(-179.95, 0.05, 0.01)).all()


@st.composite
def polygon_areas(draw):
    west, south = draw(st.floats(-200, 190)), draw(st.floats(-80, 70))
    ring = st.tuples(st.floats(0, 3), st.floats(0, 3)).map(lambda at: (west + at[0], south + at[1]))
    hulls = [MultiPolygon([Polygon(draw(st.lists(ring, min_size=3, max_size=6)))]).convex_hull for _ in range(2)]
    shape = hulls[0].difference(hulls[1].buffer(-0.1)) if draw(st.booleans()) else hulls[0]
    return shape, west, south


@given(polygon_areas(), st.lists(st.tuples(st.floats(-1, 4), st.floats(-1, 4), st.floats(0.001, 1)), max_size=20))
def test_polygon_prior_equals_shapely_on_every_turn(area, places):
    shape, west, south = area
    tiles = [(west + east, south + north, west + east + side, south + north + side) for east, north, side in places]
    if not isinstance(shape, Polygon | MultiPolygon) or shape.is_empty:
        with pytest.raises(AreaError, match="no polygon"):
            Polygons(shape)
        return
    wider, narrower = shape.buffer(1e-9), shape.buffer(-1e-9)  # a tenth of a millimetre: a turn rounds so much away
    tiles = [tile for tile in tiles if wider.intersects(box(*tile)) == narrower.intersects(box(*tile))]
    expected = [shape.intersects(box(*tile)) for tile in tiles]
    for turn in (-360, 0, 360):
        turned = np.add(np.array(tiles).reshape(-1, 4), [turn, 0, turn, 0])
        if -540 <= west + turn <= 530:
            assert tiles_in(turned, Polygons(shape)).tolist() == expected


DEGREES_ONLY = [("area.geojson", "OGC:CRS84"), ("area.kml", "OGC:CRS84")]
ANY_CRS = [(name, crs) for name in ("area.gpkg", "area.shp", "area.fgb") for crs in ("EPSG:4326", "EPSG:3035")]


@pytest.mark.parametrize(("name", "crs"), [*DEGREES_ONLY, *ANY_CRS])
def test_polygons_of_any_format_and_crs(tmp_path, name, crs):
    shapes = geopandas.GeoSeries([HOLED, ISLAND], crs="OGC:CRS84").segmentize(0.01).to_crs(crs)
    area = Polygons.read(written(tmp_path / name, list(shapes), crs))
    assert tiles_in(spots(SPOTS), area).tolist() == list(SPOTS.values())


def test_a_zipped_shapefile(tmp_path):
    written(tmp_path / "area.shz", [HOLED, ISLAND], driver="ESRI Shapefile")
    zipped = (tmp_path / "area.shz").rename(tmp_path / "area.zip")
    assert tiles_in(spots(SPOTS), Polygons.read(zipped)).tolist() == list(SPOTS.values())


def test_every_layer_counts_and_what_is_no_polygon_does_not(tmp_path):
    file = written(tmp_path / "area.gpkg", [HOLED], layer="ground")
    written(file, [ISLAND], layer="islands")
    written(file, [Point(0, 0), LineString([(0, 0), (1, 1)])], layer="marks")
    area = Polygons.read(file)
    assert tiles_in(spots([*SPOTS, (0, 0)]), area).tolist() == [*SPOTS.values(), False]
    assert isinstance(area.centre, LonLat)


@pytest.mark.parametrize(
    "shape",
    {
        "jumping": Polygon([(179, 10), (-179, 10), (-179, 11), (179, 11)]),
        "past 180": box(179, 10, 181, 11),
        "cut": MultiPolygon([box(179, 10, 180, 11), box(-180, 10, -179, 11)]),
    }.values(),
)
def test_across_the_antimeridian(tmp_path, shape):
    area = Polygons.read(written(tmp_path / "area.geojson", [shape]))
    inside = np.array([[179.5, 10.5, 179.6, 10.6], [179.95, 10.5, 180.05, 10.6], [-179.5, 10.5, -179.4, 10.6]])
    outside = np.array([[0, 10.5, 1, 10.6], [178, 10.5, 178.9, 10.6], [-178.9, 10.5, -178, 10.6]])
    assert tiles_in(inside, area).all() and not tiles_in(outside, area).any()


def test_a_projected_outline_across_the_antimeridian(tmp_path):
    file = written(tmp_path / "fiji.gpkg", [box(1.9e6, 3.7e6, 2.3e6, 4.1e6)], "EPSG:3460")  # Fiji Map Grid
    area = Polygons.read(file)
    assert area.shape.bounds[0] == -180 and area.shape.bounds[2] == 180
    assert tiles_in(np.array([[179.9, -18, 180.1, -17.9], [-179.9, -18, -179.8, -17.9]]), area).all()
    assert not tiles_in(np.array([[0, -18, 0.1, -17.9], [90, -18, 90.1, -17.9]]), area).any()


def test_around_the_pole_and_the_whole_world(tmp_path):
    lons, lats = np.meshgrid(np.arange(-180, 180, 30), [-89.5, -82, -79, 0, 79, 82, 89.5])
    places = np.stack([lons, lats, lons + 0.1, lats + 0.1], axis=-1).reshape(-1, 4)
    for crs, sign in (("EPSG:3031", -1), ("EPSG:3413", 1)):  # 1000 km around the South Pole, the North Pole
        file = written(tmp_path / "pole.gpkg", [Point(0, 0).buffer(1e6)], crs)
        assert np.array_equal(tiles_in(places, Polygons.read(file)), places[:, 1] * sign > 81)
    world = Polygons.read(written(tmp_path / "world.geojson", [box(-180, -90, 180, 90)]))
    assert tiles_in(places, world).all()


def test_a_projected_edge_is_bent(tmp_path):
    """60 degrees of a parallel, straight in a conic projection, bulges by degrees."""
    chord = geopandas.GeoSeries([Point(-20, 50), Point(40, 50)], crs="OGC:CRS84").to_crs("EPSG:3035")
    west, east = chord.iloc[0], chord.iloc[1]
    area = Polygons.read(written(tmp_path / "a.gpkg", [box(west.x, west.y - 1e5, east.x, east.y)], "EPSG:3035"))
    middle = geopandas.GeoSeries([Point((west.x + east.x) / 2, west.y - 1000)], crs="EPSG:3035").to_crs("OGC:CRS84")
    assert tiles_in(spots([(middle.iloc[0].x, middle.iloc[0].y)]), area).all()


def bad_files(folder):
    yield folder / "none.geojson", "no file none.geojson"
    for name, content in (("text.txt", "a"), ("text.geojson", "a"), ("empty.kml", "")):
        (folder / name).write_text(content)
        yield folder / name, name
    yield written(folder / "points.geojson", [Point(1, 2)]), "no polygon"
    yield written(folder / "metres.geojson", [box(5e5, 5e6, 6e5, 6e6)]), "longitude comes before"
    yield written(folder / "plain.shp", [HOLED], None), "no CRS"


def test_what_is_no_area_is_said(tmp_path):
    for file, message in bad_files(tmp_path):
        with pytest.raises(AreaError, match=message):
            Polygons.read(file)


def test_wrapped_copies_are_one_place():
    area = Polygons(translate(ISLAND, 360))
    assert tiles_in(spots(SPOTS), area).tolist() == [False, False, True, False, False]
