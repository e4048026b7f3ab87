"""The index: equal to brute force, with any selection, and deterministic where scores are equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.constants import EXACT_INDEX
from gallery.errors import BuildError, DamagedGallery
from gallery.index import vector_index as index_module
from gallery.index.approximate import ApproximateIndex
from gallery.index.exact import BLOCK, ExactIndex
from gallery.index.vector_index import VectorIndex, check_kind, open_index, write_index


def make(vectors: np.ndarray, folder) -> VectorIndex:
    return open_index(folder / "index.faiss", vectors, write_index(folder / "index.faiss", vectors))


@st.composite
def cases(draw):
    """Small integers: scores are exact in float32, and ties are frequent."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, k = draw(st.integers(3, 120)), draw(st.integers(1, 150))
    vectors = rng.integers(-1, 2, (rows, 3)).astype(np.float16)
    allowed = rng.random(rows) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])) if draw(st.booleans()) else None
    return vectors, rng.integers(-1, 2, (draw(st.integers(1, 4)), 3)).astype(np.float32), k, allowed


@given(cases())
@settings(max_examples=200)
def test_equals_brute_force_with_ties_in_the_order_of_rows(tmp_path_factory, case):
    vectors, queries, k, allowed = case
    scores, rows = make(vectors, tmp_path_factory.mktemp("index")).search(queries, k, allowed)
    for query, found_scores, found_rows in zip(queries, scores, rows, strict=True):
        every = vectors.astype(np.float32) @ query
        candidates = [row for row in range(len(vectors)) if allowed is None or allowed[row]]
        expected = sorted(candidates, key=lambda row: (-every[row], row))[:k]
        assert found_rows.tolist() == expected
        assert found_scores == pytest.approx(every[expected])


def test_random_vectors_equal_brute_force(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, 64)).astype(np.float16)
    queries = rng.standard_normal((30, 64)).astype(np.float32)
    scores, rows = make(vectors, tmp_path).search(queries, 10)
    every = queries @ vectors.astype(np.float32).T
    assert np.array_equal(rows, np.argsort(-every, axis=1)[:, :10])
    assert scores == pytest.approx(np.take_along_axis(every, rows, 1), abs=1e-4)


def test_another_kind_of_index_is_refused(tmp_path):
    import faiss

    faiss.write_index(faiss.IndexFlatL2(4), str(tmp_path / "index.faiss"))
    with pytest.raises(DamagedGallery, match="inner-product"):
        ExactIndex.open(tmp_path / "index.faiss")


def test_a_file_that_is_no_index(tmp_path):
    (tmp_path / "index.faiss").write_bytes(b"nothing")
    with pytest.raises(DamagedGallery, match=r"index\.faiss"):
        ExactIndex.open(tmp_path / "index.faiss")


def test_many_blocks_are_one_index(tmp_path):
    vectors = np.random.default_rng(1).standard_normal((BLOCK + 5, 2)).astype(np.float16)
    index = make(vectors, tmp_path)
    assert len(index) == BLOCK + 5 and index.search(np.ones((1, 2)), 1)[1] == vectors.astype(float).sum(axis=1).argmax()


def test_auto_chooses_by_size(tmp_path, monkeypatch):
    vectors = np.random.default_rng(0).standard_normal((1200, 8)).astype(np.float16)
    assert write_index(tmp_path / "small", vectors) == EXACT_INDEX
    monkeypatch.setattr(index_module, "EXACT_NUMBERS", 1200 * 8 - 1)
    facts = write_index(tmp_path / "large", vectors)
    assert facts["kind"] == "approximate" and write_index(tmp_path / "small", vectors, "exact") == EXACT_INDEX
    assert isinstance(open_index(tmp_path / "large", vectors, facts), ApproximateIndex)
    assert isinstance(open_index(tmp_path / "small", vectors, EXACT_INDEX), ExactIndex)
    assert write_index(tmp_path / "few", vectors[:999], "approximate") == EXACT_INDEX


def test_kinds_that_do_not_exist(tmp_path):
    with pytest.raises(BuildError, match="exact, approximate"):
        check_kind("quick")
    with pytest.raises(BuildError, match="exact, approximate"):
        write_index(tmp_path / "i", np.eye(4), "quick")
    with pytest.raises(DamagedGallery, match="unknown kind 'later'"):
        open_index(tmp_path / "i", np.eye(4), {"kind": "later"})
