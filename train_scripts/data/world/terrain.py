"""The ground of a procedural region: coast, river and hills as functions of the position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train_scripts.data.world.noise import Float32, Floats, noise, smoothstep

INLAND_M = 5000.0  # the distance to the coast where there is none


@dataclass(frozen=True)
class TerrainPoints:
    """The terrain at some points; every array has their shape."""

    coast_m: Float32  # about the distance to the sea's edge, metres; negative in the sea
    river_m: Float32  # distance to the river's edge, metres; negative in the river
    height_m: Float32  # metres above sea level; 0 on water


@dataclass(frozen=True)
class Terrain:
    """Coast, river and hills of a region, fixed by numbers (metres, radians)."""

    seed: int
    size_m: float
    coast: str  # "island", "shore" or "none"
    hills_m: float
    shore_angle: float
    shore_offset_m: float
    river: bool
    river_angle: float
    river_offset_m: float
    river_half_width_m: float
    river_source_m: float  # along the river's axis, where it begins
    meanders: tuple[tuple[float, float, float], ...]  # (amplitude in metres, wavelength in metres, phase)

    def at(self, x: Floats, y: Floats) -> TerrainPoints:
        """The terrain at x metres east and y metres north (broadcast; (1, W) with (H, 1) is quickest)."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        shape = np.broadcast_shapes(x.shape, y.shape)
        coast, river = self.coast_m(x, y), self.river_m(x, y)
        swell = 0.5 + 0.5 * noise(x, y, 620, self.seed + 1)
        hills = self.hills_m * np.clip(swell, 0, 1) ** 1.6 + 0.07 * self.hills_m * noise(x, y, 140, self.seed + 2)
        base = 2.5 + np.maximum(hills, 0) * smoothstep(coast, 20, 420) * smoothstep(river, 10, 240)
        height = base * (1 - np.exp(-np.maximum(coast, 0) / 22)) * (1 - np.exp(-np.maximum(river, 0) / 9))
        return TerrainPoints(coast, river, np.broadcast_to(height, shape).astype(np.float32))

    def coast_m(self, x: Floats, y: Floats) -> Float32:
        """About the distance to the sea in metres, negative in the sea."""
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        if self.coast == "none":
            return np.full(shape, INLAND_M, np.float32)
        half = self.size_m / 2
        if self.coast == "island":
            radius = (np.abs(x / half) ** 3 + np.abs(y / half) ** 3) ** (1 / 3)
            field = half * (0.83 - radius)
            edge = np.maximum(np.abs(x), np.abs(y)) - 0.86 * half  # the sea all round, whatever the bays do
            field = field - 2.2 * np.maximum(edge, 0)
            large = 0.21 * half
        else:
            field = x * np.cos(self.shore_angle) + y * np.sin(self.shore_angle) + self.shore_offset_m
            large = 0.17 * half
        field = (
            field
            + large * noise(x, y, 0.42 * half, self.seed + 3)
            + 0.42 * large * noise(x, y, 0.15 * half, self.seed + 4)
        )
        field = field + 14 * noise(x, y, 62, self.seed + 5) + 4 * noise(x, y, 17, self.seed + 6)
        return np.broadcast_to(field + 1.2 * noise(x, y, 4.3, self.seed + 7), shape).astype(np.float32)

    def river_m(self, x: Floats, y: Floats) -> Float32:
        """About the distance to the river's edge in metres, negative in the river."""
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        if not self.river:
            return np.full(shape, INLAND_M, np.float32)
        c, s = np.cos(self.river_angle), np.sin(self.river_angle)
        along = (x * c + y * s).astype(np.float32)
        across = (y * c - x * s - self.river_offset_m).astype(np.float32)
        slope = np.zeros_like(along)
        for amplitude, wavelength, phase in self.meanders:
            k = np.float32(2 * np.pi / wavelength)
            angle = along * k + np.float32(phase)
            across = across - np.float32(amplitude) * np.sin(angle)
            slope += np.float32(amplitude) * k * np.cos(angle)
        width = self.river_half_width_m * (1 + 0.18 * np.sin(along / 130 + 1)) + 4
        width = width * smoothstep(along, self.river_source_m, self.river_source_m + 700) - 4
        wobble = 1.6 * noise(x, y, 13, self.seed + 8)
        return (np.abs(across) / np.sqrt(1 + slope * slope) - width + wobble).astype(np.float32)
