"""The fine fit: exact where it fits, None where it cannot."""

import math

import numpy as np
import pytest

from gallery.ground.picture import laid_by_scale
from gallery.registration.fine import NEAR_M, CoarsePlace, _mutual, _near, refined
from tests.helpers.ground_views import ground_of, view

GROUND = ground_of(1, 700, 0.5)
PHOTO = laid_by_scale(view(GROUND, (170.3, -160.8), 64, 0.4, (340, 260)), 0.42, 60.0)


def test_a_fine_fit_lays_down_exactly():
    fit = refined(PHOTO, GROUND, CoarsePlace(172, -158, 0, 1))
    assert math.hypot(fit.east_m - 170.3, fit.north_m + 160.8) < 0.7 and abs(fit.heading_deg - 64) < 0.6
    assert fit.inliers <= fit.pairs and fit.photo_px.shape == fit.ground_m.shape == (fit.inliers, 2)
    assert 3 <= fit.radius_m < 4


@pytest.mark.parametrize(
    "place", [CoarsePlace(250, -250, 0, 1), CoarsePlace(172, -158, 180, 1), CoarsePlace(5000, 0, 0, 1)]
)
def test_wrong_places_do_not_fit(place):
    assert refined(PHOTO, GROUND, place) is None


def test_pairs_are_those_of_a_full_table():
    rng = np.random.default_rng(3)
    first, second = rng.uniform(0, 100, (80, 2)), rng.uniform(0, 100, (90, 2))
    cosines = rng.uniform(0, 1, (80, 90))
    far = ((first[:, None] - second[None]) ** 2).sum(axis=2) > NEAR_M**2
    table = np.where(far, -1, cosines)
    best = table.argmax(axis=1)
    rows = np.arange(80)
    kept = (table.argmax(axis=0)[best] == rows) & (table[rows, best] > 0)
    one, other = _near(first, second)
    one, other = _mutual(one, other, cosines[one, other])
    assert one.tolist() == rows[kept].tolist() and other.tolist() == best[kept].tolist()
