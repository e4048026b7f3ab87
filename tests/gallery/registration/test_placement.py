"""The whole way from a photo to a place: found, told when turned round, and refused on another map."""

import math

import pytest

from gallery.ground.picture import laid_by_scale
from gallery.registration.locate import GroundMap, Known
from gallery.registration.placement import placed
from tests.helpers.ground_views import ground_of, view

STATED = Known(True, True)


def test_the_whole_way_gives_a_place_and_refuses_another_map():
    town, other = GroundMap(ground_of(1, 700, 0.7)), GroundMap(ground_of(5, 700, 0.7))
    photo = laid_by_scale(view(town.ground, (240, -230), 30, 0.5, (340, 260)), 0.55, 205.0)
    one = placed(photo, town, town.search(photo, STATED), STATED)
    assert one.located and one.turned_round and math.hypot(one.east_m - 240, one.north_m + 230) < 2
    assert one.radius_m < 10 and abs(one.heading_deg - 30) < 1
    assert one.posterior.probability.sum() + one.posterior.absent == pytest.approx(1)
    none = placed(photo, other, other.search(photo, STATED), STATED)
    assert not none.located and none.posterior.absent > 0.5
