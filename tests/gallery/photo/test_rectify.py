"""Photos on the ground plane: against the renderer's own camera, against known points, and where they must be empty."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gallery.imagery.warp import NOT_SEEN
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.rectify import LEAST_PX, MOST_PX, seen_from_above, share_shown
from tests.helpers.known_ground import GROUND
from train_scripts.data.simulator.camera import ground_grid_rays, looking_at
from train_scripts.data.simulator.renderer import north_up, render

WIDTH, HEIGHT = 400, 300
HFOV_DEG = 70.0
FIRST = torch.zeros(1, dtype=torch.long)

headings = st.floats(0, 360)
pitches = st.floats(-89.9, -40)
heights = st.floats(60, 200)


def focal_35mm(hfov_deg: float, width_px: int, height_px: int) -> float:
    diagonal = math.hypot(width_px, height_px)
    return FILM_DIAGONAL_MM * 0.5 * width_px / math.tan(math.radians(hfov_deg) / 2) / diagonal


def one(value: float) -> torch.Tensor:
    return torch.tensor([value])


def camera(heading_deg: float, pitch_deg: float, height_m: float):
    return looking_at(torch.zeros(1, 3), one(height_m), one(heading_deg), one(pitch_deg), hfov_deg=HFOV_DEG)


def pose(heading_deg: float, pitch_deg: float, height_m: float) -> Pose:
    return Pose(heading_deg, pitch_deg, height_m, focal_35mm(HFOV_DEG, WIDTH, HEIGHT))


@given(headings, pitches, heights)
@settings(max_examples=25)
def test_a_photo_of_flat_ground_becomes_the_map_again(heading_deg, pitch_deg, height_m):
    """Taken by the renderer, brought back by the stated pose: the orthophoto, wherever the photo holds it."""
    taken, _ = render(GROUND, FIRST, camera(heading_deg, pitch_deg, height_m), WIDTH, HEIGHT, facades=False)
    image = Image.fromarray(taken[0].permute(1, 2, 0).round().byte().numpy())
    side_m = height_m
    ground = seen_from_above(image, pose(heading_deg, pitch_deg, height_m), side_m)
    size = ground.image.width
    plan = north_up(GROUND, FIRST, torch.zeros(1, 2), one(side_m), size)[0].permute(1, 2, 0).numpy()
    away = np.abs(np.asarray(ground.image, float) - plan).mean(axis=2)
    assert ground.held.mean() > 0.4 and away[ground.held].mean() < 6
    assert (np.asarray(ground.image)[~ground.held] == NOT_SEEN).all()


@pytest.mark.slow
@given(headings, st.floats(-89.9, -31), heights, st.floats(50, 600))
@settings(max_examples=40)
def test_what_is_held_equals_the_training_simulators_rule(heading_deg, pitch_deg, height_m, side_m):
    ground = seen_from_above(Image.new("RGB", (WIDTH, HEIGHT)), pose(heading_deg, pitch_deg, height_m), side_m)
    one_camera = camera(heading_deg, pitch_deg, height_m)
    size = ground.image.width
    _, held = ground_grid_rays(one_camera, one_camera, torch.zeros(1, 3), one(side_m), size)
    assert np.mean(held.reshape(size, size).numpy() != ground.held) < 0.01  # float32 decides on the border


def test_directions_and_scale_by_hand():
    """Straight down, facing east, 100 m up: the photo's left is north, its top is east."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "black")
    image.paste("white", (0, 140, 20, 160))  # in the middle of the left edge
    ground = seen_from_above(image, pose(90, -90, 100), 200)
    row, column = np.argwhere(np.asarray(ground.image).min(axis=2) > 200).mean(axis=0)
    px_m = ground.image.width / 200
    north_m, east_m = 100 - (row + 0.5) / px_m, (column + 0.5) / px_m - 100
    expected_m = 100 * math.tan(math.radians(HFOV_DEG / 2)) * 190 / 200
    assert (north_m, east_m) == pytest.approx((expected_m, 0), abs=1.5)


def test_nothing_from_behind_the_camera():
    """A low oblique view over a wide square: ground behind the camera would be mirrored into the picture."""
    ground = seen_from_above(Image.new("RGB", (WIDTH, HEIGHT), "white"), pose(0, -31, 60), 1000)
    pixels = np.asarray(ground.image)
    behind_m = 60 / math.tan(math.radians(31))
    first_behind = round((500 + behind_m) * ground.image.width / 1000) + 1
    assert (pixels[first_behind:] == NOT_SEEN).all() and (pixels[: first_behind // 3] == 255).any()


@given(st.integers(32, 3000), st.integers(32, 3000), st.floats(1, 5000), st.floats(1, 4000), st.floats(-90, -30))
@settings(max_examples=30)
def test_the_size_stays_in_its_bounds(width_px, height_px, height_m, side_m, pitch_deg):
    ground = seen_from_above(Image.new("RGB", (width_px, height_px)), Pose(10, pitch_deg, height_m, 24), side_m)
    assert ground.image.size == ground.held.shape == (ground.image.width,) * 2
    assert LEAST_PX <= ground.image.width <= MOST_PX


def test_cuts_lie_where_they_should():
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    ground = seen_from_above(image, pose(0, -90, 100), 300)
    middle, share = ground.cut(0, 0, 100)
    assert middle.size == (round(ground.image.width / 3),) * 2 and share > 0.9
    corner, share = ground.cut(110, 110, 80)
    assert share == 0 and (np.asarray(corner) == NOT_SEEN).all()
    half_m = 100 * math.tan(math.radians(HFOV_DEG / 2))
    _, share = ground.cut(half_m, 0, 100)
    assert share == pytest.approx(0.5, abs=0.02)


@given(headings, pitches, heights, st.floats(20, 500))
@settings(max_examples=25)
def test_the_share_that_a_photo_shows_is_known_without_drawing_it(heading_deg, pitch_deg, height_m, side_m):
    stated = pose(heading_deg, pitch_deg, height_m)
    drawn = seen_from_above(Image.new("RGB", (WIDTH, HEIGHT)), stated, side_m).held.mean()
    assert share_shown((WIDTH, HEIGHT), stated, side_m) == pytest.approx(drawn, abs=0.02)


def test_a_smaller_square_shows_the_same_ground():
    rough = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(rough).resize((1200, 900), Image.Resampling.BICUBIC)
    stated = pose(30, -60, 100)
    large, small = seen_from_above(image, stated, 150), seen_from_above(image, stated, 150, most_px=240)
    assert small.image.width == 240 < large.image.width
    shrunk = large.image.resize(small.image.size, Image.Resampling.BICUBIC)
    inner = (slice(80, 160),) * 2  # away from the photo's edge, which falls on other pixels
    assert np.abs(np.asarray(small.image, float)[inner] - np.asarray(shrunk, float)[inner]).mean() < 2
    assert small.held.mean() == pytest.approx(large.held.mean(), abs=0.01)
    corner = np.array([0.5, 0.5, 1]) * [large.image.width, large.image.width, 1]
    there = [
        square.to_photo @ (corner * [share, share, 1])
        for square, share in ((large, 1), (small, 240 / large.image.width))
    ]
    assert there[0][:2] / there[0][2] == pytest.approx(there[1][:2] / there[1][2], abs=1.0)
