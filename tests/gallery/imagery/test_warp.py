"""Pictures through cutouts: where their pixels come from, what is not there, and how large they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gallery.imagery.warp import (
    NOT_SEEN,
    cutout_of,
    grown,
    held_by,
    reached,
    seen_through,
    sides_to_show_all,
    size_seen,
    through,
)

WHOLE = cutout_of(np.eye(3))
HALF = cutout_of(np.array([[0.5, 0, 0.25], [0, 0.5, 0.25], [0, 0, 1]]))  # the middle quarter
ASIDE = cutout_of(np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]]))  # the right half, and as much beside it


def turned(turn_deg: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.vstack([np.column_stack([turn, 0.5 - turn @ [0.5, 0.5]]), [0, 0, 1]])


def ramp(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards."""
    columns, rows = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([columns, rows, 0 * rows], axis=2).astype(np.uint8))


def test_the_whole_is_the_picture_itself():
    picture = ramp(120, 80)
    assert np.array_equal(np.asarray(seen_through(picture, WHOLE, 500)), np.asarray(picture))
    assert seen_through(picture, WHOLE, 60).size == (60, 40)


def test_a_part_is_that_part():
    assert np.array_equal(np.asarray(seen_through(ramp(128, 64), HALF, 500)), np.asarray(ramp(128, 64))[16:48, 32:96])


def test_what_is_not_there_has_its_colour():
    seen = np.asarray(seen_through(ramp(100, 100), ASIDE, 100))
    assert (seen[:, 51:] == NOT_SEEN).all() and not (seen[:, :49] == NOT_SEEN).all(axis=2).any()
    assert held_by(ASIDE, (100, 100))[:, :50].all() and not held_by(ASIDE, (100, 100))[:, 50:].any()
    there = through(np.ones((10, 10), bool), ASIDE, (20, 20))
    assert there[:, :10].all() and not there[:, 10:].any()


@given(st.floats(-180, 180), st.floats(0.3, 3))
def test_a_cutout_of_more_shows_the_same_middle(turn_deg, sides):
    cutout = cutout_of(turned(turn_deg))
    wider = grown(cutout, sides)
    assert np.reshape(wider, (3, 3)) @ [0.5, 0.5, 1] == pytest.approx([0.5, 0.5, 1])
    assert size_seen(wider, (300, 300)) == pytest.approx([300 * sides] * 2)
    spread = abs(np.cos(np.radians(turn_deg))) + abs(np.sin(np.radians(turn_deg)))
    assert sides_to_show_all(cutout, 4) == pytest.approx(spread)
    left, top, right, bottom = reached(cutout)
    assert (right - left, bottom - top) == pytest.approx((spread, spread)) and left + right == pytest.approx(1)


def test_a_view_beyond_the_horizon_is_shown_so_far_only():
    to_ground = np.array([[1, 0, 0], [0, 1, 0], [0, 1.2, -0.2]])  # the upper side is sky
    assert sides_to_show_all(cutout_of(np.linalg.inv(to_ground)), 3.0) == 3.0
