"""A camera over flat ground, against rotation matrices that are multiplied out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.geo import LonLat, offsets_m
from gallery.photo.pose import Pose, complete_pose, stated_place
from gallery.photo.projection import apply, ground_to_photo
from tests.helpers.bad_files import picture
from tests.helpers.builders import FakePhoto, FakePose, FakePosition

SIZE = (640, 480)
tilts = st.floats(-25, 25)


def axis_turn(angle_deg: float, axis: int) -> np.ndarray:
    """(3, 3): right-handed about one axis of north, east, down."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    one, other = [(1, 2), (2, 0), (0, 1)][axis]
    turn = np.eye(3)
    turn[one, one], turn[one, other], turn[other, one], turn[other, other] = cos, -sin, sin, cos
    return turn


@given(st.floats(0, 359), tilts, tilts, st.floats(-100, 100), st.floats(-100, 100))
def test_a_rolled_camera_sees_what_a_body_that_yaws_pitches_and_rolls_sees(heading, pitch, roll, east_m, north_m):
    body = axis_turn(heading, 2) @ axis_turn(pitch, 1) @ axis_turn(roll, 0)
    forward, right, down = body.T  # north, east, down
    height_m, focal_px = 120.0, 24 / math.hypot(36, 24) * math.hypot(*SIZE)
    middle = down * height_m / down[2]  # where it looks, from the camera
    point = np.array([north_m + middle[0], east_m + middle[1], height_m])
    seen = [focal_px * point @ right / (point @ down), -focal_px * point @ forward / (point @ down)]
    pose = Pose(heading, pitch - 90, height_m, 24.0, roll)
    [found] = apply(ground_to_photo(pose, SIZE), np.array([[east_m, north_m]]))
    assert found - [320, 240] == pytest.approx(np.array(seen), rel=1e-6, abs=1e-6)
    assert pose.down == pytest.approx(down[2])


@given(st.floats(0, 359), st.floats(0, 25), tilts)
def test_where_a_rolled_camera_looked(heading, pitch, roll):
    pose = FakePose(heading, pitch - 90, 100.0, 24.0, roll)
    place = stated_place(FakePhoto(picture(), "a", FakePosition(7.5, 47.5), pose))
    assert place is not None
    down = (axis_turn(heading, 2) @ axis_turn(pitch, 1) @ axis_turn(roll, 0))[:, 2]
    north_m, east_m = 100 * down[:2] / down[2]
    assert offsets_m(LonLat(7.5, 47.5), place[0]) == pytest.approx((east_m, north_m), abs=1e-3)


def test_a_roll_is_part_of_a_complete_pose_and_no_reason_to_have_none():
    assert complete_pose(FakePose(10, -80, 100, 24, 5.0)) == Pose(10, -80, 100, 24, 5.0)
    assert complete_pose(FakePose(10, -80, 100, 24, math.nan)) == Pose(10, -80, 100, 24)
    assert complete_pose(FakePose(10, -80, 100, 24, 62.0)) is None, "it looks too near the horizon"
