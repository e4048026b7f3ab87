"""The search: turned, scaled, shifted and wrongly stated photos are found; those that show nothing are refused."""

import math

import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.ground.picture import GroundImage, laid_by_scale
from gallery.registration.locate import Candidate, Found, GroundMap, Known
from tests.helpers.ground_views import ground_of, view

STATED = Known(True, True)


@pytest.fixture(scope="module")
def town() -> GroundMap:
    return GroundMap(ground_of(1, 700, 0.7))


def best(found: Found) -> Candidate:
    return max(found.candidates, key=lambda one: one.score)


@pytest.mark.parametrize(("heading_deg", "factor"), [(0, 1.0), (77, 1.0), (200, 1.25), (310, 0.8)])
def test_turned_and_scaled_photos_are_found(town, heading_deg, factor):
    photo = view(town.ground, (240, -230), heading_deg, 0.5, (340, 260))
    one = best(town.search(laid_by_scale(photo, 0.5 * factor), Known(False, True)))
    assert math.hypot(one.east_m - 240, one.north_m + 230) < 4
    assert abs((one.turn_deg - heading_deg + 180) % 360 - 180) < 5 and abs(one.growth * factor - 1) < 0.08


def test_a_photo_of_unknown_heading_and_scale_is_found(town):
    photo = view(town.ground, (240, -230), 133, 0.5, (340, 260))
    one = best(town.search(laid_by_scale(photo, 0.9), Known(False, False)))
    assert math.hypot(one.east_m - 240, one.north_m + 230) < 4 and abs(one.growth * 0.9 - 0.5) < 0.05


@pytest.mark.parametrize(("off_deg", "factor"), [(30, 1.3), (-30, 0.77), (180, 1.0)])
def test_a_pose_that_is_stated_wrongly_is_corrected(town, off_deg, factor):
    photo = view(town.ground, (240, -230), 30, 0.5, (340, 260))
    one = best(town.search(laid_by_scale(photo, 0.5 * factor, 30 + off_deg), STATED))
    assert math.hypot(one.east_m - 240, one.north_m + 230) < 4
    assert abs((one.turn_deg + off_deg + 180) % 360 - 180) < 6 and not one.stated


def test_shifted_maps_give_shifted_answers(town):
    ground = town.ground
    shifted = GroundMap(GroundImage(ground.grey, ground.held, ground.m_per_px, 1000.0, 2000.0))
    photo = laid_by_scale(view(ground, (170, -160), 10, 0.5, (300, 240)), 0.5, 10)
    one, other = best(town.search(photo, STATED)), best(shifted.search(photo, STATED))
    assert other.east_m - one.east_m == pytest.approx(1000, abs=0.1)
    assert other.north_m - one.north_m == pytest.approx(2000, abs=0.1)


def test_flat_ground_and_flat_photos_are_refused(town):
    flat = laid_by_scale(np.full((100, 100), 90, np.uint8), 0.5)
    sea = GroundImage(np.full((300, 300), 90, np.uint8), np.ones((300, 300), bool), 0.7, 0, 0)
    for ground in (town, GroundMap(sea)):
        with pytest.raises(RegistrationError, match="too little ground"):
            ground.search(flat, STATED)


def test_a_photo_of_ground_over_the_sea_is_answered_or_refused():
    sea = GroundMap(GroundImage(np.full((300, 300), 90, np.uint8), np.ones((300, 300), bool), 0.7, 0, 0))
    photo = laid_by_scale(view(ground_of(1, 300, 0.7), (100, -100), 0, 0.5, (200, 160)), 0.5)
    with pytest.raises(RegistrationError, match="too little ground"):
        sea.search(photo, STATED)


def test_a_tiny_photo_is_searched_or_refused(town):
    small = laid_by_scale(view(town.ground, (170, -160), 0, 0.9, (100, 100)), 0.9)
    assert town.search(small, STATED).candidates
    with pytest.raises(RegistrationError, match="too little ground"):
        town.search(laid_by_scale(small.grey, 0.05), STATED)


def test_the_steps_are_timed(town):
    found = town.search(laid_by_scale(view(town.ground, (240, -230), 0, 0.5, (340, 260)), 0.5), STATED)
    assert set(found.seconds) == {"points", "match", "vote", "sweep", "coarse", "near"}
    assert len(found.candidates) <= 15 and all(one.score == -1 for one in found.candidates[5:])
