"""Which pairs stand in a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_scripts.data.loading.sampler import unique_place_batches
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
