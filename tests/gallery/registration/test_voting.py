"""Votes: counted as a plain loop counts them."""

import math

import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.ground.keypoints import keypoints_of, nothing
from gallery.ground.picture import laid_by_scale
from gallery.registration.neighbours import exact_neighbours
from gallery.registration.voting import (
    ALIKE_DEG,
    ALIKE_OCTAVES,
    CELL_SHARE,
    WINDOW_M,
    Pairs,
    Range,
    paired,
    photo_keypoints,
    voted,
)
from tests.helpers.ground_views import ground_of, view

AREA_M2 = 140 * 110 * 0.49


def heaviest(pairs: Pairs, shift_m: tuple[float, float]) -> float:
    """The weight of the heaviest square of one grid, counted one vote at a time."""
    alike = (np.abs(pairs.turn_deg) <= ALIKE_DEG) & (np.abs(pairs.octaves) <= ALIKE_OCTAVES)
    places, side_m = pairs.map_xy_m - pairs.photo_xy_m, CELL_SHARE * math.sqrt(AREA_M2)
    low = places[alike].min(axis=0)
    squares: dict[tuple[int, ...], dict[tuple[int, ...], float]] = {}
    for row in np.flatnonzero(alike):
        square = tuple(np.floor((places[row] - low + np.array(shift_m, np.float32)) / WINDOW_M).astype(int))
        cell = tuple(np.floor(pairs.photo_xy_m[row] / side_m).astype(int))
        cells = squares.setdefault(square, {})
        cells[cell] = max(cells.get(cell, 0.0), float(pairs.weight[row]))
    return max(sum(cells.values()) for cells in squares.values())


def test_votes_count_as_a_plain_loop():
    ground = ground_of(side_px=500, m_per_px=0.7)
    points = keypoints_of(ground)
    photo = laid_by_scale(view(ground, (200, -180), 40, 0.7, (140, 110)), 0.7, 40)
    own = photo_keypoints(photo, 0.7)
    pairs = paired(own, points, exact_neighbours(points.descriptors))
    best = voted(pairs, Range((0.0,), (1.0,)), AREA_M2, len(own)).peaks[0]
    assert best.weight == pytest.approx(max(heaviest(pairs, shift) for shift in ((0, 0), (5, 0), (0, 5), (5, 5))))
    assert math.hypot(best.east_m - 200, best.north_m + 180) < 3 and best.log_chance < -5


def test_peaks_say_heading_and_scale_and_lie_apart():
    ground = ground_of(1, 600, 0.7)
    points = keypoints_of(ground)
    photo = laid_by_scale(view(ground, (220, -200), 77, 0.6, (300, 220)), 0.75, 0)
    own = photo_keypoints(photo, 0.7)
    pairs = paired(own, points, exact_neighbours(points.descriptors))
    peaks = voted(pairs, Range.around(None, 0.5), photo.grey.size * 0.75**2, len(own)).peaks
    assert abs(peaks[0].turn_deg - 77) < 8 and peaks[0].growth == pytest.approx(0.8, rel=0.1)
    assert all(peaks[0].weight > other.weight and peaks[0].log_chance < other.log_chance for other in peaks[1:])
    places = [(peak.east_m, peak.north_m) for peak in peaks]
    assert all(math.dist(one, other) >= 30 for number, one in enumerate(places) for other in places[:number])


def test_no_points_are_no_votes():
    pairs = paired(nothing(), nothing(), exact_neighbours(nothing().descriptors))
    votes = voted(pairs, Range.around(), AREA_M2, 0)
    assert len(pairs) == 0 and votes.peaks == () and votes.hypotheses == 72 * 9


@pytest.mark.parametrize("area_m2", [0.0, -1.0, math.nan, math.inf])
def test_a_photo_without_area_is_refused(area_m2):
    with pytest.raises(RegistrationError, match="shows no ground"):
        voted(paired(nothing(), nothing(), exact_neighbours(nothing().descriptors)), Range.around(), area_m2, 0)


def test_ranges_lie_to_both_sides():
    known = Range.around(15, 0.5)
    assert known.turns_deg == (-15, -10, -5, 0, 5, 10, 15) and known.growths[4] == 1
    assert known.growths[0] == pytest.approx(2**-0.5) and len(Range.around().turns_deg) == 72
