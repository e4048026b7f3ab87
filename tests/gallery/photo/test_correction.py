"""Values that somebody sets of a photo's pose: what is refused, in one sentence."""

import math

import pytest

from gallery.errors import GalleryError
from gallery.photo.correction import NOTHING_SET, PoseCorrection


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"height_m": 0}, "height of 0 m"),
        ({"height_m": -50}, "height of -50 m"),
        ({"height_m": 10_000}, "height of 10000 m"),
        ({"focal_35mm": 1}, "focal length of 1 mm"),
        ({"heading_deg": 400}, "heading of 400 degrees"),
        ({"pitch_deg": 10}, "pitch of 10 degrees"),
        ({"heading_deg": math.nan}, "heading of nan"),
        ({"height_m": math.inf}, "height of inf"),
    ],
)
def test_what_no_drone_photo_has_is_one_sentence(given, named):
    with pytest.raises(GalleryError, match=named) as refused:
        PoseCorrection(**given)
    assert str(refused.value).count(".") == 1 and "give" in str(refused.value)


def test_what_is_possible_is_taken():
    assert PoseCorrection(-180, -90, 2, 5) and PoseCorrection(360, -20, 3000, 1000)
    assert NOTHING_SET.empty and not PoseCorrection(left_out=frozenset(["heading"])).empty
