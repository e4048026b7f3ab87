"""The fields of the camera's pose: what of them is a correction of what the file states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.errors import GalleryError
from gallery.photo.belief import Belief
from gallery.photo.correction import NOTHING_SET, PoseCorrection
from pages.localize.pose_fields import correction_of, value_of

STATED = {"heading": Belief("heading", 239.96, "the gimbal"), "height": Belief("height", 80.04, "RelativeAltitude")}
SHOWN = {"heading": 240.0, "pitch": None, "height": 80.0, "lens": None}


def test_fields_as_the_file_states_them_correct_nothing():
    assert correction_of(SHOWN, STATED) == NOTHING_SET


def test_what_is_changed_is_set_and_what_is_emptied_is_left_out():
    changed = correction_of({**SHOWN, "heading": None, "lens": 24.0}, STATED)
    assert changed == PoseCorrection(focal_35mm=24.0, left_out=frozenset(["heading"]))


@pytest.mark.parametrize(
    ("name", "value"), [("height", 0), ("height", -50), ("height", 10_000), ("lens", 1), ("heading", 400)]
)
def test_a_value_that_no_drone_photo_has_is_a_sentence(name, value):
    with pytest.raises(GalleryError, match="give"):
        correction_of({**SHOWN, name: value}, STATED)


@given(st.floats(-1e4, 1e4))
def test_a_shown_value_is_the_stated_one(value):
    stated = {"height": Belief("height", value, "")}
    assert correction_of({**dict.fromkeys(SHOWN), "height": value_of(stated["height"])}, stated) == NOTHING_SET
