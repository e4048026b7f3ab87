"""Correlation of doubled-angle gradients: brute-force twins, blocks, and the surroundings of a place."""

import math

import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.ground.picture import laid_by_scale
from gallery.registration.correlation import (
    Correlator,
    Hypothesis,
    Near,
    _standardise,
    features_of,
    turns_and_growths,
)
from tests.helpers.ground_views import ground_of, view

AS_ASSUMED = Hypothesis(0, 1)


def test_correlation_is_the_plain_sum():
    ground = ground_of(side_px=150, m_per_px=1.2)
    photo = laid_by_scale(view(ground, (90, -90), 20, 1.2, (60, 50)), 1.2, 20)
    correlator = Correlator(ground, 1.2)
    score = correlator.one(photo, AS_ASSUMED)
    laid = photo.laid(1.2)
    own, theirs = features_of(laid), correlator.features.values
    top, left = round(laid.north_m / 1.2), round(-laid.west_m / 1.2)
    for row, column in ((75, 75), (60, 90), (40, 50), (100, 80)):
        rows, columns = (
            slice(begin, begin + size) for begin, size in zip((row - top, column - left), laid.grey.shape, strict=True)
        )
        part = theirs[rows, columns]
        under = (np.abs(part) ** 2 * own.held).sum()
        wanted = (part * np.conj(own.values)).real.sum() / math.sqrt(under * own.energy)
        assert score[row, column] == pytest.approx(wanted, abs=0.05)  # the energy is summed at a coarse scale
    assert np.abs(np.subtract(np.unravel_index(score.argmax(), score.shape), 75)).max() <= 1


def test_a_photo_turned_round_needs_no_second_transform():
    """Its scores are those that it has when it is laid down turned: to parts of a thousandth, by interpolation."""
    ground = ground_of(3, 300)
    correlator = Correlator(ground, 2.0)
    photo = laid_by_scale(view(ground, (130, -150), 20, 0.8, (170, 121)), 0.8)
    pairs = [Hypothesis(turn, growth) for growth in (0.9, 1.1) for turn in (20.0, 110.0, 200.0, 290.0, 33.0, 200.0)]
    told = dict(correlator._standardised(photo, pairs))
    assert len(told) == len(pairs) - 2, "what is asked twice is told once"
    for number, score in told.items():
        alone = correlator.one(photo, pairs[number])
        _standardise(alone)
        held = np.isfinite(alone) & np.isfinite(score)
        assert (np.isfinite(alone) == np.isfinite(score)).mean() > 0.99
        assert np.abs(score[held] - alone[held]).max() < 0.05


def test_blocks_give_what_one_transform_gives(monkeypatch):
    ground = ground_of(side_px=420, m_per_px=1.2)
    photo = laid_by_scale(view(ground, (250, -200), 0, 1.2, (60, 50)), 1.2)
    whole = Correlator(ground, 1.2, reach_m=60).one(photo, AS_ASSUMED)
    monkeypatch.setattr("gallery.registration.correlation.BLOCK_PX", 300)
    parts = Correlator(ground, 1.2, reach_m=60)
    assert len(parts._blocks) > 1 and np.abs(parts.one(photo, AS_ASSUMED) - whole).max() < 1e-4


def test_near_agrees_with_the_whole():
    ground = ground_of(side_px=300, m_per_px=1.2)
    photo = laid_by_scale(view(ground, (180.4, -150.7), 33, 1.2, (90, 70)), 1.2, 33)
    fit = Near(ground, 1.2)(photo, 175, -157, [AS_ASSUMED], 15)
    assert math.hypot(fit.east_m - 180.4, fit.north_m + 150.7) < 0.8
    assert Correlator(ground, 1.2).one(photo, AS_ASSUMED).max() == pytest.approx(fit.score, abs=0.05)


def test_the_right_heading_and_scale_win():
    ground = ground_of(1, 300, 1.2)
    photo = laid_by_scale(view(ground, (180, -150), 30, 1.2, (120, 90)), 1.3, 0)
    tried = turns_and_growths((0, 30, 200), (0.8, 1.2 / 1.3))
    [best, *others] = Correlator(ground, 1.2)(photo, tried).peaks(5)
    assert best.hypothesis == Hypothesis(30.0, 1.2 / 1.3) and math.hypot(best.east_m - 180, best.north_m + 150) < 4
    assert all(best.z > other.z for other in others)
    assert all(math.hypot(best.east_m - other.east_m, best.north_m - other.north_m) > 20 for other in others)


def test_peaks_and_lookups_agree():
    ground = ground_of(side_px=200, m_per_px=1.2)
    scores = Correlator(ground, 1.2)(laid_by_scale(view(ground, (120, -110), 0, 1.2, (60, 50)), 1.2), [AS_ASSUMED])
    [best] = scores.peaks(1)
    assert scores.z_near(best.east_m + 3, best.north_m - 3) == best.z
    assert scores.z_near(-1e4, -1e4) == 0


def test_places_beyond_the_map_are_none():
    ground = ground_of(side_px=150, m_per_px=1.2)
    photo = laid_by_scale(view(ground, (90, -90), 0, 1.2, (60, 50)), 1.2)
    assert Near(ground, 1.2)(photo, 5_000, 5_000, [AS_ASSUMED], 15) is None


def test_nothing_to_try_or_to_see_is_said():
    correlator = Correlator(ground_of(side_px=150, m_per_px=1.2), 1.2)
    flat = laid_by_scale(np.full((60, 60), 90, np.uint8), 1.2)
    with pytest.raises(RegistrationError, match="No heading or scale"):
        correlator(flat, [])
    with pytest.raises(RegistrationError, match="too little ground"):
        correlator(flat, [AS_ASSUMED])
