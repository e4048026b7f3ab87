"""Drone photos as tiles: what their pictures show, where that lies, and what is assumed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gallery.geo import LonLat, distance_m, offsets_m
from gallery.ground.picture import GroundImage
from gallery.imagery.warp import held_by, seen_through
from gallery.photo.laid_tile import LEAST_FILLED, laid_tile, largest_side_m
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.projection import apply, ground_to_photo
from gallery.photo.rectify import share_shown
from gallery.photo.views import turned_north_up
from gallery.tiles import Tile
from tests.helpers.builders import FakePhoto, FakePose, FakePosition
from tests.helpers.ground_views import terrain, view

AT = LonLat(8.0, 46.0)
FIX = FakePosition(8.0, 46.0)
SIZE = (340, 260)
HEIGHT_M = 0.5 * math.hypot(*SIZE) * 24 / FILM_DIAGONAL_MM  # half a metre a pixel


def photo_of(pose: FakePose | None, image: Image.Image | None = None, fix: FakePosition | None = FIX) -> FakePhoto:
    return FakePhoto(image or Image.new("RGB", SIZE), "photo.jpg", fix, pose)


def tile_of(lain) -> Tile:
    return Tile("t", lain.centre, lain.footprint, lain.metres_per_px, "s", None, "i", lain.placed, cutout=lain.cutout)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("heading_deg", [0, 60, 90, 200])
def test_the_picture_of_a_photo_with_a_pose_is_the_ground_north_up(heading_deg):
    ground = GroundImage(terrain(400, 3), np.ones((400, 400), bool), 1.0, 0.0, 0.0)
    seen = Image.fromarray(view(ground, (200, -200), heading_deg, 0.5, SIZE)).convert("RGB")
    lain = laid_tile(photo_of(FakePose(heading_deg, -90, HEIGHT_M, 24), seen), AT, True, 100)
    side_m = tile_of(lain).sides_m[0]
    picture = seen_through(seen, lain.cutout, 200).convert("L")
    north_up = Image.fromarray(view(ground, (200, -200), 0, side_m / picture.width, picture.size))
    held = held_by(lain.cutout, picture.size)
    assert likeness(np.asarray(picture)[held], np.asarray(north_up)[held]) > 0.97
    assert held.mean() == pytest.approx(LEAST_FILLED, abs=0.02)
    assert lain.metres_per_px == pytest.approx(0.5, rel=0.01) and distance_m(lain.centre, AT) < 0.1


@given(st.floats(0, 360), st.floats(-90, -30), st.floats(20, 300), st.floats(20, 80))
def test_the_tile_lies_where_the_camera_looks(heading_deg, pitch_deg, height_m, focal_mm):
    lain = laid_tile(photo_of(FakePose(heading_deg, pitch_deg, height_m, focal_mm)), AT, True, 100)
    pose = Pose(heading_deg, pitch_deg, height_m, focal_mm)
    east, north = offsets_m(AT, lain.centre)
    ahead_m = height_m / math.tan(math.radians(-pitch_deg))
    assert math.hypot(east, north) == pytest.approx(ahead_m, rel=0.01, abs=0.1)
    tile = tile_of(lain)
    assert tile.contains(tile.centre) and tile.sides_m[0] == pytest.approx(tile.sides_m[1], rel=1e-3)
    assert share_shown(SIZE, pose, tile.sides_m[0]) >= LEAST_FILLED - 0.02
    assert tile.sides_m[0] == pytest.approx(largest_side_m(SIZE, pose), rel=0.01)
    corners = np.array([offsets_m(lain.centre, corner) for corner in tile.corners])
    in_photo = apply(ground_to_photo(pose, SIZE), corners)
    matrix = np.reshape(lain.cutout, (3, 3))
    units = apply(matrix, np.array([(0, 0), (1, 0), (1, 1), (0, 1.0)]))
    assert in_photo == pytest.approx(units * SIZE, abs=0.02 * max(SIZE))


def test_a_list_states_the_middle_of_the_ground():
    lain = laid_tile(photo_of(FakePose(0, -45, 100, 24)), AT, False, 100)
    assert distance_m(lain.centre, AT) == 0


def test_a_pitch_that_is_not_stated_is_straight_down():
    lain = laid_tile(photo_of(FakePose(30, None, HEIGHT_M, 24)), AT, True, 100)
    assert lain.placed == "estimated from heading, height above ground and focal length"
    assert lain.cutout == laid_tile(photo_of(FakePose(30, -90, HEIGHT_M, 24)), AT, True, 100).cutout


@pytest.mark.parametrize("heading_deg", [0, 40, 90, 310])
@pytest.mark.parametrize("pose", [{}, {"pitch_deg": -10, "height_m": 50, "focal_35mm": 24}], ids=["heading", "level"])
def test_by_its_heading_alone_a_photo_is_turned(heading_deg, pose):
    ground = GroundImage(terrain(400, 3), np.ones((400, 400), bool), 1.0, 0.0, 0.0)
    seen = Image.fromarray(view(ground, (200, -200), heading_deg, 0.5, SIZE)).convert("RGB")
    lain = laid_tile(photo_of(FakePose(heading_deg, **pose), seen), AT, True, 100)
    assert lain.placed == "assumed square of 100 m, turned north up by its heading"
    picture, turned = seen_through(seen, lain.cutout, 1000), turned_north_up(seen, heading_deg)
    assert picture.width == pytest.approx(turned.width, abs=2)
    assert likeness(np.asarray(picture), np.asarray(turned.resize(picture.size))) > 0.98
    assert tile_of(lain).sides_m == pytest.approx((100, 100), rel=1e-3)


@pytest.mark.parametrize("pose", [None, FakePose(), FakePose(None, -90, HEIGHT_M, 24)])
def test_without_a_heading_a_photo_stays_as_it_was_taken(pose):
    lain = laid_tile(photo_of(pose), AT, True, 100)
    assert lain.cutout is None and lain.centre == AT


def test_a_height_without_a_fix_is_of_another_ground():
    lain = laid_tile(photo_of(FakePose(30, -90, HEIGHT_M, 24), fix=None), AT, False, 100)
    assert lain.placed.startswith("assumed square")
