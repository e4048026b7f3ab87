"""Where a flight was at each photo, given all of them: the forward-backward algorithm on the gallery's tiles.

A hidden Markov model. Its states are the pairs of a tile and the course by which the flight came to it, and "away":
the photo shows ground that the gallery lacks. What a photo says of each tile multiplies the states; `motion` says which
tile can follow which, and which course which: both limits are soft, because tiles are a coarse grid. The potentials are
those of a reversible chain in its symmetric form, so that a flight and the same flight backwards get the same answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from gallery.track.motion import COURSES, Motion, TilePlane, moves, steps_between, turns

NEGLIGIBLE = 1e-15
"""States below this share of the likeliest one are not kept between the two passes."""


@dataclass(frozen=True)
class Posterior:
    """Chances at each of T photos, given all photos.

    Attributes:
        tiles: (T, N) that it shows each tile's ground.
        away: (T,) that it shows other ground; with the tiles it sums to 1.
    """

    tiles: np.ndarray
    away: np.ndarray


@dataclass(frozen=True)
class Message:
    """Weights of all states at one moment, up to a factor."""

    tiles: np.ndarray  # (N, COURSES)
    away: float

    def scaled(self) -> "Message":
        """The same weights with the sum 1."""
        total = float(self.tiles.sum()) + self.away
        return Message(self.tiles / total, self.away / total)


@dataclass(frozen=True)
class Step:
    """The potentials from one moment to the next.

    Attributes:
        moves: (N, N) by course.
        turns: (COURSES, COURSES) from the course before to the course of this step.
        stay, cross, remain: from tile to tile, between a tile and away, from away to away.
    """

    moves: Sequence[csr_array]
    turns: np.ndarray
    stay: float
    cross: float
    remain: float

    def forward(self, before: Message) -> Message:
        """The weights after the step, of what is known before it."""
        turned = before.tiles @ self.turns
        # The transpose of a course's matrix is that of the opposite course.
        moved = [self.moves[(k + COURSES // 2) % COURSES] @ turned[:, k] for k in range(COURSES)]
        tiles = self.stay * np.stack(moved, axis=1) + self.cross * before.away
        return Message(tiles, self.cross * float(before.tiles.sum()) + self.remain * before.away)

    def backward(self, after: Message) -> Message:
        """The weights before the step, of what is known after it."""
        moved = [self.moves[k] @ after.tiles[:, k] for k in range(COURSES)]
        tiles = self.stay * np.stack(moved, axis=1) @ self.turns.T + self.cross * after.away
        return Message(tiles, self.cross * float(after.tiles.sum()) + self.remain * after.away)


def smooth(likelihoods: np.ndarray, times_s: Sequence[float], ground: TilePlane, motion: Motion) -> Posterior:
    """The posterior of each photo's place.

    Each step costs time in proportion to the pairs of tiles within reach of each other, a few dozen for each tile; a
    gallery of 50,000 tiles takes about half a second for each photo.

    Args:
        likelihoods: (T, N) how much likelier a photo is at a tile than away.
        times_s: (T,) ascending.
    """
    steps, photo_at = _steps(times_s, ground, motion)
    end = _ends(len(ground), motion)
    said = {moment: likelihoods[photo] for photo, moment in enumerate(photo_at)}

    def heard(message: Message, moment: int) -> Message:
        tiles = message.tiles * said[moment][:, None] if moment in said else message.tiles
        return Message(tiles, message.away).scaled()

    message = heard(end, 0)
    before = [_thin(message)]
    for moment, step in enumerate(steps, start=1):
        message = heard(step.forward(message), moment)
        before.append(_thin(message))

    tiles, away = np.empty_like(likelihoods, dtype=np.float64), np.empty(len(photo_at))
    photos = {moment: photo for photo, moment in enumerate(photo_at)}
    message = end
    for moment in range(len(steps), -1, -1):
        if moment in photos:
            there, elsewhere = before[moment]
            both = Message(there.multiply(message.tiles).toarray(), elsewhere * message.away).scaled()
            tiles[photos[moment]], away[photos[moment]] = both.tiles.sum(axis=1), both.away
        if moment:
            message = steps[moment - 1].backward(heard(message, moment)).scaled()
    return Posterior(tiles, away)


def _steps(times_s: Sequence[float], ground: TilePlane, motion: Motion) -> tuple[list[Step], list[int]]:
    """All steps of a flight, and at which moment each photo was taken; long ways take several steps."""
    seconds: list[float] = []
    photo_at = [0]
    for before_s, after_s in pairwise(times_s):
        elapsed_s = min(after_s - before_s, ground.across_m / motion.max_speed_m_s)
        count = steps_between(ground, elapsed_s, motion)
        seconds += [round(elapsed_s / count, 3)] * count  # equal steps share their matrices
        photo_at.append(photo_at[-1] + count)
    matrices = lru_cache(maxsize=None)(lambda span_s: moves(ground, span_s, motion))
    share = (1 - motion.away) / (len(ground) * COURSES)
    steps = []
    for number, span_s in enumerate(seconds):
        # A course holds from the middle of one step to the middle of the next.
        between_s = (seconds[max(number - 1, 0)] + span_s) / 2
        steps.append(
            Step(
                matrices(span_s),
                turns(between_s, motion),
                stay=1 - motion.leave,
                cross=motion.leave * math.sqrt(share / motion.away),
                remain=1 - motion.leave * (1 - motion.away) / motion.away,
            )
        )
    return steps, photo_at


def _ends(tiles: int, motion: Motion) -> Message:
    """What is known before the first photo, and after the last one: the square root of the stationary shares."""
    share = (1 - motion.away) / (tiles * COURSES)
    return Message(np.full((tiles, COURSES), math.sqrt(share)), math.sqrt(motion.away))


def _thin(message: Message) -> tuple[csr_array, float]:
    """A message without its negligible states: after a few photos nearly all of them are."""
    least = NEGLIGIBLE * message.tiles.max()
    return csr_array(np.where(message.tiles > least, message.tiles, 0.0)), message.away
