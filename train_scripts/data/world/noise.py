"""Value noise as a function of world coordinates: the same place always gets the same number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Float32 = NDArray[np.float32]

_RANGE_GAIN = np.float32(1.7)  # a quadratic B-spline averages its lattice; this brings the range back


def hashed(ix: NDArray[np.int64], iy: NDArray[np.int64], seed: int) -> Float32:
    """Pseudo-random numbers in [-1, 1) of integer lattice points (broadcast), the same on every machine."""
    h = ix.astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1)
    h = h ^ (iy.astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA77))
    h = h + np.uint32((seed * 0xC2B2AE3D) & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    h ^= h >> np.uint32(15)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0 / (1 << 24)) - np.float32(1.0)


def hashed_unit(index: NDArray[np.int64], seed: int) -> Float32:
    """Pseudo-random numbers in [0, 1), one for each integer."""
    return hashed(index, np.zeros_like(index), seed) * np.float32(0.5) + np.float32(0.5)


def _weights(position: Floats) -> tuple[NDArray[np.int64], tuple[Float32, Float32, Float32]]:
    centre = np.floor(position + 0.5).astype(np.int64)
    t = (position - centre).astype(np.float32)
    return centre, (0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2)


def noise(x: Floats, y: Floats, cell_m: float, seed: int) -> Float32:
    """Smooth noise, about -1..1, with features of `cell_m` metres.

    Args:
        x: metres east; shape (1, W) together with y of shape (H, 1) takes the fast way for grids.
        y: metres north; any shape that broadcasts with x.
        cell_m: distance of the lattice points in metres.
        seed: which of the noises.

    Returns:
        float32 of the broadcast shape.
    """
    x, y = np.asarray(x, np.float64) / cell_m, np.asarray(y, np.float64) / cell_m
    ix, wx = _weights(x)
    iy, wy = _weights(y)
    if x.ndim == 2 and y.ndim == 2 and x.shape[0] == 1 and y.shape[1] == 1:
        first, low = int(ix.min()) - 1, int(iy.min()) - 1
        columns = np.arange(first, int(ix.max()) + 2)[None, :]
        rows = np.arange(low, int(iy.max()) + 2)[:, None]
        values = hashed(columns, rows, seed)
        r, c = iy[:, 0] - low, ix[0] - first
        part = values[r - 1] * wy[0] + values[r] * wy[1] + values[r + 1] * wy[2]
        if part.shape[1] <= 160:  # a small matrix product is quicker than three gathers
            spread = np.zeros((part.shape[1], x.shape[1]), np.float32)
            for k in (-1, 0, 1):
                spread[c + k, np.arange(x.shape[1])] = wx[k + 1][0]
            return np.asarray((part @ spread) * _RANGE_GAIN, np.float32)
        out = np.take(part, c - 1, axis=1) * wx[0]
        out += np.take(part, c, axis=1) * wx[1]
        out += np.take(part, c + 1, axis=1) * wx[2]
        return np.asarray(out * _RANGE_GAIN, np.float32)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for a in (-1, 0, 1):
        for b in (-1, 0, 1):
            total += hashed(ix + a, iy + b, seed) * wx[a + 1] * wy[b + 1]
    return total * _RANGE_GAIN


def smoothstep(value: Floats, low: float, high: float) -> Float32:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1).astype(np.float32)
    return t * t * (3 - 2 * t)
