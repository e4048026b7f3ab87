"""Metrics: equal to the published code's numbers, and to loops that one can read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gallery import metrics
from gallery.errors import GalleryError

GOLDEN = Path(__file__).parent / "data" / "evaluation_published_golden.npz"


@pytest.mark.parametrize("case", ["drone_to_satellite", "satellite_to_drone"])
def test_equals_the_published_evaluation_to_the_last_digit(case):
    golden = {key.split("/")[1]: value for key, value in np.load(GOLDEN).items() if key.startswith(case)}
    result = metrics.evaluate(
        golden["query_features"], golden["query_labels"], golden["gallery_features"], golden["gallery_labels"]
    )
    assert result.recall == {1: golden["r1"], 5: golden["r5"], 10: golden["r10"], "1%": golden["r1percent"]}
    assert result.ap == golden["ap"]
    assert np.array_equal(result.first_hit, golden["first_hit"])
    assert np.array_equal(result.per_query_ap, golden["per_query_ap"])


def brute_force(queries, query_labels, gallery, gallery_labels):
    """The definition, one query and one rank at a time."""
    first_hits, aps = [], []
    for query, label in zip(queries, query_labels, strict=True):
        scores = [float(np.float32(query @ item)) for item in gallery]
        order = sorted(range(len(gallery)), key=lambda row: (scores[row], row), reverse=True)
        ranked = [gallery_labels[row] for row in order if gallery_labels[row] != -1]
        ranks = [rank for rank, found in enumerate(ranked) if found == label]
        first_hits.append(ranks[0] if ranks else -1)
        ap = 0.0
        for count, rank in enumerate(ranks):
            before = count / rank if rank else 1.0
            ap += (before + (count + 1) / (rank + 1)) / 2 / len(ranks)
        aps.append(ap)
    return first_hits, aps


@st.composite
def cases(draw):
    """Small integer vectors: scores are exact, and ties are frequent."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, items, labels = draw(st.integers(1, 6)), draw(st.integers(1, 12)), draw(st.integers(1, 4))
    gallery_labels = rng.integers(-1, labels, items)
    gallery_labels[0] = 0
    return (
        rng.integers(-1, 2, (queries, 3)).astype(np.float32),
        rng.integers(0, labels + 1, queries),
        rng.integers(-1, 2, (items, 3)).astype(np.float32),
        gallery_labels,
    )


@given(cases())
@settings(deadline=None, max_examples=150)
def test_equals_brute_force(case):
    result = metrics.evaluate(*case)
    first_hits, aps = brute_force(*case)
    assert result.first_hit.tolist() == first_hits
    assert result.per_query_ap == pytest.approx(aps)
    assert result.recall[1] <= result.recall[5] <= result.recall[10]
    assert result.without_match == first_hits.count(-1)


@given(cases())
@settings(deadline=None, max_examples=30)
def test_chunks_do_not_change_the_result(case):
    whole = metrics.evaluate(*case)
    before, metrics.CHUNK_ELEMENTS = metrics.CHUNK_ELEMENTS, 1
    try:
        parts = metrics.evaluate(*case)
    finally:
        metrics.CHUNK_ELEMENTS = before
    assert whole.recall == parts.recall and whole.ap == parts.ap


@pytest.mark.parametrize(("rank", "ap"), [(1, 1.0), (2, 0.25), (5, 0.1)])
def test_one_match_at_rank_r_has_ap_one_over_two_r(rank, ap):
    scores = np.linspace(1, 0, 8, dtype=np.float32)[:, None]
    labels = np.where(np.arange(8) == rank - 1, 7, 3)
    result = metrics.evaluate(np.ones((1, 1)), np.array([7]), scores, labels)
    assert result.per_query_ap[0] == ap


def test_a_query_without_a_match_stays_in_the_divisor():
    result = metrics.evaluate(np.eye(2), np.array([0, 9]), np.eye(2), np.array([0, 1]))
    assert result.recall[1] == 50 and result.ap == 50 and result.without_match == 1


def test_one_percent_counts_junk():
    gallery = np.linspace(1, 0, 300, dtype=np.float32)[:, None]
    labels = np.full(300, -1)
    labels[:5] = [0, 0, 0, 1, 0]
    result = metrics.evaluate(np.ones((1, 1)), np.array([1]), gallery, labels)
    assert result.recall["1%"] == 100  # 0-based rank 3 = round(0.01 * 300), though 5 items remain
    assert metrics.evaluate(np.ones((1, 1)), np.array([1]), gallery[:200], labels[:200]).recall["1%"] == 0


def test_refuses_what_does_not_fit():
    with pytest.raises(GalleryError, match="cannot be compared"):
        metrics.evaluate(np.ones((1, 2)), np.array([0]), np.ones((1, 3)), np.array([0]))
    with pytest.raises(GalleryError, match="label counts"):
        metrics.evaluate(np.ones((1, 2)), np.array([0, 1]), np.ones((1, 2)), np.array([0]))
    with pytest.raises(GalleryError, match="not junk"):
        metrics.evaluate(np.ones((1, 2)), np.array([0]), np.ones((1, 2)), np.array([-1]))


def test_recall_containing_asks_for_the_ground_point():
    footprints = np.array([box(0, 0, 1, 1), box(1, 0, 2, 1), box(179.5, 0, 180.5, 1)], dtype=object)
    ranked = np.array([[0, 1], [0, 1], [0, 2], [1, -1]])
    points = [(0.5, 0.5), (1.5, 0.5), (-179.8, 0.5), (0.5, 0.5)]
    assert metrics.first_containing(footprints, ranked, points).tolist() == [0, 1, 1, -1]
    assert metrics.recall_containing(footprints, ranked, points, ks=(1, 2)) == {1: 25.0, 2: 75.0}
