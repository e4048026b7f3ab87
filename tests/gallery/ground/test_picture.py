"""Pictures of the ground: scales, photos that are laid on it, and poses that cannot be."""

import math

import cv2
import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.ground.picture import GroundImage, laid_by_pose, laid_by_scale, outline_on_ground
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.projection import apply
from tests.helpers.ground_views import ground_of, view

BLANK = np.zeros((90, 120), np.uint8)


@pytest.mark.parametrize("m_per_px", [0.6, 1.3, 2.0, 3.7])
def test_another_scale_shows_the_same_places(m_per_px):
    columns, rows = np.meshgrid(np.arange(300), np.arange(200))
    ramp = GroundImage(((columns + 2 * rows) // 3).astype(np.uint8), np.ones((200, 300), bool), 1.0, 10.0, 20.0)
    other = ramp.at_scale(m_per_px)
    for east, north in ((100.0, -50.0), (250.0, -120.0)):
        values = []
        for picture in (ramp, other):
            column, row = picture.pixel(east, north)
            values.append(float(picture.grey[int(row), int(column)]))
        assert abs(values[0] - values[1]) <= 1.5 + m_per_px


@pytest.mark.parametrize(
    ("pose", "named"),
    [
        (Pose(0, -90, 0, 24), "height of 0 m"),
        (Pose(0, -90, -50, 24), "height of -50 m"),
        (Pose(0, -90, 10_000, 24), "height of 10000 m"),
        (Pose(0, -90, 100, 1), "focal length of 1 mm"),
        (Pose(0, 0, 100, 24), "pitch of 0 degrees"),
        (Pose(0, 5, 100, 24), "pitch of 5 degrees"),
        (Pose(math.nan, -90, 100, 24), "no number"),
        (Pose(0, -90, 100, 24, math.nan), "no number"),
        (Pose(0, -60, 100, 24, 75), "roll of 75 degrees"),
    ],
)
def test_a_pose_that_cannot_be_is_refused_in_one_sentence(pose, named):
    with pytest.raises(RegistrationError, match=named) as refused:
        laid_by_pose(BLANK, pose)
    assert str(refused.value).count(". ") == 0 and str(refused.value).endswith(".")


@pytest.mark.parametrize("scale", [0, -1, 1e4, math.nan])
def test_a_scale_that_cannot_be_is_refused(scale):
    with pytest.raises(RegistrationError, match="metres of ground a pixel"):
        laid_by_scale(BLANK, scale)


def test_a_photo_that_would_cover_a_county_is_refused():
    with pytest.raises(RegistrationError, match="too much ground"):
        laid_by_pose(BLANK, Pose(0, -25, 3000, 5)).laid(0.5)


def test_a_view_straight_down_is_a_scale():
    m_per_px = 100 * FILM_DIAGONAL_MM / (30 * 150)
    by_pose, by_scale = laid_by_pose(BLANK, Pose(30, -90, 100, 30)), laid_by_scale(BLANK, m_per_px, 30)
    corners = np.array([[0, 0], [120, 0], [120, 90.0]])
    assert np.allclose(apply(by_pose.to_ground, corners), apply(by_scale.to_ground, corners), atol=1e-6)
    assert by_pose.m_per_px == pytest.approx(m_per_px)


@pytest.mark.parametrize("heading_deg", [0.0, 45.0, 135.0, 225.0, 315.0])
@pytest.mark.parametrize("pitch_deg", [-90.0, -45.0, -22.0])
def test_an_oblique_photo_is_held_where_its_pixels_lie(heading_deg, pitch_deg):
    photo = laid_by_pose(np.full((90, 120), 200, np.uint8), Pose(heading_deg, pitch_deg, 60, 24))
    laid = photo.laid(1.0)
    corners = outline_on_ground(photo.to_ground, photo.size_px)
    shares = np.array([(0.5, 0.5), (0.2, 0.9), (0.8, 0.9), (0.3, 0.6), (0.7, 0.6)])
    for place in apply(photo.to_ground, shares * photo.size_px):
        column, row = laid.pixel(*place.tolist())
        inside = 0 <= row < laid.held.shape[0] and 0 <= column < laid.held.shape[1]
        assert not inside or laid.held[int(row), int(column)]
    assert not laid.held.all() or pitch_deg == -90.0
    x, y = corners.T
    shown_m2 = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    assert laid.held.sum() >= 0.95 * shown_m2


def test_a_photo_is_laid_where_the_map_shows_the_same():
    ground = ground_of(side_px=300)
    photo = laid_by_scale(view(ground, (140, -150), 70, 0.5, (200, 160)), 0.5, 70)
    laid = photo.laid(1.0)
    row, column = round(150 - laid.north_m), round(140 + laid.west_m)
    there = ground.grey[row : row + laid.grey.shape[0], column : column + laid.grey.shape[1]]
    assert np.corrcoef(laid.grey[laid.held], there[laid.held])[0, 1] > 0.98


def test_many_headings_share_one_shrunken_photo(monkeypatch):
    resize, calls = cv2.resize, []
    monkeypatch.setattr(cv2, "resize", lambda *args, **how: calls.append(args[1]) or resize(*args, **how))
    grey = np.random.default_rng(0).integers(0, 255, (400, 600), np.uint8)
    photo = laid_by_scale(grey, 0.1)
    pictures = [photo.laid(1.0, turn) for turn in (0.0, 10.0, 20.0)]
    assert len(calls) == 1
    assert (laid_by_scale(grey, 0.1).laid(1.0, 20.0).grey == pictures[2].grey).all()
    photo.laid(1.0, 10.0, 1.5)
    assert len(calls) == 3, "another scale, another size"
