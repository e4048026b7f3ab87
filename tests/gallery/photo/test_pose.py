"""How a photo's camera looked: complete or not at all, its heading, and the ground that a photo covers."""

import math

import pytest

from gallery.geo import LonLat, area_m2, distance_m, size_m
from gallery.photo.pose import Pose, complete_pose, footprint_of_photo, heading_of
from tests.helpers.builders import FakePose

COMPLETE = {"heading_deg": 370.0, "pitch_deg": -60.0, "height_m": 90.0, "focal_35mm": 24.0}


@pytest.mark.parametrize(
    "changed",
    [
        *({name: None} for name in COMPLETE),
        *({name: math.nan} for name in COMPLETE),
        {"pitch_deg": -29.0},
        {"pitch_deg": 10.0},
        {"pitch_deg": -91.0},
        {"height_m": 0.0},
        {"height_m": -5.0},
        {"focal_35mm": 0.0},
    ],
)
def test_no_pose_from_less(changed):
    assert complete_pose(FakePose(**{**COMPLETE, **changed})) is None


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (None, None),
        (FakePose(), None),
        (FakePose(heading_deg=float("nan")), None),
        (FakePose(heading_deg=-90), 270),
        (FakePose(heading_deg=0), 0),
    ],
)
def test_headings(pose, expected):
    assert heading_of(pose) == expected


def test_footprint_from_height_and_focal_length():
    pose = FakePose(height_m=100, focal_35mm=43.267 / 2, heading_deg=90)
    shape, how = footprint_of_photo(LonLat(5, 60), 4000, 3000, pose, 100)
    assert area_m2(shape) == pytest.approx(160 * 120, rel=1e-3)  # diagonal of 200 m, sides 4:3
    _, south, _, north = shape.bounds
    assert distance_m(LonLat(5, south), LonLat(5, north)) == pytest.approx(160, rel=1e-2)  # turned to the east
    assert how == "estimated from height above ground and focal length"


@pytest.mark.parametrize("pose", [None, FakePose(), FakePose(height_m=50), FakePose(None, -45, 50, 24)])
def test_footprint_is_assumed_when_the_view_is_unknown_or_oblique(pose):
    from gallery.geo import bounds_of

    shape, how = footprint_of_photo(LonLat(5, 60), 4000, 3000, pose, 80)
    assert size_m(bounds_of(shape)) == pytest.approx((80, 80), rel=1e-3) and how == "assumed square of 80 m"


def test_a_complete_pose_is_taken_as_stated():
    assert complete_pose(FakePose(**COMPLETE)) == Pose(370.0, -60.0, 90.0, 24.0)
