"""How a flight can move from tile to tile: speed and turn limits as potentials of a Markov chain."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from gallery.errors import TrackError
from gallery.geo import LonLat, all_offsets_m, moved, wrap_lon

COURSES = 8
"""Directions of flight that are told apart: steps of 45 degrees, as fine as a grid of tiles shows them."""

SLACK_PITCHES = 0.5
"""Standard deviation, in distances between tiles, by which the speed limit may be passed: a tile stands for all ground
that is nearer to it than to another."""

REACH_SLACKS = 3.0
"""Standard deviations beyond the speed limit at which a tile is out of reach."""

TURN_SLACK_DEG = 45.0
"""The same for the turn limit: one step between courses."""

LONGEST_STEP_PITCHES = 3.0
"""Longest step, in distances between tiles: a longer way between two photos is gone in several, which keeps the
neighbourhoods small."""

LEAST_PITCH_SIDES = 0.125
"""Least distance between tiles, as a share of their side; closer ones count as this far apart."""


@dataclass(frozen=True)
class Motion:
    """What a flight can do.

    Raises:
        TrackError: a limit is not a positive number.
    """

    max_speed_m_s: float = 20.0  # of the ground under the photo's centre
    turn_deg_s: float = 45.0  # change of course
    leave: float = 0.02  # chance, at each photo, that the flight leaves the gallery's ground
    away: float = 0.1  # share of all photos that show other ground

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_speed_m_s) and self.max_speed_m_s > 0):
            raise TrackError(f"A speed limit of {self.max_speed_m_s:g} m/s is not a positive number.")
        if not (math.isfinite(self.turn_deg_s) and self.turn_deg_s > 0):
            raise TrackError(f"A turn limit of {self.turn_deg_s:g} degrees a second is not a positive number.")


@dataclass(frozen=True)
class TilePlane:
    """The centres of a gallery's tiles on a plane.

    Attributes:
        origin: of the plane.
        metres: (N, 2) east and north of it.
        side_m: of a tile.
    """

    origin: LonLat
    metres: np.ndarray
    side_m: float

    @classmethod
    def of(cls, centres: np.ndarray, side_m: float) -> "TilePlane":
        """Args: centres: (N, 2) lon, lat."""
        first = centres[0]
        lons = first[0] + (centres[:, 0] - first[0] + 180) % 360 - 180  # whole across the 180th meridian
        origin = LonLat(wrap_lon(float(lons.mean())), float(centres[:, 1].mean()))
        return cls(origin, np.stack(all_offsets_m(origin, lons, centres[:, 1]), axis=1), side_m)

    def __len__(self) -> int:
        return len(self.metres)

    @cached_property
    def tree(self) -> cKDTree:
        """Finds near tiles."""
        return cKDTree(self.metres)

    @cached_property
    def pitch_m(self) -> float:
        """Typical distance from a tile to the next one."""
        least_m = LEAST_PITCH_SIDES * self.side_m
        if len(self) < 2:
            return self.side_m
        nearest_m = self.tree.query(self.metres, k=2)[0][:, 1]
        return float(max(np.median(nearest_m), least_m))

    @cached_property
    def across_m(self) -> float:
        """Metres from one end to the other: no way is longer."""
        return float(np.linalg.norm(np.ptp(self.metres, axis=0)))

    def offset_m(self, point: LonLat) -> np.ndarray:
        """(2,) metres east and north of a point."""
        east_m, north_m = all_offsets_m(self.origin, np.array([point.lon]), np.array([point.lat]))
        return np.array([east_m[0], north_m[0]])

    def point(self, metres: np.ndarray) -> LonLat:
        """The point at (2,) metres east and north."""
        return moved(self.origin, float(metres[0]), float(metres[1]))


def moves(ground: TilePlane, seconds: float, motion: Motion) -> list[csr_array]:
    """Potentials of a move between tiles, one (N, N) sparse matrix for each course.

    With distance d and course c from tile i to tile j, entry (i, j) for the course k is

        exp(-max(0, d - max_speed * seconds)^2 / (2 slack^2)) / sqrt(D_i D_j) * 2/3 (1 + cos(c - k))^2

    where D_i is the sum of the first factor over row i: so normalised, neither crowded nor lonely tiles draw a path.
    The last factor is 1 on average over the courses, and 1 where nothing moves. The matrices of opposite courses are
    transposes of each other: a flight may as well go backwards in time.

    Time and memory grow with the number of pairs of tiles within reach.
    """
    slack_m = SLACK_PITCHES * ground.pitch_m
    limit_m = motion.max_speed_m_s * seconds
    near = ground.tree.sparse_distance_matrix(ground.tree, limit_m + REACH_SLACKS * slack_m, output_type="ndarray")
    # One pattern for all matrices, row by row.
    near = near[np.lexsort((near["j"], near["i"]))]
    i, j, distance_m = near["i"], near["j"], near["v"]
    possible = np.exp(-0.5 * (np.maximum(0.0, distance_m - limit_m) / slack_m) ** 2)
    sums = np.bincount(i, possible, len(ground))
    possible /= np.sqrt(sums[i] * sums[j])
    starts = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=len(ground)))])
    east_m, north_m = (ground.metres[j] - ground.metres[i]).T
    course = np.arctan2(east_m, north_m)
    return [
        csr_array(
            (possible * np.where(distance_m > 0, 2 / 3 * (1 + np.cos(course - of)) ** 2, 1.0), j, starts),
            shape=(len(ground), len(ground)),
        )
        for of in 2 * math.pi * np.arange(COURSES) / COURSES
    ]


def turns(seconds: float, motion: Motion) -> np.ndarray:
    """(COURSES, COURSES) chance of a course after another one, some seconds later; symmetric, rows sum to 1."""
    apart = np.abs(np.subtract.outer(np.arange(COURSES), np.arange(COURSES)))
    apart_deg = 360 / COURSES * np.minimum(apart, COURSES - apart)
    beyond = np.maximum(0.0, apart_deg - motion.turn_deg_s * seconds) / TURN_SLACK_DEG
    chances = np.exp(-0.5 * beyond**2)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def steps_between(ground: TilePlane, seconds: float, motion: Motion) -> int:
    """Steps in which the way between two photos is gone."""
    way_m = min(motion.max_speed_m_s * seconds, ground.across_m)
    return max(1, math.ceil(way_m / (LONGEST_STEP_PITCHES * ground.pitch_m)))
