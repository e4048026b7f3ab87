"""Nearest points: those of a sort on a small map, nearly all of them on a large one."""

import numpy as np
import pytest

from gallery.ground.keypoints import as_rows
from gallery.registration.neighbours import exact_neighbours, near_neighbours, neighbours_among


def codes_of(count: int, groups: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    middles = rng.integers(20, 200, (groups, 128))
    return np.clip(middles[rng.integers(0, groups, count)] + rng.normal(0, 20, (count, 128)), 0, 255).astype(np.uint8)


def test_exact_neighbours_are_those_of_a_sort(monkeypatch):
    monkeypatch.setattr("gallery.registration.neighbours.BLOCK", 97)
    codes = codes_of(500, 500)
    rows = as_rows(codes[:40])
    cosines, numbers = exact_neighbours(codes)(rows, 3)
    assert (numbers == np.argsort(-(rows @ as_rows(codes).T), axis=1)[:, :3]).all()
    assert (np.diff(cosines, axis=1) <= 1e-6).all()


def test_neighbours_in_lists_are_nearly_those_of_a_sort():
    codes = codes_of(20_000, 400)
    rows = as_rows(codes[::200])
    exact, near = exact_neighbours(codes)(rows, 4)[1], near_neighbours(codes)(rows, 4)[1]
    assert np.mean([len(set(one) & set(other)) / 4 for one, other in zip(exact, near, strict=True)]) > 0.9
    assert (exact[:, 0] == np.arange(0, 20_000, 200)).all()


def test_the_same_lists_are_learned_twice():
    codes = codes_of(3_000, 50)
    rows = as_rows(codes[:50])
    first, second = (near_neighbours(codes)(rows, 4) for _ in range(2))
    assert (first[1] == second[1]).all() and (first[0] == second[0]).all()


@pytest.mark.parametrize("count", [1, 2])
def test_a_map_of_fewer_points_than_asked_for_gives_all(count):
    codes = codes_of(count, count)
    cosines, numbers = neighbours_among(codes)(as_rows(codes), 4)
    assert cosines.shape == numbers.shape == (count, count) and (np.sort(numbers) == np.arange(count)).all()


def test_large_maps_have_lists(monkeypatch):
    monkeypatch.setattr("gallery.registration.neighbours.EXACT_UP_TO", 1_000)
    codes = codes_of(2_000, 50)
    cosines, numbers = neighbours_among(codes)(as_rows(codes[:5]), 4)
    assert (numbers[:, 0] == np.arange(5)).all() and cosines.max() <= 1.01
