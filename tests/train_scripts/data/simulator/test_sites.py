"""Procedural places: where they lie, and how drones fly around them."""

import numpy as np
import pytest

from gallery.geo import distance_m
from train_scripts.data.simulator.sites import PER_WORLD, PlaceView, Site, circle, regions_of, spiral


def test_places_lie_apart_and_large_sets_keep_train_and_test_apart() -> None:
    sites = [Site(f"{i:04d}", "train" if i % 2 else "test", (PlaceView("a.jpg"),), {}) for i in range(2 * PER_WORLD)]
    small = regions_of(sites[:9], 170)
    assert len(small) == 1
    at = [small[0].position(i) for i in range(9)]
    assert min(distance_m(a, b) for a in at for b in at if a != b) == pytest.approx(170, abs=0.5)
    assert at[0].lat > at[-1].lat and at[0].lon < at[2].lon  # row by row from the north-west
    large = regions_of(sites, 170)
    assert [{site.part for site in region.sites} for region in large] == [{"test"}, {"train"}]
    assert distance_m(large[0].position(0), large[1].position(0)) > 2_000


def test_flights_look_down_at_all_sides() -> None:
    views = list(spiral(54, "f", "{}.jpg".format))
    assert len({view.file for view in views}) == 54
    assert all(-90 < view.pitch_deg < -45 and view.altitude_m for view in views)
    quarters = np.histogram([view.heading_deg for view in views], bins=4, range=(0, 360))[0]
    assert quarters.min() >= 12
    assert [view.altitude_m for view in circle(3, "f", 250)] == [250] * 3
