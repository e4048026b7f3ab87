"""The smoother: equal to the sum over all paths, the same backwards; what gaps, limits and the order of tiles do."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.geo import LonLat
from gallery.track.motion import COURSES, Motion, TilePlane, steps_between
from gallery.track.smoother import smooth

seeds = st.integers(0, 10_000)


def ground_of(random: np.random.Generator, tiles: int, across_m: float = 300.0) -> TilePlane:
    return TilePlane(LonLat(0, 0), random.uniform(0, across_m, (tiles, 2)), 100.0)


def row_of(tiles: int, pitch_m: float = 100.0) -> TilePlane:
    """Tiles in a row towards the east."""
    return TilePlane(LonLat(0, 0), np.stack([np.arange(tiles) * pitch_m, np.zeros(tiles)], axis=1), pitch_m)


def saying(tiles: int, *rows: int | None, much: float = 100.0) -> np.ndarray:
    """Photos that each speak for one tile; None says nothing."""
    likelihoods = np.full((len(rows), tiles), 0.2)
    for photo, row in enumerate(rows):
        likelihoods[photo] = 1.0 if row is None else likelihoods[photo]
        if row is not None:
            likelihoods[photo, row] = much
    return likelihoods


def summed_paths(likelihoods: np.ndarray, times_s: list[float], ground: TilePlane, motion: Motion):
    """The posterior by its definition: every path of tiles and courses, weighed one by one."""
    photos, tiles = likelihoods.shape
    share = (1 - motion.away) / (tiles * COURSES)
    slack_m = 0.5 * ground.pitch_m
    spans_s = np.diff(times_s)
    states = [None, *itertools.product(range(tiles), range(COURSES))]

    def possible(span_s: float, a: int, b: int) -> float:
        beyond_m = math.dist(ground.metres[a], ground.metres[b]) - motion.max_speed_m_s * span_s
        return 0.0 if beyond_m > 3 * slack_m else math.exp(-0.5 * (max(0.0, beyond_m) / slack_m) ** 2)

    def turn(gap_s: float, a: int, b: int) -> float:
        def weight(apart: int) -> float:
            apart_deg = 45 * min(apart % 8, -apart % 8)
            return math.exp(-0.5 * (max(0.0, apart_deg - motion.turn_deg_s * gap_s) / 45) ** 2)

        return weight(b - a) / sum(map(weight, range(8)))

    def step(number: int, a, b) -> float:
        if a is None and b is None:
            return 1 - motion.leave * (1 - motion.away) / motion.away
        if a is None or b is None:
            return motion.leave * math.sqrt(share / motion.away)
        span_s = spans_s[number]
        sums = [sum(possible(span_s, tile, other) for other in range(tiles)) for tile in (a[0], b[0])]
        weight = possible(span_s, a[0], b[0]) / math.sqrt(sums[0] * sums[1])
        gap_s = (spans_s[max(number - 1, 0)] + span_s) / 2
        east_m, north_m = ground.metres[b[0]] - ground.metres[a[0]]
        along = 1.0 if a[0] == b[0] else 2 / 3 * (1 + math.cos(math.atan2(east_m, north_m) - b[1] * math.pi / 4)) ** 2
        return (1 - motion.leave) * weight * along * turn(gap_s, a[1], b[1])

    steps = [{pair: step(number, *pair) for pair in itertools.product(states, states)} for number in range(photos - 1)]
    found, away = np.zeros((photos, tiles)), np.zeros(photos)
    for path in itertools.product(states, repeat=photos):
        weight = math.prod(math.sqrt(motion.away if end is None else share) for end in (path[0], path[-1]))
        weight *= math.prod(1.0 if at is None else likelihoods[photo, at[0]] for photo, at in enumerate(path))
        weight *= math.prod(known[pair] for known, pair in zip(steps, itertools.pairwise(path), strict=True))
        for photo, at in enumerate(path):
            if at is None:
                away[photo] += weight
            else:
                found[photo, at[0]] += weight
    total = away[0] + found[0].sum()
    return found / total, away / total


@pytest.mark.parametrize(("seed", "tiles", "photos"), [(0, 4, 3), (1, 3, 3), (2, 7, 2), (3, 1, 3)])
def test_it_equals_the_sum_over_all_paths(seed, tiles, photos):
    random = np.random.default_rng(seed)
    ground = ground_of(random, tiles)
    motion = Motion(random.uniform(5, 25), random.uniform(10, 60), leave=0.1, away=0.2)
    times_s = np.cumsum(random.uniform(0.5, 6, photos).round(3)).tolist()
    likelihoods = random.uniform(0, 5, (photos, tiles))
    assert all(steps_between(ground, b - a, motion) == 1 for a, b in itertools.pairwise(times_s)), "as below"
    posterior = smooth(likelihoods, times_s, ground, motion)
    tiles_chances, away = summed_paths(likelihoods, times_s, ground, motion)
    assert np.abs(posterior.tiles - tiles_chances).max() < 1e-9
    assert np.abs(posterior.away - away).max() < 1e-9


@settings(max_examples=25)
@given(seeds)
def test_chances_sum_to_one_backwards_is_the_same_and_the_order_of_tiles_means_nothing(seed):
    random = np.random.default_rng(seed)
    ground = ground_of(random, 12, 800)
    motion = Motion(random.uniform(5, 25), random.uniform(5, 60))
    times_s = np.cumsum(random.uniform(0, 40, 6))
    likelihoods = random.uniform(0.1, 20, (6, 12))
    posterior = smooth(likelihoods, times_s.tolist(), ground, motion)
    assert posterior.tiles.sum(axis=1) + posterior.away == pytest.approx(np.ones(6))
    assert posterior.tiles.min() >= 0 and posterior.away.min() >= 0
    backwards = smooth(likelihoods[::-1], (times_s[-1] - times_s[::-1]).tolist(), ground, motion)
    assert np.abs(posterior.tiles - backwards.tiles[::-1]).max() < 1e-9
    order = random.permutation(12)
    other = TilePlane(ground.origin, ground.metres[order], ground.side_m)
    mixed = smooth(likelihoods[:, order], times_s.tolist(), other, motion)
    assert np.abs(mixed.tiles - posterior.tiles[:, order]).max() < 1e-9


def test_a_wrong_match_cannot_drag_the_track():
    ground, times_s = row_of(60), np.arange(9) * 5.0
    posterior = smooth(saying(60, 0, 1, 2, 3, 50, 5, 6, 7, 8), times_s.tolist(), ground, Motion())
    assert posterior.tiles.argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_a_photo_that_says_nothing_is_bridged_less_surely_the_longer_it_takes():
    ground = row_of(40)
    shares = []
    for gap_s in (10.0, 20.0, 40.0, 80.0):
        times_s = [0.0, 5.0, 5.0 + gap_s / 2, 5.0 + gap_s, 10.0 + gap_s]
        chances = smooth(saying(40, 10, 11, None, 13, 14), times_s, ground, Motion()).tiles[2]
        shares.append(chances[11:14].sum())
    assert shares[0] > 0.9 and shares == sorted(shares, reverse=True)


def test_many_photos_that_contradict_each_other_are_away():
    ground = row_of(60)
    rows = [0, 1, 2, *(int(row) for row in np.random.default_rng(1).permutation(np.arange(20, 60))[:14]), 8, 9, 10]
    posterior = smooth(saying(60, *rows, much=20.0), (np.arange(20) * 5.0).tolist(), ground, Motion())
    assert posterior.away[7:13].min() > 0.9 and posterior.away[:2].max() < 0.2 and posterior.away[-2:].max() < 0.2


def test_a_turn_limit_keeps_a_fast_flight_from_turning_back():
    plane = np.stack(np.meshgrid(np.arange(9) * 100.0, np.arange(3) * 100.0), axis=-1).reshape(-1, 2)
    ground = TilePlane(LonLat(0, 0), plane, 100.0)
    times_s = np.arange(5).tolist()
    said = saying(27, 9 + 2, 9 + 3, 9 + 4, None, None)
    said[4, [9 + 2, 9 + 6]] = 5.0  # back or ahead
    ahead, free = (smooth(said, times_s, ground, Motion(100.0, turn)).tiles[4] for turn in (5.0, 360.0))
    assert ahead[9 + 6] > 3 * ahead[9 + 2]
    assert free[9 + 6] == pytest.approx(free[9 + 2], rel=0.3)


def test_a_pause_of_days_takes_no_longer_than_the_way_across():
    ground = row_of(30)
    posterior = smooth(saying(30, 2, 2, 25, 25), [0.0, 5.0, 500_000.0, 500_005.0], ground, Motion())
    assert posterior.tiles.argmax(axis=1).tolist() == [2, 2, 25, 25]
