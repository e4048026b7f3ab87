"""Ground on a canvas: every place of it maps back to the Earth, and none lies on it twice."""

import math

import numpy as np
import pytest

from gallery import Gallery, build_gallery
from gallery.geo import LonLat, distance_m, offsets_m
from gallery.ground.sheets import Ground, make_ground, open_ground
from gallery.registration.canvas import Canvas, around, between, whole
from tests.helpers.builders import FakeEmbedder, FakePosition, build_region, textured


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """900 x 700 m of one raster, whose ground lies in blocks of 400 m."""
    gallery = build_region(tmp_path_factory.mktemp("canvas"), FakeEmbedder(), textured(700, 900, seed=5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gallery.ground.sheets.SHEET_M", 400.0)
        patch.setattr("gallery.ground.sheets.SHARED_M", 100.0)
        make_ground(gallery)
    return gallery


@pytest.fixture(scope="module")
def ground(gallery: Gallery) -> Ground:
    ground = open_ground(gallery)
    assert ground is not None and len(ground.sheets) > 4
    return ground


def centre_of(gallery: Gallery, row: int) -> LonLat:
    return gallery.tile(row).centre


def require_places_back_on_earth(canvas: Canvas, ground: Ground) -> None:
    """Each sampled pixel of a canvas is a pixel of the sheet that shows the point where the canvas says it lies."""
    picture = canvas.picture
    rows, columns = np.nonzero(picture.held)
    for number in np.random.default_rng(0).integers(0, len(rows), 60).tolist():
        row, column = int(rows[number]), int(columns[number])
        east, north = picture.metres(np.float64(column + 0.5), np.float64(row + 0.5))
        part, point = canvas.part_at(float(east), float(north)), canvas.lonlat(float(east), float(north))
        assert part.away_m(float(east), float(north)) == 0
        there = offsets_m(part.sheet.origin, point)
        at = ground.picture(part.sheet).pixel(*there)
        assert math.hypot(at[0] - math.floor(at[0]) - 0.5, at[1] - math.floor(at[1]) - 0.5) * picture.m_per_px < 0.5
        assert ground.picture(part.sheet).grey[math.floor(at[1]), math.floor(at[0])] == picture.grey[row, column]
        others = [sheet.place(*there_m) for sheet in ground.sheets for there_m in [offsets_m(sheet.origin, point)]]
        assert all(distance_m(point, other) < 0.5 for other in others)


def test_every_place_of_the_whole_maps_back_to_the_earth(ground):
    canvas = whole(ground)
    assert len(canvas.parts) == len(ground.sheets) and len(canvas.keypoints) == len(ground.keypoints)
    require_places_back_on_earth(canvas, ground)


def test_every_place_around_some_tiles_maps_back_to_the_earth(gallery, ground):
    canvas = around(ground, [centre_of(gallery, row) for row in (0, len(gallery) - 1)], near_m=90)
    assert len(canvas.parts) == 2
    require_places_back_on_earth(canvas, ground)


def test_the_ground_between_places_holds_them_all_and_no_more(gallery, ground):
    places = [centre_of(gallery, row) for row in (0, 1, len(gallery) // 3)]
    canvas = between(ground, places, near_m=20)
    require_places_back_on_earth(canvas, ground)
    for place in places:
        assert any(
            part.away_m(east + part.east_m, north + part.north_m) == 0
            for part in canvas.parts
            for east, north in [offsets_m(part.sheet.origin, place)]
        )
    reach_m = max(math.hypot(*offsets_m(one, other)) for one in places for other in places) + 2 * 20 + 2
    for part in canvas.parts:
        west, south, east, north = part.bounds_m
        assert max(east - west, north - south) <= reach_m
    assert not between(ground, [LonLat(-100, 10)]).parts and not between(ground, []).parts


def test_points_lie_where_the_picture_shows_them(ground):
    canvas = whole(ground)
    column, row = canvas.picture.pixel(canvas.keypoints.x_m, canvas.keypoints.y_m)
    assert canvas.picture.held[np.floor(row).astype(int), np.floor(column).astype(int)].all()


def test_the_ground_around_a_tile_is_found_on_the_canvas(gallery, ground):
    tile = gallery.tile(len(gallery) // 2)
    [part] = around(ground, [tile.centre], near_m=90).parts
    east, north = offsets_m(part.sheet.origin, tile.centre)
    assert part.away_m(east + part.east_m, north + part.north_m) == 0
    assert distance_m(part.lonlat(east + part.east_m, north + part.north_m), tile.centre) < 0.5


def test_places_near_each_other_share_a_part(gallery, ground):
    places = [centre_of(gallery, row) for row in range(12)]
    canvas = around(ground, places, near_m=120)
    for number, part in enumerate(canvas.parts):
        assert not any(part.cut.meets(other.cut) for other in canvas.parts[:number])
    assert canvas.picture.held.sum() * canvas.picture.m_per_px**2 < 12 * 240**2


def test_places_off_the_ground_are_no_part(ground):
    assert around(ground, [LonLat(0, 0)]).parts == () and around(ground, []).parts == ()


def test_parts_do_not_touch(ground):
    canvas = whole(ground)
    shown = sum(int(ground.picture(sheet).held.sum()) for sheet in ground.sheets)
    assert int(canvas.picture.held.sum()) == shown


def test_sheets_of_several_scales_share_the_finest(tmp_path, make_photos):
    folder = make_photos(2)
    positions = {f"{number}.jpg": FakePosition(11.0 + 0.01 * number, 48.0) for number in range(2)}
    gallery = build_gallery(folder, tmp_path / "g", FakeEmbedder(positions=positions), tile_size_m=60)
    ground = make_ground(gallery)
    canvas = whole(ground)
    assert canvas.picture.m_per_px == min(sheet.m_per_px for sheet in ground.sheets)
    require_places_back_on_earth(canvas, ground)
