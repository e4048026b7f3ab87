"""Metrics: equal to the published code's numbers, and to loops that one can read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from gallery import metrics
from gallery.errors import GalleryError
from gallery.geo import LonLat, distance_m
from tests.helpers import DATA

GOLDEN = DATA / "evaluation_published_golden.npz"


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
    """The definition, one query and one rank at a time; equal scores as numpy's default sort leaves them."""
    first_hits, aps, tied = [], [], 0
    for query, label in zip(queries, query_labels, strict=True):
        scores = np.array([query @ item for item in gallery], np.float32)
        ranked = [row for row in np.argsort(scores)[::-1] if gallery_labels[row] != -1]
        ranks = [rank for rank, row in enumerate(ranked) if gallery_labels[row] == label]
        kept = [scores[row] for row in ranked]
        tied += any(kept.count(kept[rank]) > 1 for rank in ranks)
        first_hits.append(ranks[0] if ranks else -1)
        ap = 0.0
        for count, rank in enumerate(ranks):
            before = count / rank if rank else 1.0
            ap += 1 / len(ranks) * (before + (count + 1) / (rank + 1)) / 2
        aps.append(ap)
    return first_hits, aps, tied


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
@settings(max_examples=150)
def test_equals_brute_force(case):
    result = metrics.evaluate(*case)
    first_hits, aps, tied = brute_force(*case)
    assert result.first_hit.tolist() == first_hits
    assert result.per_query_ap.tolist() == aps
    assert result.recall[1] <= result.recall[5] <= result.recall[10]
    assert result.without_match == first_hits.count(-1)
    assert result.unmatched.tolist() == [row for row, hit in enumerate(first_hits) if hit < 0]
    assert result.tied == tied
    assert result.removed == list(case[3]).count(-1) and result.ranked + result.removed == result.gallery


@given(cases(), st.sampled_from([0, 1, 100]), st.sampled_from([1, 4, 10**6]))
@settings(max_examples=100)
def test_comparing_picking_and_sorting_give_the_same_standing(case, few, far_fewer):
    plain = metrics.evaluate(*case)
    before = metrics.FEW_MATCHES, metrics.FAR_FEWER
    metrics.FEW_MATCHES, metrics.FAR_FEWER = few, far_fewer
    try:
        other = metrics.evaluate(*case)
    finally:
        metrics.FEW_MATCHES, metrics.FAR_FEWER = before
    assert plain.first_hit.tolist() == other.first_hit.tolist() and plain.tied == other.tied
    assert plain.per_query_ap.tolist() == other.per_query_ap.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 60))
@settings(max_examples=40)
def test_average_precision_of_ranks_is_that_of_hits(seed, queries, items):
    hits = np.random.default_rng(seed).random((queries, items)) < 0.3
    counts = hits.sum(axis=1)
    ranks = np.full((queries, max(1, counts.max())), items)
    for row, found in enumerate(hits):
        ranks[row, : counts[row]] = np.flatnonzero(found)
    assert metrics._average_precision_at(ranks, counts).tolist() == metrics.average_precision(hits).tolist()


@given(cases(), st.integers(1, 15))
@settings(max_examples=100)
def test_nearest_is_the_head_of_the_published_order(case, k):
    queries, _, gallery, labels = case
    found = metrics.nearest(queries, gallery, k, labels)
    for query, rows in zip(queries, found, strict=True):
        order = np.argsort(np.array([query @ item for item in gallery], np.float32))[::-1]
        assert rows.tolist() == [row for row in order if labels[row] != -1][:k]
    assert metrics.nearest(queries, gallery, 99).shape == (len(queries), len(gallery))


def test_nearest_agrees_with_evaluate_without_ties():
    random = np.random.default_rng(3)
    queries, gallery = random.standard_normal((40, 8)), random.standard_normal((70, 8))
    labels = np.arange(70)
    best = metrics.nearest(queries, gallery, 10)
    result = metrics.evaluate(queries, best[:, 4], gallery, labels)
    assert result.first_hit.tolist() == [4] * 40 and result.recall[5] == 100 and result.recall[1] == 0
    with pytest.raises(GalleryError, match="at least 1"):
        metrics.nearest(queries, gallery, 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6))
@settings(max_examples=40)
def test_multi_query_is_the_mean_of_each_place(seed, photos, places):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((photos, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = random.integers(0, places, photos)
    means, names = metrics.multi_query(vectors, labels)
    assert names.tolist() == sorted(set(labels.tolist())) and means.dtype == np.float32
    for mean, name in zip(means, names, strict=True):
        plain = vectors[labels == name].astype(float).mean(axis=0)
        assert mean == pytest.approx(plain / np.linalg.norm(plain), abs=1e-6)


def test_multi_query_refuses_photos_that_cancel_out():
    with pytest.raises(GalleryError, match="place 7 cancel"):
        metrics.multi_query(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.array([7, 7, 8]))
    with pytest.raises(GalleryError, match="no query"):
        metrics.multi_query(np.empty((0, 2)), np.empty(0, int))


@given(cases())
@settings(max_examples=30)
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
    with pytest.raises(GalleryError, match="no integers"):
        metrics.evaluate(np.ones((1, 2)), np.array([0.0]), np.ones((1, 2)), np.array([0]))
    with pytest.raises(GalleryError, match="1 of 2 gallery vectors are not finite"):
        metrics.evaluate(np.ones((1, 2)), np.array([0]), np.array([[1, np.nan], [0, 1]]), np.array([0, 1]))
    with pytest.raises(GalleryError, match="not junk"):
        metrics.evaluate(np.ones((1, 2)), np.array([0]), np.ones((1, 2)), np.array([-1]))


def one_sdm(distances, k, decay):
    """The published sum, term by term."""
    above = sum((k - i) * np.exp(-decay * distances[i]) for i in range(k))
    return above / sum(k - i for i in range(k))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=60)
def test_position_scores_equal_their_definitions(seed, queries, items):
    random = np.random.default_rng(seed)
    truth, tiles = random.uniform(-1, 1, (queries, 2)) * 2e-3, random.uniform(-1, 1, (items, 2)) * 2e-3
    centre = np.array([120.3, 30.2])
    truth, tiles = centre + truth, centre + tiles
    ranked = np.stack([random.permutation(items) for _ in range(queries)])
    scores = metrics.position_scores(truth, tiles, ranked, ks=(1, items), within_m=(50, 150))
    degrees = [[np.hypot(*(tiles[i] - point)) for i in rows] for point, rows in zip(truth, ranked, strict=True)]
    metres = [
        [distance_m(LonLat(*tiles[i]), LonLat(*point)) for i in rows] for point, rows in zip(truth, ranked, strict=True)
    ]
    for k in (1, items):
        assert scores.sdm_degrees[k] == pytest.approx(100 * np.mean([one_sdm(d, k, 5e3) for d in degrees]), rel=1e-9)
        assert scores.sdm_metres[k] == pytest.approx(100 * np.mean([one_sdm(d, k, 0.001) for d in metres]), rel=1e-9)
        assert scores.dis_m[k] == pytest.approx(np.mean([np.mean(d[:k]) for d in metres]), rel=1e-9)
    sphere = Geod(a=6_378_137, b=6_378_137)
    errors = [sphere.inv(*point, *tiles[rows[0]])[2] for point, rows in zip(truth, ranked, strict=True)]
    for limit in (50, 150):
        assert scores.ma[limit] == pytest.approx(100 * np.mean([error < limit for error in errors]))
    assert scores.queries == queries


def test_the_two_published_sdm_are_far_apart():
    """30 m: one form forgives, the other does not."""
    truth, tiles = np.array([[120.0, 30.0]]), np.array([[120.0, 30.00027]])
    scores = metrics.position_scores(truth, tiles, np.array([[0]]))
    assert scores.sdm_degrees[1] == pytest.approx(100 * np.exp(-5000 * 0.00027), rel=1e-6)
    assert scores.sdm_metres[1] == pytest.approx(97.05, abs=0.01)
    assert scores.sdm_metres[10] == scores.sdm_metres[1]  # a K beyond the ranking counts all of it
    assert (scores.ma[30], scores.ma[31]) == (0, 100) and len(scores.ma) == 100


def test_single_precision_loses_decimetres():
    truth, tiles = np.array([[120.000003, 30.0]]), np.array([[120.000001, 30.0]])
    apart = metrics.degrees_apart(truth, tiles[None])
    assert apart.item() == pytest.approx(2e-6, rel=1e-6)
    assert metrics.degrees_apart(truth, tiles[None], single_precision=True).item() == 0


def test_the_sphere_of_ma():
    quarter = metrics.sphere_m(np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, 90.0], [-170.0, 0.0]]))
    assert quarter == pytest.approx([6_378_137 * np.pi / 2, 6_378_137 * np.pi])


def test_position_scores_refuse_what_does_not_fit():
    point, tiles = np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [np.nan, 2.0]])
    with pytest.raises(GalleryError, match="1 of 2 tile positions are missing"):
        metrics.position_scores(point, tiles, np.array([[0]]))
    with pytest.raises(GalleryError, match="not among the 1"):
        metrics.position_scores(point, tiles[:1], np.array([[0, -1]]))
    with pytest.raises(GalleryError, match="do not fit"):
        metrics.position_scores(point, tiles[:1], np.array([[0], [0]]))
    with pytest.raises(GalleryError, match="lon, lat for each"):
        metrics.position_scores(np.array([1.0, 2.0]), tiles[:1], np.array([[0]]))
