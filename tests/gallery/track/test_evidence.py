"""What one photo says of its place: mean one, most for the best tile, and fits that reach no farther."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.geo import Bounds, LonLat, Position, moved
from gallery.registration.places import PlaceProbabilities
from gallery.search.scales import typical_side_m
from gallery.track.evidence import AWAY_ODDS, LEAST_ABSENT, WRONG_GROUND, of_fit, of_ground, of_ranking, silent
from gallery.track.motion import TilePlane


def fit_at(point: LonLat, radius_m: float = 4.0) -> Position:
    return Position(point.lon, point.lat, radius_m)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(-0.5, 0.9))
def test_evidence_has_the_mean_of_silence_and_likes_the_best_tile_most(seed, least):
    random = np.random.default_rng(seed)
    rows = random.permutation(50)[:20]
    scores = np.sort(random.uniform(least, 1, 20))[::-1]
    said = of_ranking(rows, scores, 50)
    assert said.likelihood.mean() == pytest.approx(1) and said.likelihood.argmax() == rows[0]
    assert (said.likelihood > 0).all() and not len(said.points.shares)
    shifted = of_ranking(rows, 2 * scores + 3, 50)
    assert shifted.likelihood == pytest.approx(said.likelihood)


def test_scores_that_are_all_alike_say_nothing():
    assert np.array_equal(of_ranking(np.arange(5), np.full(5, 0.3), 9).likelihood, silent(9).likelihood)


def test_a_fit_speaks_for_the_tiles_around_it_and_for_none_far_away(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    tile = gallery.tile(40)
    said = of_fit(fit_at(tile.centre), ground)
    assert said.likelihood.argmax() == 40 and said.points.shares[said.points.tiles == 40] > 0.99
    outside = of_fit(fit_at(moved(tile.centre, 90_000, 0)), ground)
    assert outside.likelihood.max() < 1.01, "a fit that lies nowhere in the gallery speaks for no tile"


def places_at(points: list[LonLat], chances: list[float], absent: float, searched: Bounds) -> PlaceProbabilities:
    lons, lats = [point.lon for point in points], [point.lat for point in points]
    told = [np.array(values) for values in (lons, lats, chances, [4.0] * len(points))]
    return PlaceProbabilities(*told, rest=1 - absent - sum(chances), absent=absent, searched=(searched,))


def test_the_ground_speaks_for_its_places_and_against_what_was_searched(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    first, other = gallery.tile(40), gallery.tile(3)
    whole = Bounds(*gallery.boxes[:, :2].min(axis=0).tolist(), *gallery.boxes[:, 2:].max(axis=0).tolist())
    near = moved(first.centre, 5, -4)
    said = of_ground(places_at([near, other.centre], [0.6, 0.2], 0.1, whole), ground)
    assert np.argsort(said.likelihood)[::-1][:2].tolist() == [40, 3]
    assert said.likelihood[40] / said.likelihood[3] == pytest.approx(3, rel=0.2)
    odds = said.likelihood.mean()
    assert odds == pytest.approx((1 - WRONG_GROUND) * AWAY_ODDS * 0.9 / 0.1 + WRONG_GROUND)
    share = said.points.shares[said.points.tiles == 40]
    assert share == pytest.approx(1, abs=0.1) and np.hypot(*(said.points.metres[0] - ground.metres[40])) < 7


def test_not_on_this_ground_is_an_answer_and_never_a_certain_one(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    tile = gallery.tile(40)
    little = Bounds.around(tile.centre, 0.02)
    absent = of_ground(places_at([tile.centre], [1e-6], 1 - 2e-6, little), ground)
    assert absent.likelihood.max() < 1 and absent.likelihood.min() == pytest.approx(WRONG_GROUND)
    sure = of_ground(places_at([tile.centre], [1.0], 0.0, little), ground)
    assert sure.likelihood.max() == pytest.approx(len(ground) * (1 - WRONG_GROUND) * AWAY_ODDS / LEAST_ABSENT, rel=0.01)
    assert (sure.likelihood[:40] == WRONG_GROUND).all(), "what was not searched is as likely as any other ground"
