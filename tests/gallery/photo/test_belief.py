"""What is believed of a camera: who says so, and what somebody sets in its place."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gallery.photo.belief import beliefs_of, corrected, source_of
from gallery.photo.correction import NOTHING_SET, PoseCorrection
from mean_model import load_photo
from tests.helpers.bad_files import gps_exif, jpeg_bytes, picture
from tests.helpers.builders import FakePhoto, FakePose

XMP = (
    b'<x:xmpmeta><rdf:Description drone-dji:GimbalYawDegree="-120.0" drone-dji:GimbalPitchDegree="-60.0" '
    b'drone-dji:RelativeAltitude="+80.0" drone-dji:FlightYawDegree="10.0"/></x:xmpmeta>'
)


@pytest.fixture(scope="module")
def photo():
    return load_photo(io.BytesIO(jpeg_bytes(picture(), exif=gps_exif(7.5, 47.5), xmp=XMP)))


def told(photo) -> list[str]:
    return [each.words for each in beliefs_of(photo)]


def test_a_file_says_by_which_tag(photo):
    assert told(photo) == [
        "heading 240 degrees, from the gimbal",
        "pitch -60 degrees, from the gimbal",
        "height 80 m, from RelativeAltitude",
    ]


def test_what_is_set_is_kept_apart(photo):
    changed = corrected(photo, PoseCorrection(heading_deg=-30, focal_35mm=24))
    assert told(changed) == [
        "heading 330 degrees, set by you",
        "pitch -60 degrees, from the gimbal",
        "height 80 m, from RelativeAltitude",
        "lens 24 mm, set by you",
    ]
    assert told(photo)[0] == "heading 240 degrees, from the gimbal", "the photo itself stays as it was read"
    assert [each.by_you for each in beliefs_of(changed)] == [True, False, False, True]


def test_what_is_left_out_is_not_believed(photo):
    changed = corrected(photo, PoseCorrection(left_out=frozenset(["heading", "height"])))
    assert told(changed) == ["pitch -60 degrees, from the gimbal"]
    nothing = corrected(photo, PoseCorrection(left_out=frozenset(["heading", "pitch", "height", "lens"])))
    assert nothing.pose is None and beliefs_of(nothing) == ()


@given(st.sampled_from([None, FakePose(), FakePose(10, -90, 50, 24, 3.0)]), st.booleans())
def test_correcting_twice_is_correcting_once(pose, left_out):
    photo = FakePhoto(Image.new("RGB", (64, 64)), "p", pose=pose)
    correction = PoseCorrection(20, None, 60, left_out=frozenset(["lens"] if left_out else []))
    once = corrected(photo, correction)
    assert corrected(once, correction) == once and once.pose.heading_deg == 20 and once.pose.height_m == 60
    assert once.pose.focal_35mm == (None if left_out or pose is None else pose.focal_35mm)
    assert once.pose.roll_deg is None, "a roll belongs to the pose that was stated"
    assert corrected(photo, NOTHING_SET) is photo


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("drone-dji:GimbalYawDegree", "the gimbal"),
        ("drone-dji:FlightYawDegree", "the aircraft"),
        ("GPSImgDirection", "GPSImgDirection"),
        ("Camera:AboveGroundAltitude", "AboveGroundAltitude"),
    ],
)
def test_who_says_it(tag, words):
    assert source_of(tag) == words
