"""The approximate index: recall as measured, exact scores, every filter answered in full, the same bytes again."""

import faiss
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.constants import SAMPLE
from gallery.errors import DamagedGallery
from gallery.index import approximate, exact
from gallery.index.approximate import ApproximateIndex, held_out_queries, nearest, recall_at
from gallery.index.exact import ExactIndex, search_rows

TILES, DIMENSION = 3000, 48


def clustered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Unit rows around a few centres, of decreasing variance along turned axes, as embeddings are."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((30, dimension))
    spread = np.exp(-np.arange(dimension) / 10)
    turn, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    rows = (centres[rng.integers(0, 30, count)] + rng.standard_normal((count, dimension))) * spread @ turn
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="module")
def vectors():
    return clustered(TILES, DIMENSION)


@pytest.fixture(scope="module")
def written(vectors, tmp_path_factory):
    path = tmp_path_factory.mktemp("approximate") / "index.faiss"
    facts = ApproximateIndex.write(path, vectors)
    assert facts is not None
    return path, facts


@pytest.fixture(scope="module")
def index(vectors, written):
    return ApproximateIndex.open(written[0], vectors, written[1])


@pytest.fixture(autouse=True)
def few_are_exact(monkeypatch):
    monkeypatch.setattr(exact, "EXACT_ROWS", 100)


def test_the_stated_recall_is_found_again(index, vectors, written):
    queries, _ = held_out_queries(vectors, 500)
    truth = np.argsort(-queries @ vectors.astype(np.float32).T, axis=1)[:, :100]
    _, rows = index.search(queries, 100)
    assert recall_at(rows, truth, 1) == pytest.approx(written[1]["recall"]["1"], abs=0.01)
    assert recall_at(rows, truth, 1) >= 0.98 and recall_at(rows, truth, 10) >= 0.98
    assert written[1]["recall"]["1"] >= 0.99 and written[1]["recall"]["10"] >= 0.99


def test_photos_find_as_much_among_the_samples_tiles(tmp_path):
    """Vectors of 300 photos from the shipped report, which the tuning has not seen."""
    tiles = np.load(SAMPLE / "vectors.npy")
    photos = np.stack(pd.read_parquet(SAMPLE / "report.parquet", columns=["vector"])["vector"].to_list())
    index = ApproximateIndex.open(tmp_path / "i", tiles, ApproximateIndex.write(tmp_path / "i", tiles))
    _, rows = index.search(photos, 100)
    truth = nearest(tiles, photos.astype(np.float32), 100)
    assert recall_at(rows, truth, 1) >= 0.99 and recall_at(rows, truth, 10) >= 0.99


def test_other_queries_find_as_much(index, vectors):
    rng = np.random.default_rng(8)
    queries = vectors[rng.integers(0, TILES, 400)].astype(np.float32) + 0.05 * rng.standard_normal((400, DIMENSION))
    exact = np.argsort(-queries @ vectors.astype(np.float32).T, axis=1)
    assert recall_at(index.search(queries, 10)[1], exact, 10) >= 0.97


def test_scores_are_exact_and_in_order(index, vectors):
    queries, _ = held_out_queries(vectors, 40)
    scores, rows = index.search(queries, 150)
    assert scores.dtype == np.float32 and rows.dtype == np.int64 and rows.shape == (40, 150)
    expected = np.einsum("qd,qkd->qk", queries, vectors.astype(np.float32)[rows])
    assert scores == pytest.approx(expected, abs=1e-5) and (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(own)) == 150 for own in rows.tolist())


def test_equal_scores_stand_in_the_order_of_rows(tmp_path):
    vectors = np.repeat(clustered(400, DIMENSION), 3, axis=0)
    index = ApproximateIndex.open(tmp_path / "i", vectors, ApproximateIndex.write(tmp_path / "i", vectors))
    _, rows = index.search(vectors[:30:3].astype(np.float32), 3)
    assert rows.tolist() == [[row, row + 1, row + 2] for row in range(0, 30, 3)]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.05, 0.3, 0.9, 1.0]), st.integers(1, 400), st.booleans())
@settings(max_examples=60)
def test_a_filter_gives_all_that_it_permits(index, vectors, seed, share, k, together):
    """Spread rows, and rows that are all far from the query: as many as brute force finds, all allowed, none twice."""
    rng = np.random.default_rng(seed)
    queries, _ = held_out_queries(vectors, 3)
    ranks = np.argsort(queries[0] @ vectors.astype(np.float32).T) if together else rng.permutation(TILES)
    allowed = np.zeros(TILES, bool)
    allowed[ranks[: int(share * TILES)]] = True
    scores, rows = index.search(queries, k, allowed)
    expected = min(k, np.count_nonzero(allowed))
    assert scores.shape == rows.shape == (3, expected)
    assert allowed[rows].all() and all(len(set(own)) == expected for own in rows.tolist())
    if expected:
        true_scores, truth = search_rows(vectors, np.flatnonzero(allowed), queries, k)
        assert recall_at(rows, truth, expected) >= 0.9
        assert (scores <= true_scores + 1e-5).all()


def test_few_allowed_rows_are_compared_exactly(index, vectors, tmp_path):
    allowed = np.zeros(TILES, bool)
    allowed[np.random.default_rng(2).choice(TILES, 90, replace=False)] = True
    ExactIndex.write(tmp_path / "exact", vectors)
    queries, _ = held_out_queries(vectors, 20)
    scores, rows = index.search(queries, 30, allowed)
    exact_scores, exact_rows = ExactIndex.open(tmp_path / "exact").search(queries, 30, allowed)
    assert np.array_equal(rows, exact_rows) and scores == pytest.approx(exact_scores, abs=1e-6)


def test_written_again_it_is_the_same_file(written, vectors, tmp_path):
    facts = ApproximateIndex.write(tmp_path / "again", vectors)
    assert facts == written[1] and (tmp_path / "again").read_bytes() == written[0].read_bytes()


def test_more_is_kept_until_the_recall_is_reached(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "ENERGY", 0.2)
    monkeypatch.setattr(approximate, "RERANKED", (15,))
    facts = ApproximateIndex.write(tmp_path / "i", clustered(2000, 160))
    assert facts is not None and facts["directions"] > 32
    monkeypatch.setattr(approximate, "RECALL", 1.1)
    assert ApproximateIndex.write(tmp_path / "none", vectors) is None and not (tmp_path / "none").exists()


def test_nearest_is_brute_force_over_blocks(vectors, monkeypatch):
    monkeypatch.setattr(approximate, "BLOCK", 700)
    queries, _ = held_out_queries(vectors, 10)
    expected = np.argsort(-queries @ vectors.astype(np.float32).T, axis=1)[:, :20]
    assert np.array_equal(nearest(vectors, queries, 20), expected)


def test_held_out_queries_are_as_like_a_tile_as_stated(vectors):
    queries, tiles = held_out_queries(vectors, 50, 0.6)
    cosines = np.sum(queries * vectors[tiles].astype(np.float32), axis=1)
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=1e-2)
    assert cosines == pytest.approx(0.6, abs=2e-3) and len(set(tiles)) == 50


def test_another_file_is_refused(vectors, written, tmp_path):
    faiss.write_index(faiss.IndexFlatIP(DIMENSION), str(tmp_path / "flat"))
    with pytest.raises(DamagedGallery, match="no approximate index"):
        ApproximateIndex.open(tmp_path / "flat", vectors, written[1])
    with pytest.raises(DamagedGallery, match="nprobe"):
        ApproximateIndex.open(written[0], vectors, {name: written[1][name] for name in ("lists", "directions")})
