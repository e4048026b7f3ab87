"""Which pairs stand in which batch: never two of one place, which InfoNCE would push apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from train_scripts.errors import BadRequest


def unique_place_batches(labels: Sequence[int] | np.ndarray, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The batches of one epoch, decided by seed and epoch alone.

    All pairs are shuffled and dealt out in order; one whose place is already in the batch waits for the next, where it
    comes first. What fills no whole batch at the end is left out of this epoch, as in the published code.

    Args:
        labels: (N,) the place of each pair.
        batch: pairs of a batch, over all processes.
        seed: of the run.
        epoch: 0-based.

    Returns: (batch,) int64 rows of `labels` each; no row twice in an epoch, no place twice in a batch.

    Raises:
        BadRequest: there are fewer places than a batch needs.
    """
    places = np.asarray(labels)
    _require_places(len(np.unique(places)), batch)
    order = np.random.default_rng((seed, epoch)).permutation(len(places))
    waiting = deque(order.tolist())
    batches: list[np.ndarray] = []
    while True:
        chosen: list[int] = []
        taken: set[int] = set()
        later: list[int] = []
        while waiting and len(chosen) < batch:
            row = waiting.popleft()
            place = int(places[row])
            if place in taken:
                later.append(row)
            else:
                taken.add(place)
                chosen.append(row)
        if len(chosen) < batch:
            return batches
        batches.append(np.array(chosen, np.int64))
        waiting.extendleft(reversed(later))


def one_of_each_place(labels: Sequence[int] | np.ndarray, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of an epoch that sees each place once, with a pair of it drawn anew, as LPN and FSRA train.

    Args, returns and errors: as `unique_place_batches`.
    """
    places = np.asarray(labels)
    held = np.unique(places)
    _require_places(len(held), batch)
    random = np.random.default_rng((seed, epoch))
    rows = np.array([random.choice(np.flatnonzero(places == place)) for place in random.permutation(held)])
    return np.split(rows[: len(rows) // batch * batch], len(rows) // batch)


def neighbour_batches(
    labels: Sequence[int] | np.ndarray,
    nearest: np.ndarray,
    batch: int,
    seed: int,
    epoch: int,
    select: int,
) -> list[np.ndarray]:
    """Batches in which places that are hard to tell apart meet, as Sample4Geo samples by GPS and by similarity.

    Pairs are shuffled. Each that comes into a batch brings up to `select` neighbours of its place, a pair of each: the
    nearest half of them always, the other half drawn from the rest of `nearest`. A neighbour that was brought is not
    brought by the same place again, so that over an epoch a place meets others.

    Args:
        nearest: (places, N) labels of the neighbours of each place, the nearest first.
        select: neighbours that a pair brings.
        labels, batch, seed, epoch: as for `unique_place_batches`.

    Returns and errors: as `unique_place_batches`.
    """
    places = np.asarray(labels)
    _require_places(len(np.unique(places)), batch)
    random = np.random.default_rng((seed, epoch))
    waiting = deque(random.permutation(len(places)).tolist())
    free: dict[int, list[int]] = {}
    for row in waiting:
        free.setdefault(int(places[row]), []).append(row)
    neighbours = {place: nearest[place].tolist() for place in free}
    used: set[int] = set()
    batches: list[np.ndarray] = []
    while True:
        chosen: list[int] = []
        taken: set[int] = set()
        later: list[int] = []
        while waiting and len(chosen) < batch:
            row = waiting.popleft()
            place = int(places[row])
            if row in used:
                continue
            if place in taken:
                later.append(row)
                continue
            brought = [(place, row)]
            for other in _brought(neighbours[place], select, random):
                if other not in taken and free.get(other) and other != place:
                    brought.append((other, free[other][int(random.integers(len(free[other])))]))
                    if len(chosen) + len(brought) <= batch:
                        neighbours[place].remove(other)
            for at, pair in brought[: batch - len(chosen)]:
                taken.add(at)
                used.add(pair)
                free[at].remove(pair)
                chosen.append(pair)
        if len(chosen) < batch:
            return batches
        batches.append(np.array(chosen, np.int64))
        waiting.extendleft(reversed(later))


def _brought(neighbours: Sequence[int], select: int, random: np.random.Generator) -> list[int]:
    """The nearest half of so many neighbours, and as many drawn from the others."""
    half = select // 2
    rest = list(neighbours[half:])
    drawn = random.permutation(len(rest))[:half]
    return [*neighbours[:half], *(rest[at] for at in drawn)]


def nearest_by_similarity(drone: np.ndarray, satellite: np.ndarray, most: int) -> np.ndarray:
    """The places whose satellite pictures are most like each place's drone picture. Args: (places, D) unit rows.

    Returns: (places, N) labels, the likest first, without the place itself; N is `most` or all others.
    """
    return _ranked(-(drone @ satellite.T), most)


def nearest_by_position(lon_lat: np.ndarray, most: int) -> np.ndarray:
    """The places nearest on the ground. Args: (places, 2) degrees. Returns: as `nearest_by_similarity`."""
    lon, lat = np.radians(lon_lat).T
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return _ranked(np.square(vectors[:, None] - vectors[None]).sum(2), most)


def _ranked(distance: np.ndarray, most: int) -> np.ndarray:
    distance = distance.astype(np.float64)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, : min(most, len(distance) - 1)]


def _require_places(held: int, batch: int) -> None:
    if batch < 2 or held < batch:
        raise BadRequest(
            f"batch is {batch} and no place may stand twice in one, but {held} places can be trained with. "
            f"Set batch to 2 or more and at most {held}."
        )
