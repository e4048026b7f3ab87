"""Every match of a photo's points with the map's votes for a place of the photo's centre, a heading and a scale."""

import math
from dataclasses import dataclass

import numpy as np

from gallery.errors import RegistrationError
from gallery.ground.keypoints import Keypoints, as_rows, keypoints_of
from gallery.ground.picture import LaidPhoto
from gallery.registration.neighbours import Neighbours

NEIGHBOURS = 3
"""Map points that each photo point takes: a point is often found at a second place first."""

LEAST_COSINE = 0.6
"""Cosine below which a match weighs nothing: unlike patches reach it by accident."""

ANY_WEIGHT, LEAD_WEIGHT = 0.25, 3.0
"""A match weighs at least the first; to it is added, up to 1 in all, the second times its lead over the next map point
that was not taken, as a share of what that one lacks to equality. Measured on places of many dates, 21 photos without
heading: 86 % stand above all foreign photos, 71 to 76 % with weights by the cosine alone."""

WINDOW_M = 10.0
"""Metres, side of the squares in which votes are counted, which overlap by half: relief and steps of the heading spread
votes by about as much."""

CELL_SHARE = 0.075
"""Side of the photo's cells, as a share of the root of its area; each has one vote in a square, so that a row of
windows or cars is one voice."""

ALIKE_DEG = 17.5
"""Degrees by which the heading that two matched points give may differ from one that they vote for."""

ALIKE_OCTAVES = 0.4
"""Powers of two, the same for the scale."""

TURN_STEP_DEG = 5.0
"""Degrees between headings that are tried: half a step moves the edge of a photo of 200 m by 4 m."""

GROWTH_STEP = 2.0**0.125
"""Factor between scales that are tried: half a step moves the edge of a photo of 200 m by 4 m."""

ELSEWHERE_M = 30.0
"""Metres; a peak nearer than this to a better one is the same place."""

LEAST_SLOPE = 0.6
"""Votes, smallest scale of the exponential tail of peak weights: that of Poisson counts well above their mean. A photo
with few peaks of one weight would else call any accident impossible."""

MOST_PHOTO_POINTS = 2500
"""Points of a photo that are matched, the strongest: matching takes time in proportion."""

MOST_SQUARES = 2000
"""Squares of the highest weight among which peaks are sought: several of them lie at each peak."""

SHIFTS_M = ((0.0, 0.0), (WINDOW_M / 2, 0.0), (0.0, WINDOW_M / 2), (WINDOW_M / 2, WINDOW_M / 2))
"""Metres by which the four grids of squares are shifted: no group of votes is cut by the edges of all."""


@dataclass(frozen=True)
class Range:
    """What is known of a heading or of a scale.

    Attributes:
        turns_deg: turns against the photo's assumed heading that are tried.
        growths: factors against its assumed scale that are tried.
    """

    turns_deg: tuple[float, ...]
    growths: tuple[float, ...]

    @staticmethod
    def around(turn_deg: float | None = None, octaves: float = 0.5) -> "Range":
        """Turns up to so many degrees to both sides, None: all; scales up to so many powers of two to both sides."""
        if turn_deg is None:
            turns = tuple(np.arange(0, 360, TURN_STEP_DEG).tolist())
        else:
            steps = math.ceil(turn_deg / TURN_STEP_DEG - 1e-9)
            turns = tuple((np.arange(-steps, steps + 1) * TURN_STEP_DEG).tolist())
        steps = math.ceil(octaves / math.log2(GROWTH_STEP) - 1e-9)
        return Range(turns, tuple((GROWTH_STEP ** np.arange(-steps, steps + 1)).tolist()))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Matches of a photo's points with the map's, each with what it says.

    Attributes:
        photo_xy_m: (M, 2) float32, the photo's point, metres east and north of its centre under the assumed pose.
        map_xy_m: (M, 2) float32, the map's point.
        turn_deg: (M,) float32 in [-180, 180), by how much the photo must be turned clockwise.
        octaves: (M,) float32, power of two by which the photo must grow.
        weight: (M,) float32 from 0 to 1.
        photo_row: (M,) int64, of the photo's point.
        map_row: (M,) int64, of the map's point.
    """

    photo_xy_m: np.ndarray
    map_xy_m: np.ndarray
    turn_deg: np.ndarray
    octaves: np.ndarray
    weight: np.ndarray
    photo_row: np.ndarray
    map_row: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class Peak:
    """A place that votes agree on.

    Attributes:
        east_m: of the photo's centre.
        north_m: of the photo's centre.
        turn_deg: of the photo against its assumed heading, clockwise.
        growth: of the photo against its assumed scale.
        weight: sum of the votes, one for each cell of the photo.
        votes: how many cells voted.
        ratio: its weight divided by that of the best peak elsewhere; infinite where there is none.
        log_chance: natural logarithm of the chance that this photo's votes, scattered, make such a peak anywhere.
    """

    east_m: float
    north_m: float
    turn_deg: float
    growth: float
    weight: float
    votes: int
    ratio: float
    log_chance: float


@dataclass(frozen=True)
class Votes:
    """What a photo's points say.

    Attributes:
        peaks: best first, at least `ELSEWHERE_M` apart.
        points: of the photo.
        pairs: that were counted.
        hypotheses: headings times scales that were tried.
    """

    peaks: tuple[Peak, ...]
    points: int
    pairs: int
    hypotheses: int


def photo_keypoints(photo: LaidPhoto, m_per_px: float, most: int = MOST_PHOTO_POINTS) -> Keypoints:
    """The points of a photo laid on the ground by its assumed pose."""
    return keypoints_of(photo.laid(m_per_px), most)


def paired(photo: Keypoints, ground: Keypoints, neighbours: Neighbours, k: int = NEIGHBOURS) -> Pairs:
    """Match a photo's points once; heading and scale need not be known.

    Args:
        photo: in metres around the photo's centre.
        ground: of the map, in its frame.
        neighbours: among `ground.descriptors`.
        k: map points that each photo point takes.
    """
    if not len(photo) or not len(ground):
        empty = np.empty(0, np.float32)
        places, rows = np.empty((0, 2), np.float32), np.empty(0, np.int64)
        return Pairs(places, places, empty, empty, empty, rows, rows)
    cosines, numbers = neighbours(as_rows(photo.descriptors), k + 1)
    least = cosines[:, -1] if cosines.shape[1] > k else np.full(len(cosines), LEAST_COSINE, np.float32)
    cosines, numbers = cosines[:, :k], numbers[:, :k]
    photo_row = np.repeat(np.arange(len(photo)), cosines.shape[1])
    cosine, map_row = cosines.ravel(), numbers.ravel()
    lead = (cosines - least[:, None]) / np.maximum(1 - least[:, None], 1e-3)
    weight = np.clip(ANY_WEIGHT + LEAD_WEIGHT * lead, 0, 1).astype(np.float32).ravel()
    kept = (cosine > LEAST_COSINE) & (map_row >= 0)
    photo_row, map_row, weight = photo_row[kept], map_row[kept], weight[kept]
    order = np.argsort(map_row, kind="stable")  # memory-mapped arrays are read in order
    photo_row, map_row, weight = photo_row[order], map_row[order], weight[order]
    turn = (np.asarray(ground.angle_deg[map_row]) - photo.angle_deg[photo_row] + 180) % 360 - 180
    octaves = np.log2(np.asarray(ground.size_m[map_row]) / photo.size_m[photo_row])
    return Pairs(
        np.column_stack([photo.x_m, photo.y_m])[photo_row],
        np.column_stack([np.asarray(ground.x_m[map_row]), np.asarray(ground.y_m[map_row])]),
        turn.astype(np.float32),
        octaves.astype(np.float32),
        weight,
        photo_row,
        map_row,
    )


def voted(pairs: Pairs, known: Range, photo_area_m2: float, points: int, most_peaks: int = 10) -> Votes:
    """Count the votes.

    Args:
        pairs: of `paired`.
        known: turns and growths that are tried.
        photo_area_m2: that the photo shows under its assumed scale.
        points: of the photo.
        most_peaks: that are told.

    Raises:
        RegistrationError: the photo has no area.
    """
    if not (math.isfinite(photo_area_m2) and photo_area_m2 > 0):
        raise RegistrationError("The photo shows no ground.")
    hypotheses = len(known.turns_deg) * len(known.growths)
    cast = _cast(pairs, known)
    if cast is None:
        return Votes((), points, 0, hypotheses)
    cell = _cells(pairs.photo_xy_m, CELL_SHARE * math.sqrt(photo_area_m2))
    grids = [_counted(cast, np.array(shift, np.float32), pairs.weight, cell) for shift in SHIFTS_M]
    found = _heaps(grids, cast, pairs.weight, most_peaks + 1)
    chances = _log_chances([heap.weight for heap in found])
    peaks = []
    for number, (heap, chance) in enumerate(zip(found[:most_peaks], chances, strict=False)):
        others = [other.weight for place, other in enumerate(found) if place != number]
        turn, growth = divmod(heap.hypothesis, len(known.growths))
        peaks.append(
            Peak(
                east_m=heap.east_m,
                north_m=heap.north_m,
                turn_deg=known.turns_deg[turn],
                growth=known.growths[growth],
                weight=heap.weight,
                votes=heap.votes,
                ratio=heap.weight / max(others) if others else math.inf,
                log_chance=chance,
            )
        )
    return Votes(tuple(peaks), points, len(pairs), hypotheses)


@dataclass(frozen=True, eq=False)
class _Cast:
    """Votes as they were cast.

    Attributes:
        row: (V,) int64, of the pair.
        hypothesis: (V,) int64, number of the turn times the count of growths, and number of the growth.
        place: (V, 2) float32, metres east and north of the photo's centre.
    """

    row: np.ndarray
    hypothesis: np.ndarray
    place: np.ndarray


def _cast(pairs: Pairs, known: Range) -> _Cast | None:
    """The votes of all pairs for all hypotheses that they agree with; None where there are none."""
    rows, hypotheses, places = [], [], []
    near = [np.flatnonzero(np.abs(pairs.octaves - math.log2(growth)) <= ALIKE_OCTAVES) for growth in known.growths]
    turns = [pairs.turn_deg[each] for each in near]
    for number, turn in enumerate(known.turns_deg):
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        for column, growth in enumerate(known.growths):
            off = (turns[column] - turn + 180) % 360 - 180
            own = near[column][np.abs(off) <= ALIKE_DEG]
            if not len(own):
                continue
            x, y = pairs.photo_xy_m[own].T
            moved = np.column_stack([cos * x + sin * y, -sin * x + cos * y]) * growth
            rows.append(own)
            hypotheses.append(np.full(len(own), number * len(known.growths) + column))
            places.append(pairs.map_xy_m[own] - moved)
    if not rows:
        return None
    return _Cast(np.concatenate(rows), np.concatenate(hypotheses), np.concatenate(places).astype(np.float32))


def _cells(photo_xy_m: np.ndarray, side_m: float) -> np.ndarray:
    """(M,) numbers, from 0 on, of the cells of the photo that points lie in."""
    cells = np.floor(photo_xy_m / side_m).astype(np.int64)
    _, numbers = np.unique(cells, axis=0, return_inverse=True)
    return numbers.ravel()


@dataclass(frozen=True, eq=False)
class _Squares:
    """One grid of squares of the map with the votes in it, apart for each hypothesis.

    Attributes:
        key: (S,) int64, of each square and hypothesis that has votes, ascending.
        weight: (S,) float32, one vote for each cell of the photo, the heaviest.
        votes: (S,) int64, cells of the photo that voted.
        order: (V,) int64, the cast votes in the order of their keys.
        begin: (S + 1,) int64, where the votes of each square begin in that order.
    """

    key: np.ndarray
    weight: np.ndarray
    votes: np.ndarray
    order: np.ndarray
    begin: np.ndarray


def _counted(cast: _Cast, shift_m: np.ndarray, weight: np.ndarray, cell: np.ndarray) -> _Squares:
    """Squares of the map with their weight. Args: weight, cell: (M,) of the pairs."""
    square = np.floor((cast.place - cast.place.min(axis=0) + shift_m) / WINDOW_M).astype(np.int64)
    wide, tall = (int(number) + 1 for number in square.max(axis=0))
    key = (cast.hypothesis * tall + square[:, 1]) * wide + square[:, 0]
    cells = int(cell.max()) + 1
    both = key * cells + cell[cast.row]
    order = np.argsort(both, kind="stable")
    both = both[order]
    begins = np.flatnonzero(np.r_[True, both[1:] != both[:-1]])
    highest = np.maximum.reduceat(weight[cast.row[order]], begins)  # one vote a cell of the photo and square
    keys = both[begins] // cells
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return _Squares(
        key=keys[starts],
        weight=np.add.reduceat(highest, starts),
        votes=np.diff(np.r_[starts, len(keys)]),
        order=order,
        begin=np.r_[begins[starts], len(both)],
    )


@dataclass(frozen=True)
class _Heap:
    """A square that votes agree on: their weighted middle, metres, and what they say."""

    east_m: float
    north_m: float
    hypothesis: int
    weight: float
    votes: int


def _heaps(grids: list[_Squares], cast: _Cast, weight: np.ndarray, most: int) -> list[_Heap]:
    """The heaviest squares of all grids that do not lie next to a heavier one."""
    weights = np.concatenate([grid.weight for grid in grids])
    keys = np.concatenate([grid.key for grid in grids])
    which = np.repeat(np.arange(len(grids)), [len(grid.key) for grid in grids])
    first = np.cumsum([0, *(len(grid.key) for grid in grids)])
    candidates = min(len(weights), MOST_SQUARES)
    order = np.argpartition(-weights, candidates - 1)[:candidates]
    found: list[_Heap] = []
    for index in order[np.lexsort((keys[order], which[order], -weights[order]))].tolist():
        grid = grids[which[index]]
        square = index - first[which[index]]
        own = np.sort(grid.order[grid.begin[square] : grid.begin[square + 1]])
        own_weight = weight[cast.row[own]]
        east, north = (cast.place[own] * own_weight[:, None]).sum(axis=0) / own_weight.sum()
        if any(math.hypot(east - other.east_m, north - other.north_m) < ELSEWHERE_M for other in found):
            continue
        votes, hypothesis = int(grid.votes[square]), int(cast.hypothesis[own[0]])
        found.append(_Heap(float(east), float(north), hypothesis, float(weights[index]), votes))
        if len(found) == most:
            break
    return found


def _log_chances(weights: list[float]) -> list[float]:
    """Of each peak, the logarithm of the chance that scattered votes make such a one anywhere.

    The weights of all squares fall off about exponentially; the slope is taken from this photo's own 2nd to last peak:
    of k highest of N exponential values the spacings give it (Hill's estimator on a linear scale).
    """
    tail = np.array(weights[1:])
    if len(tail) < 3:
        return [0.0] * len(weights)
    lowest = float(tail[-1])
    slope = max(float((tail[:-1] - lowest).mean()), LEAST_SLOPE)
    chances = []
    for weight in weights:
        log_expected = math.log(len(tail)) - (weight - lowest) / slope  # peaks so high that are expected
        rare = log_expected < math.log(1e-12)
        chances.append(log_expected if rare else math.log(-math.expm1(-math.exp(log_expected))))
    return chances
