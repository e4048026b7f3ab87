"""Synthetic vectors resemble the sample's: the same spread, the same likeness to neighbours, from a seed the same."""

import numpy as np
import pytest

from gallery.constants import SAMPLE
from train_scripts.benchmarks.synthetic_vectors import tile_vectors

TILES, DIMENSION = 9000, 320


@pytest.fixture(scope="module")
def like():
    return np.load(SAMPLE / "vectors.npy").astype(np.float32)


@pytest.fixture(scope="module")
def vectors(like):
    return np.concatenate(list(tile_vectors(TILES, DIMENSION, like))).astype(np.float32)


def neighbours(vectors: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Mean cosine to the 1st, 8th and 100th nearest."""
    return np.sort(vectors[asked] @ vectors.T, axis=1)[:, ::-1].mean(axis=0)[[1, 8, 100]]


def test_any_count_of_unit_rows(like):
    for count, dimension in ((1, 4), (10, 8), (17, 320)):
        rows = np.concatenate(list(tile_vectors(count, dimension, like)))
        assert rows.shape == (count, dimension) and rows.dtype == np.float16
        assert np.linalg.norm(rows.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-3)


def test_alike_as_the_samples_tiles(like, vectors):
    asked = np.random.default_rng(0).choice(len(like), 200, replace=False)
    assert neighbours(vectors, asked) == pytest.approx(neighbours(like, asked), abs=0.12)


def test_spread_as_the_samples_tiles(like, vectors):
    """The participation ratio: how many directions share the variance."""

    def directions(rows: np.ndarray) -> float:
        energies = np.linalg.eigvalsh(np.cov(rows.T))
        return energies.sum() ** 2 / (energies**2).sum()

    assert directions(vectors) == pytest.approx(directions(like), rel=0.4)


def test_the_same_from_a_seed(like):
    one, again, other = (np.concatenate(list(tile_vectors(50, 16, like, seed))) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
