"""Pictures of a fit: lines join what the homography joins, and a photo of the ground covers that ground."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gallery.judge.geometry import LEAST_AHEAD, Alignment, Fit, Verifier, ground_around
from gallery.judge.overlay import (
    COLOURS,
    GAP_PX,
    GROUND_PX,
    MOST_LINES,
    PANEL_PX,
    GroundPicture,
    ground_under,
    lay,
    lines,
    overlay_of,
    panels_of,
    spread,
)
from gallery.photo.pose import Pose
from gallery.photo.projection import apply
from tests.helpers.known_ground import FOCAL_35MM, GROUND, camera_homography, matches_near, place_of, taken

POSE = Pose(200, -65, 120, FOCAL_35MM)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return taken(GROUND, POSE)


@pytest.fixture(scope="module")
def fit(gallery, photo) -> Fit:
    found = Verifier(gallery).check(photo, POSE, matches_near(gallery, place_of(40, -25))).fit
    assert found is not None
    return found


def under(gallery, fit: Fit, up_deg: float = 0.0) -> GroundPicture:
    return ground_under(fit.alignment, *ground_around(gallery, fit.alignment.tile, 2.5, 1000), up_deg)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("up_deg", [0.0, 200.0])
def test_lines_join_points_that_the_homography_joins(gallery, photo, fit, stacked, up_deg):
    alignment, pixels = fit.alignment, np.asarray(photo)
    ground = under(gallery, fit, up_deg)
    panels, starts, ends = panels_of(pixels, alignment, ground, stacked)
    shift = [0, panels[0].shape[0] + GAP_PX] if stacked else [panels[0].shape[1] + GAP_PX, 0]
    scale = panels[1].shape[0] / ground.picture.shape[0]
    in_photo = starts * photo.width / panels[0].shape[1]
    expected = apply(ground.to_px @ alignment.to_ground, in_photo) * scale + shift
    px_per_m = np.sqrt(abs(np.linalg.det(ground.to_px[:2, :2]))) * scale
    off_m = np.linalg.norm(ends - expected, axis=1) / px_per_m
    assert len(off_m) == fit.inliers and np.median(off_m) < 0.7 and off_m.max() < 4

    drawn = lines(pixels, alignment, ground, stacked)
    assert drawn.shape[1 if stacked else 0] == PANEL_PX
    chosen = spread(alignment.photo_px, MOST_LINES)
    for x, y in np.concatenate([starts[chosen], ends[chosen]]).astype(int):
        near = drawn[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3).astype(int)
        assert min(np.abs(near - colour).sum(axis=1).min() for colour in COLOURS) < 30, "a dot at each end"


def test_a_photo_of_the_ground_covers_that_ground(gallery, photo, fit):
    ground = under(gallery, fit)
    laid = lay(np.asarray(photo), fit.alignment, ground).astype(int)
    moved = replace(fit.alignment, to_ground=np.array([[1, 0, 12], [0, 1, 0], [0, 0, 1]]) @ fit.alignment.to_ground)
    elsewhere = lay(np.asarray(photo), moved, ground).astype(int)
    changed = (laid != ground.picture).any(axis=2)
    right, wrong = (np.abs(picture - ground.picture)[changed].mean() for picture in (laid, elsewhere))
    assert 0.3 < changed.mean() < 0.9 and right < 8 and wrong > 3 * right


def test_the_ground_is_turned_about_the_same_points(gallery, fit):
    """The same place has the same colour in the north-up picture and in the turned one."""
    north_up, turned = (under(gallery, fit, up_deg) for up_deg in (0.0, 137.0))
    places = fit.alignment.ground_m[::7]
    pixels = (apply(ground.to_px, places).astype(int).T for ground in (north_up, turned))
    seen = [
        ground.picture[row, column].astype(int)
        for ground, (column, row) in zip((north_up, turned), pixels, strict=True)
    ]
    assert np.abs(seen[0] - seen[1]).mean() < 6
    assert max(turned.picture.shape) == max(north_up.picture.shape) == GROUND_PX


def test_of_a_photo_with_horizon_only_what_lies_well_below_it_is_drawn(gallery, photo, fit):
    to_ground = camera_homography(30, -12, 60)
    tilted = replace(fit.alignment, to_ground=to_ground)
    ahead = np.column_stack([tilted.outline_px, np.ones(4)]) @ to_ground[2]
    assert ahead.min() >= LEAST_AHEAD - 1e-9 and ahead[:2] == pytest.approx(LEAST_AHEAD)
    assert np.abs(tilted.outline_m).max() < 60 / np.tan(np.radians(12)) / LEAST_AHEAD * 2
    ground = ground_under(tilted, *ground_around(gallery, tilted.tile, 5.0, 1000))
    assert lay(np.asarray(photo), tilted, ground).shape == ground.picture.shape


def test_pictures_of_a_small_copy_are_of_one_size_and_carry_nothing(gallery, photo, fit):
    copy = photo.resize((photo.width // 2, photo.height // 2))
    copy.info["comment"] = "secret"
    small, whole = overlay_of(copy, fit, gallery), overlay_of(photo, fit, gallery)
    for name, picture in vars(small).items():
        same = getattr(whole, name)
        assert picture.size == same.size and picture.mode == "RGB" and not picture.info and not picture.getexif()
        assert np.abs(np.asarray(picture, int) - np.asarray(same, int)).mean() < 8
    assert small.ground.size == small.photo.size and small.beside.height == small.below.width == PANEL_PX


def test_what_a_fit_keeps_is_small_and_is_not_compared(fit):
    alignment = fit.alignment
    assert alignment.photo_px.dtype == alignment.ground_m.dtype == np.float32
    assert alignment.photo_px.shape == alignment.ground_m.shape == (fit.inliers, 2)
    other = Alignment(alignment.tile, (1, 1), alignment.photo_px[:0], alignment.ground_m[:0], np.eye(3))
    assert replace(fit, alignment=other) == fit and "photo_px" not in repr(fit)


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 20))
@settings(max_examples=60)
def test_chosen_points_lie_evenly(seed, count, most):
    """No point is farther from the chosen ones than those are from each other."""
    points = np.random.default_rng(seed).integers(0, 12, (count, 2)).astype(float)
    chosen = spread(points, most)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, most)
    between = np.linalg.norm(points[chosen][:, None] - points[chosen][None], axis=2)
    apart = between[~np.eye(len(chosen), dtype=bool)].min(initial=np.inf)
    to_chosen = np.linalg.norm(points[:, None] - points[chosen][None], axis=2).min(axis=1)
    assert to_chosen.max() <= apart
