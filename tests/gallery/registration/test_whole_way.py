"""Photos laid on the ground: found whatever they state, also where that is wrong; not where they do not lie."""

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from gallery.errors import RegistrationError
from gallery.geo import distance_m
from gallery.registration.heat import heat_patches
from gallery.registration.registrar import Stated
from tests.helpers.ground import PHOTO_PX, gallery_with_ground, patchwork, photo_of, registrar_of

FOCAL_MM = 24.0
HEIGHT_M = 0.7 * np.hypot(*PHOTO_PX) * FOCAL_MM / np.hypot(36, 24)
"""From which a photo of 0.7 m a pixel was taken, metres."""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return gallery_with_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def registrar(gallery):
    return registrar_of(gallery)


@pytest.mark.parametrize(
    "stated",
    [
        Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM),
        Stated(65.0, -90.0, 1.2 * HEIGHT_M, FOCAL_MM),
        Stated(None, -90.0, HEIGHT_M, FOCAL_MM),
        Stated(),
    ],
    ids=["pose", "pose off by 25 degrees and a fifth", "no heading", "nothing"],
)
def test_a_photo_is_found_whatever_it_states(registrar, stated):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    found = registrar.register(photo, stated)
    assert found.located and distance_m(found.point, truth) < 3
    assert abs((found.heading_deg - 40 + 180) % 360 - 180) < 3 and not found.turned_round


def test_a_heading_that_points_the_other_way_is_told(registrar):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    found = registrar.register(photo, Stated(220.0, -90.0, HEIGHT_M, FOCAL_MM))
    assert found.located and found.turned_round and distance_m(found.point, truth) < 3


def test_a_photo_of_other_ground_is_not_located(registrar):
    photo, _ = photo_of(patchwork(seed=9), 300, 340, 40.0)
    for stated in (Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM), Stated()):
        found = registrar.register(photo, stated)
        assert found is None or not found.located


def test_the_ground_around_a_place_is_enough(registrar):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    found = registrar.register(photo, Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM), [truth])
    assert found.located and distance_m(found.point, truth) < 3


def test_a_place_that_is_not_allowed_is_not_answered(registrar):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    found = registrar.register(photo, Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM), None, lambda point: False)
    assert found is None or distance_m(found.point, truth) > 25


def test_a_fit_says_where_the_photo_lies(registrar):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    fit = registrar.register(photo, Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM)).fit
    assert fit is not None and fit.inliers >= 10 and distance_m(fit.point, truth) < 1.5
    centre = fit.footprint.centroid
    assert abs(centre.x - truth.lon) < 1e-4 and abs(centre.y - truth.lat) < 1e-4


@pytest.mark.parametrize(
    "change", [{"height_m": 0.0}, {"height_m": -50.0}, {"height_m": 10_000.0}, {"focal_35mm": 1.0}]
)
def test_a_pose_that_is_nonsense_is_one_sentence(registrar, change):
    stated = Stated(**{"heading_deg": 0.0, "pitch_deg": -90.0, "height_m": 90.0, "focal_35mm": 24.0, **change})
    with pytest.raises(RegistrationError) as told:
        registrar.register(photo_of(patchwork(), 300, 340, 0.0)[0], stated)
    assert str(told.value).endswith(".") and "\n" not in str(told.value)


@pytest.mark.parametrize("size", [(100, 100), (60, 40)])
def test_flat_and_small_photos_end_in_no_place_or_an_unsure_one(registrar, size):
    for grey in (0, 128, 255):
        with suppress(RegistrationError):
            found = registrar.register(Image.new("RGB", size, (grey,) * 3), Stated())
            assert found is None or not found.located


def test_the_probability_on_the_map_lies_where_the_photo_was_found(registrar):
    photo, truth = photo_of(patchwork(), 300, 340, 40.0)
    found = registrar.register(photo, Stated(40.0, -90.0, HEIGHT_M, FOCAL_MM))
    patches = heat_patches(found)
    total = sum(float(patch.probability.sum()) for patch in patches)
    assert total == pytest.approx(1 - found.placement.posterior.absent, abs=1e-3)
    best = max(patches, key=lambda patch: patch.probability.max())
    row, column = np.unravel_index(int(best.probability.argmax()), best.probability.shape)
    west, south, east, north = best.box
    height, width = best.probability.shape
    assert abs(west + (column + 0.5) / width * (east - west) - truth.lon) < 1e-4
    assert abs(north - (row + 0.5) / height * (north - south) - truth.lat) < 1e-4
