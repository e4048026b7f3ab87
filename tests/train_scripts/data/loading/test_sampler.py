"""Which pairs stand in a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_scripts.data.loading.sampler import (
    nearest_by_position,
    nearest_by_similarity,
    neighbour_batches,
    one_of_each_place,
    unique_place_batches,
)
from train_scripts.errors import BadRequest


@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=12),
    batch=st.integers(2, 12),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_no_place_stands_twice_in_a_batch_and_no_pair_twice_in_an_epoch(
    counts: list[int], batch: int, seed: int, epoch: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    if batch > len(counts):
        with pytest.raises(BadRequest, match=f"at most {len(counts)}"):
            unique_place_batches(labels, batch, seed, epoch)
        return
    batches = unique_place_batches(labels, batch, seed, epoch)
    assert batches
    for one in batches:
        assert len(one) == batch == len(set(labels[one]))
    rows = np.concatenate(batches)
    assert len(rows) == len(set(rows.tolist()))
    left = np.delete(labels, rows)
    assert len(set(left)) < batch, "what is left could have filled another batch"


def test_seed_and_epoch_decide() -> None:
    labels = np.repeat(np.arange(20), 10)
    first = np.concatenate(unique_place_batches(labels, 8, 1, 0))
    assert np.array_equal(first, np.concatenate(unique_place_batches(labels, 8, 1, 0)))
    for seed, epoch in ((1, 1), (2, 0)):
        assert not np.array_equal(first, np.concatenate(unique_place_batches(labels, 8, seed, epoch)))


def test_hardly_anything_is_left_out_of_the_published_sizes() -> None:
    for places, views, batch in ((701, 54, 64), (120, 50, 24)):
        labels = np.repeat(np.arange(places), views)
        used = batch * len(unique_place_batches(labels, batch, 1, 0))
        assert used >= 0.99 * len(labels)


def test_a_batch_of_one_has_nothing_to_contrast() -> None:
    with pytest.raises(BadRequest, match="2 or more"):
        unique_place_batches([0, 1, 2], 1, 0, 0)


@given(
    counts=st.lists(st.integers(1, 5), min_size=4, max_size=12),
    batch=st.integers(2, 4),
    select=st.integers(1, 6),
    seed=st.integers(0, 3),
)
def test_neighbours_share_a_batch_and_nothing_stands_twice(
    counts: list[int], batch: int, select: int, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    nearest = nearest_by_similarity(*(np.random.default_rng(seed).normal(size=(2, len(counts), 3))), 9)
    batches = neighbour_batches(labels, nearest, batch, seed, 0, select)
    assert batches and all(len(one) == batch == len(set(labels[one])) for one in batches)
    rows = np.concatenate(batches)
    assert len(rows) == len(set(rows.tolist()))
    assert len(set(np.delete(labels, rows))) < batch


def test_neighbour_batches_are_those_of_a_second_writing() -> None:
    """From Sample4Geo's description, with lists: of two neighbours the nearest always, the other drawn of one."""
    labels = np.repeat(np.arange(8), 3)
    nearest = np.array([[(place + step) % 8 for step in (1, 2, 3)] for place in range(8)])[:, :2]
    random = np.random.default_rng((5, 2))
    pool = [int(row) for row in random.permutation(24)]
    order = {place: [row for row in pool if labels[row] == place] for place in range(8)}
    near = {place: list(nearest[place]) for place in range(8)}
    gone: list[int] = []
    expected: list[list[int]] = []
    while True:
        bucket: list[int] = []
        for row in [row for row in pool if row not in gone]:
            if len(bucket) == 4:
                break
            if row in gone or labels[row] in labels[bucket]:
                continue
            group = [row]
            candidates = [*near[labels[row]][:1]]
            rest = near[labels[row]][1:]
            candidates += [rest[at] for at in random.permutation(len(rest))[:1]]
            for other in candidates:
                if other in labels[bucket] or not order[other]:
                    continue
                group.append(order[other][int(random.integers(len(order[other])))])
                if len(bucket) + len(group) <= 4:
                    near[labels[row]].remove(other)
            for one in group[: 4 - len(bucket)]:
                bucket.append(one)
                gone.append(one)
                order[labels[one]].remove(one)
        if len(bucket) < 4:
            break
        expected.append(bucket)
    found = neighbour_batches(labels, nearest, 4, 5, 2, 2)
    assert [one.tolist() for one in found] == expected and len(found) >= 5


def test_neighbours_are_the_likest_and_the_nearest_on_the_ground() -> None:
    drone, satellite = np.random.default_rng(0).normal(size=(2, 6, 4))
    for place, row in enumerate(nearest_by_similarity(drone, satellite, 3)):
        likest = sorted((other for other in range(6) if other != place), key=lambda at: -drone[place] @ satellite[at])
        assert row.tolist() == likest[:3]
    along = np.array([[179.9, 0.0], [-179.9, 0.0], [179.0, 0.0], [0.0, 0.0]])  # the first two meet at the date line
    assert nearest_by_position(along, 2)[0].tolist() == [1, 2]


def test_an_epoch_of_places_sees_each_once() -> None:
    labels = np.repeat(np.arange(10), 4)
    batches = one_of_each_place(labels, 4, 1, 0)
    assert len(batches) == 2 and len(set(labels[np.concatenate(batches)])) == 8
    others = [np.concatenate(one_of_each_place(labels, 5, 1, epoch)) for epoch in (0, 0, 1)]
    assert np.array_equal(others[0], others[1]) and not np.array_equal(np.sort(others[0]), np.sort(others[2]))
    with pytest.raises(BadRequest, match="at most 10"):
        one_of_each_place(labels, 11, 0, 0)
