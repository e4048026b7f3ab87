"""Vectors that resemble those of a gallery's tiles, in any number: to measure search where nobody has the imagery."""

import math
from collections.abc import Iterator

import numpy as np

SHARES = {0: 0.44, 2: 0.15, 4: 0.15, 6: 0.13, 8: 0.13}
"""Shares of the variance: what a tile shows alone (0), and what it shares with all in a square of 2^n tiles across.
Fitted to the similarity of the sample's tiles to their 1st to 100th neighbours by the starter weights (0.84 to
0.59)."""


def tile_vectors(count: int, dimension: int, like: np.ndarray, seed: int = 0) -> Iterator[np.ndarray]:
    """Unit vectors of tiles on a square grid, half overlapping, row by row from the same seed the same.

    Each is the common mean plus Gaussian values: of four quarters, two of which the next tile shows too, and of larger
    squares. Their covariance has the spectrum of `like`, stretched to the dimension, along random axes.

    Args:
        count: how many.
        dimension: D.
        like: (M, D') unit rows of a real gallery.

    Yields: (n, D) float16, one row of the grid.
    """
    like = np.asarray(like, np.float32)
    mean = like.mean(axis=0)
    energies = np.maximum(np.linalg.eigvalsh(np.cov(like.T))[::-1], 1e-9)
    places = np.linspace(0, len(energies) - 1, dimension)
    stretched = np.exp(np.interp(places, np.arange(len(energies)), np.log(energies)))
    spread = np.sqrt(stretched * energies.sum() / stretched.sum())
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))
    turned = (spread[:, None] * axes).astype(np.float32)
    centre = np.linalg.norm(mean) * axes[-1].astype(np.float32)
    side = math.isqrt(count - 1) + 1

    def drawn(level: int, row: int) -> np.ndarray:
        generator = np.random.default_rng((seed, level, row))
        return generator.standard_normal(((side >> level) + 2, dimension), dtype=np.float32)

    squares = {level: drawn(level, 0) for level in SHARES}
    for row in range(math.ceil(count / side)):
        above, below = squares[0], drawn(0, row + 1)
        field = math.sqrt(SHARES[0]) / 2 * (above[:-1] + above[1:] + below[:-1] + below[1:])[:side]
        squares[0] = below
        for level in filter(None, SHARES):
            if row and row % (1 << level) == 0:
                squares[level] = drawn(level, row >> level)
            field += math.sqrt(SHARES[level]) * squares[level][np.arange(side) >> level]
        vectors = centre + field @ turned
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield vectors[: count - row * side].astype(np.float16)
