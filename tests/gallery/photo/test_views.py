"""Turning photos north up: there and back, exact quarters, no empty corner."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gallery.photo.rectify import LEAST_PX
from gallery.photo.views import (
    LEAST_WORKING_PX,
    MOST_VIEW_PX,
    WORKING_PX,
    query_views,
    turned_north_up,
    view_px_of,
)
from tests.helpers.builders import FakePhoto, FakePose, textured

headings = st.floats(-720, 720)
sides = st.integers(32, 300)


def smooth(width_px: int, height_px: int, seed: int = 1) -> Image.Image:
    coarse = np.moveaxis(textured(max(2, height_px // 4), max(2, width_px // 4), seed), 0, -1)
    return Image.fromarray(coarse).resize((width_px, height_px), Image.Resampling.BICUBIC)


def middle(image: Image.Image, side_px: int) -> np.ndarray:
    left, top = (image.width - side_px) // 2, (image.height - side_px) // 2
    return np.asarray(image.crop((left, top, left + side_px, top + side_px)), float)


@given(headings, st.sampled_from([(400, 400), (401, 401)]))
@settings(max_examples=40)
def test_a_picture_turned_away_and_back_is_its_own_centre(heading_deg, size):
    original = smooth(*size)
    taken = original.rotate(heading_deg, Image.Resampling.BICUBIC)  # its up points to heading_deg
    back = turned_north_up(taken, heading_deg)
    side_px = 120 if back.width % 2 == size[0] % 2 else 121
    if (back.width - side_px) % 2 != (size[0] - side_px) % 2:
        back = back.crop((0, 0, back.width - 1, back.height - 1))
    assert np.abs(middle(back, side_px) - middle(original, side_px)).mean() < 6


@given(sides, sides)
@settings(max_examples=30)
def test_heading_zero_is_the_centred_square(width_px, height_px):
    image = smooth(width_px, height_px)
    square = turned_north_up(image, 0)
    assert square.size == (min(image.size),) * 2
    assert np.array_equal(np.asarray(square, float), middle(image, min(image.size)))


@given(sides, sides, st.integers(-8, 8))
@settings(max_examples=30)
def test_quarters_are_exact(width_px, height_px, quarters):
    image = smooth(width_px, height_px)
    square = np.asarray(turned_north_up(image, 0))
    assert np.array_equal(np.asarray(turned_north_up(image, 90.0 * quarters)), np.rot90(square, -quarters))


def test_clockwise_by_the_heading():
    image = Image.new("RGB", (90, 90), "black")
    image.paste("white", (0, 30, 30, 60))  # on the left; facing east, the left is north
    turned = np.asarray(turned_north_up(image, 90))
    assert turned[15, 45].min() == 255 and turned[45, 15].max() == 0
    turned = np.asarray(turned_north_up(image, 80))  # nearly so
    assert turned[15, turned.shape[1] // 2].min() > 200


@given(st.integers(32, 1500), st.integers(32, 1500), headings)
@settings(max_examples=60)
def test_no_corner_is_empty_and_the_size_is_as_stated(width_px, height_px, heading_deg):
    turned = turned_north_up(Image.new("RGB", (width_px, height_px), (250, 251, 252)), heading_deg)
    assert turned.width == turned.height and (np.asarray(turned) == (250, 251, 252)).all()
    if heading_deg % 360 % 90:
        whole_px = max(LEAST_WORKING_PX, min(width_px, height_px, WORKING_PX))
        angle = np.radians(heading_deg)
        assert turned.width == int(whole_px / (abs(np.cos(angle)) + abs(np.sin(angle))))
    assert turned.width >= 32


def test_shrinking_is_filtered():
    """A chessboard of single pixels becomes grey, and no moire."""
    board = (np.indices((3000, 3000)).sum(0) % 2 * 255).astype(np.uint8)
    turned = np.asarray(turned_north_up(Image.fromarray(np.repeat(board[..., None], 3, 2)), 30), float)
    assert turned.shape[0] <= WORKING_PX and turned.std() < 3 and abs(turned.mean() - 127.5) < 3


def test_views_and_their_notes():
    image = smooth(80, 60)
    known = FakePhoto(image, "a", pose=FakePose(359.7))
    searched = query_views(known, 4, True)
    assert (
        len(searched.views) == 1 and "turned by 0 degrees so that north is up, from its EXIF heading" in searched.note
    )
    for photo, north_up in ((known, False), (FakePhoto(image, "b"), True), (FakePhoto(image, "c"), False)):
        searched = query_views(photo, 4, north_up)
        assert [view.image.size for view in searched.views] == [(80, 60), (60, 80)] * 2
        assert "quarter turns" in searched.note and searched.side_m is None
        assert [view.image for view in query_views(photo, 1, north_up).views] == [photo]


def test_squares_on_the_ground_are_as_large_as_the_network_needs_them():
    photo = FakePhoto(smooth(1200, 900), "photo.jpg", pose=FakePose(0.0, -90.0, 100.0, 24.0))
    sizes = {
        view_px: {view.image.size for view in query_views(photo, 4, True, 60.0, view_px).views}
        for view_px in (200, 400)
    }
    assert sizes == {200: {(200, 200)}, 400: {(400, 400)}}
    assert view_px_of(128) == 256 and view_px_of(384) == MOST_VIEW_PX and view_px_of(64) == LEAST_PX
