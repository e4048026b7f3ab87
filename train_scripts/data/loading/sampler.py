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
    held = len(np.unique(places))
    if batch < 2 or held < batch:
        raise BadRequest(
            f"batch is {batch} and no place may stand twice in one, but {held} places can be trained with. "
            f"Set batch to 2 or more and at most {held}."
        )
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
