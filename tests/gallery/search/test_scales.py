"""Scales: which tiles belong together, and which size of tile suits a photo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.geo import LonLat, rectangle
from gallery.photo.pose import Pose
from gallery.photo.rectify import share_shown
from gallery.search.scales import LEAST_SHOWN, Scale, scales_of, suited, typical_side_m
from gallery.tiles import Tile

PHOTO = (400, 300)


class Stacked:
    """A gallery whose tiles of the given sides lie on one another; all that scales ask of one."""

    def __init__(self, sides_m: list[float], stated: list[float]) -> None:
        self.scales_m = np.array(stated)
        self._sides_m = sides_m

    def __len__(self) -> int:
        return len(self._sides_m)

    def tile(self, row: int) -> Tile:
        centre = LonLat(10, 50)
        return Tile(str(row), centre, rectangle(centre, self._sides_m[row], self._sides_m[row]), 1.0, "x.tif")


def down(height_m: float) -> Pose:
    return Pose(heading_deg=0, pitch_deg=-90, height_m=height_m, focal_35mm=24)


def test_tiles_of_one_size_are_one_scale():
    for stated in ([0.0] * 4, [100.0] * 4):
        (scale,) = scales_of(Stacked([100.0] * 4, stated))
        assert scale.rows is None and scale.side_m == pytest.approx(100, rel=1e-3)


def test_each_size_is_a_scale_the_smallest_first():
    gallery = Stacked([200.0, 50.0, 51.0, 200.0, 49.0], [200.0, 50.0, 50.0, 200.0, 50.0])
    small, large = scales_of(gallery)
    assert small.rows.tolist() == [False, True, True, False, True] and (small.rows ^ large.rows).all()
    assert (small.side_m, large.side_m) == pytest.approx((50, 200), rel=1e-3)
    assert typical_side_m(gallery, small.rows) == small.side_m


@given(st.floats(5, 3000), st.lists(st.floats(20, 2000), min_size=1, max_size=5, unique=True))
def test_a_photo_is_searched_among_the_largest_tiles_that_it_fills(height_m, sides_m):
    scales = tuple(Scale(side_m) for side_m in sorted(sides_m))
    chosen = suited(scales, PHOTO, down(height_m))
    filled = [scale for scale in scales if share_shown(PHOTO, down(height_m), scale.side_m) >= LEAST_SHOWN]
    assert chosen is (max(filled, key=lambda scale: scale.side_m) if filled else scales[0])


def test_higher_up_means_larger_tiles():
    scales = (Scale(50.0), Scale(100.0), Scale(200.0))
    assert [suited(scales, PHOTO, down(height_m)).side_m for height_m in (10, 60, 120, 1000)] == [50, 50, 100, 200]
