"""The benchmark of the metrics: its loop and the vectorised evaluation say the same, and its figures hold together."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.metrics import CHUNK_ELEMENTS, evaluate
from train_scripts.benchmarks import metrics
from train_scripts.benchmarks.metrics import Case, measure, one_by_one, university


@pytest.mark.parametrize("name", ["drone-to-satellite", "satellite-to-drone"])
@pytest.mark.parametrize("removed", [False, True])
def test_the_loop_and_the_vectorised_evaluation_agree(name, removed):
    case = university(name, 16, asked=30, places=50, photos=7)
    labels = np.where(case.gallery_labels < 30, case.gallery_labels, -1) if removed else case.gallery_labels
    case = Case(name, case.queries, case.query_labels, case.gallery, labels)
    result = evaluate(case.queries, case.query_labels, case.gallery, case.gallery_labels)
    first, aps = one_by_one(case, len(case.queries))
    assert result.first_hit.tolist() == first and result.per_query_ap.tolist() == aps
    assert 5 < result.recall[1] < 95  # the case is neither trivial nor chance


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 200))
@settings(max_examples=40)
def test_they_agree_where_scores_tie(seed, queries, items):
    """Whole numbers: scores are exact on any machine, ties frequent, junk among them."""
    random = np.random.default_rng(seed)
    case = Case(
        "ties",
        random.integers(-1, 2, (queries, 3)).astype(np.float32),
        random.integers(0, 5, queries),
        random.integers(-1, 2, (items, 3)).astype(np.float32),
        np.append(random.integers(-1, 4, items - 1), 0),
    )
    result = evaluate(case.queries, case.query_labels, case.gallery, case.gallery_labels)
    first, aps = one_by_one(case, queries)
    assert result.first_hit.tolist() == first and result.per_query_ap.tolist() == aps


def test_sizes_are_those_of_university_1652():
    there, back = (university(name, 1) for name in ("drone-to-satellite", "satellite-to-drone"))
    assert there.queries.shape == (37_855, 1) and there.gallery.shape == (951, 1)
    assert back.queries.shape == (701, 1) and back.gallery.shape == (51_355, 1)


def test_memory_stays_within_a_few_chunks():
    """No matrix of all scores: 3000 x 20000 would be 229 MiB."""
    random = np.random.default_rng(0)
    case = Case(
        "wide",
        random.standard_normal((3000, 4), np.float32),
        np.arange(3000),
        random.standard_normal((20_000, 4), np.float32),
        np.arange(20_000),
    )
    measured = measure(case, looped=2, rounds=1)
    assert measured.peak_mib < 3 * CHUNK_ELEMENTS * 4 / 2**20
    assert measured.looped_queries == 2 and measured.ratio > 0 and measured.seconds > 0


def test_the_command_line(capsys, refused, monkeypatch):
    small = university("drone-to-satellite", 4, asked=5, places=8, photos=3)
    monkeypatch.setattr(metrics, "university", lambda name, dimensions: small)
    metrics.main(["--looped", "3", "--rounds", "1", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert [case["queries"] for case in said["cases"]] == [16, 16] and said["process_peak_mib"] > 0
    metrics.main(["--looped", "3", "--rounds", "1"])
    assert "loop / vectorised" in capsys.readouterr().out
    refused(metrics.main, "--rounds", 0)
