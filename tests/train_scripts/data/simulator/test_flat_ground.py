"""Views over flat pictures of the ground: they stay in them, and renderer, EXIF and turns agree on what is where."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gallery.geo import LonLat, destination, distance_m, moved
from gallery.photo.views import query_views
from mean_model import load_photo
from tests.helpers.builders import FakeEmbedder, textured
from train_scripts.data.simulator.flat_ground import (
    FOV_DEG,
    VIEW_PX,
    FlatGround,
    GroundView,
    corners_m,
    random_view,
    write_view,
)

HOME = LonLat(15.0, -6.0)
SIDE_M, SIDE_PX = 80.0, 320


@pytest.fixture(scope="module")
def ground() -> FlatGround:
    return ground_of(2)


def ground_of(seed: int, up_deg: float = 0.0) -> FlatGround:
    blobs = Image.fromarray(np.moveaxis(textured(SIDE_PX // 4, SIDE_PX // 4, seed), 0, -1))
    return FlatGround(np.array(blobs.resize((SIDE_PX, SIDE_PX))), HOME, SIDE_M / SIDE_PX, up_deg)


@given(st.integers(0, 2**32), st.floats(30, 300), st.floats(0.7, 1.4), st.floats(1, 500))
@settings(max_examples=60)
def test_a_view_stays_in_its_picture(seed, width_m, aspect, most_m):
    height_m = width_m * aspect
    view = random_view((width_m, height_m), (most_m / 2, most_m), np.random.default_rng(seed))
    corners = np.abs(corners_m(view))
    assert (corners[:, 0] <= width_m / 2 + 0.01).all() and (corners[:, 1] <= height_m / 2 + 0.01).all()
    assert -90 <= view.pitch_deg <= -60 and 0 <= view.heading_deg < 360 and 0 < view.altitude_m <= most_m


def test_corners_of_a_straight_view_by_the_closed_form():
    half_m = 40 * math.tan(math.radians(FOV_DEG) / 2)
    corners = corners_m(GroundView(3, -2, 40, 0, -89.999))
    expected = [
        (3 - half_m, -2 + half_m),
        (3 + half_m, -2 + half_m),
        (3 - half_m, -2 - half_m),
        (3 + half_m, -2 - half_m),
    ]
    assert corners == pytest.approx(np.array(expected), abs=0.01)


def test_a_straight_view_of_the_whole_picture_is_the_picture(ground, tmp_path, monkeypatch):
    monkeypatch.setattr("train_scripts.data.simulator.flat_ground.PHOTOMETRY", 0.0)
    view = GroundView(0, 0, SIDE_M / 2 / math.tan(math.radians(FOV_DEG) / 2), 0, -89.9)
    write_view(tmp_path / "v.jpg", ground, view, torch.Generator().manual_seed(1))
    photo = load_photo(tmp_path / "v.jpg")
    assert photo.image.size == (VIEW_PX, VIEW_PX)
    vectors = FakeEmbedder().embed([photo.image, Image.fromarray(ground.pixels), Image.fromarray(ground_of(3).pixels)])
    assert vectors[0] @ vectors[1] > 0.98 > vectors[0] @ vectors[2]


def test_a_view_knows_its_place_and_pose(ground, tmp_path):
    view = GroundView(5, -8, 40, 123, -60)
    write_view(tmp_path / "v.jpg", ground, view, torch.Generator())
    photo = load_photo(tmp_path / "v.jpg")
    position, pose = photo.position, photo.pose
    assert position is not None and pose is not None and pose.heading_deg == pytest.approx(123, abs=0.02)
    assert (pose.pitch_deg, pose.height_m) == pytest.approx((-60, 40), abs=0.02)
    there = destination(LonLat(position.lon, position.lat), 123, 40 / math.tan(math.radians(60)))
    assert distance_m(there, moved(HOME, 5, -8)) < 0.1


@pytest.mark.parametrize("heading_deg", [20.0, 137.0, 300.0])
def test_a_view_turned_by_its_heading_lies_like_the_picture(ground, tmp_path, monkeypatch, heading_deg):
    """The renderer, the EXIF and the turn agree on what a heading is."""
    monkeypatch.setattr("train_scripts.data.simulator.flat_ground.PHOTOMETRY", 0.0)
    view = GroundView(0, 0, 25 / math.tan(math.radians(FOV_DEG) / 2), heading_deg, -89.9)  # 50 m wide, 4 pixels a metre
    write_view(tmp_path / "v.jpg", ground, view, torch.Generator())
    photo = load_photo(tmp_path / "v.jpg")
    [turned] = [view.image for view in query_views(photo, 4, True).views]
    half_px = round(turned.width / VIEW_PX * 50 / SIDE_M * SIDE_PX / 2)
    middle = SIDE_PX // 2
    crop = Image.fromarray(ground.pixels).crop((middle - half_px, middle - half_px, middle + half_px, middle + half_px))
    views = [turned, *(turned.rotate(90 * quarter) for quarter in (1, 2, 3)), photo.image]
    scores = FakeEmbedder().embed([crop]) @ FakeEmbedder().embed(views).T
    assert scores[0, 0] > 0.98 and scores[0, 1:].max() < 0.9


def test_a_turned_picture_lies_turned(tmp_path):
    """A picture whose up is east: what lies up in it lies east, and the camera's heading says so."""
    ground = ground_of(1, up_deg=90.0)
    assert distance_m(ground.place(7, 20), moved(HOME, 20, -7)) < 0.01
    write_view(tmp_path / "v.jpg", ground, GroundView(0, 20, 40, 30, -60), torch.Generator())
    photo = load_photo(tmp_path / "v.jpg")
    position = photo.position
    assert position is not None and photo.pose is not None and photo.pose.heading_deg == pytest.approx(120, abs=0.02)
    there = destination(LonLat(position.lon, position.lat), 120, 40 / math.tan(math.radians(60)))
    assert distance_m(there, moved(HOME, 20, 0)) < 0.1
