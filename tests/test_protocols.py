"""Protocols: what is removed, the published counts, and words for what differs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.errors import GalleryError
from gallery.metrics import evaluate
from train_scripts import protocols
from train_scripts.tables import place


def university():
    """Labels of a complete University-1652 test set: 55 drone photos of the first place, 54 of the others."""
    drone = np.repeat(np.arange(951), 54)
    drone = np.concatenate([[0], drone])
    return {
        "query_drone": drone[drone < 701],
        "query_satellite": np.arange(701),
        "gallery_drone": drone,
        "gallery_satellite": np.arange(951),
    }


def sues():
    """One height of SUES-200: 200 places of 50 drone photos, of which 80 are asked."""
    asked = np.arange(0, 200, 2)[:80]
    return {
        "query_drone": np.repeat(asked, 50),
        "query_satellite": asked,
        "gallery_drone": np.repeat(np.arange(200), 50),
        "gallery_satellite": np.arange(200),
    }


@pytest.mark.parametrize(
    ("dataset", "labels", "wanted"),
    [
        ("university1652", university(), [(37855, 701), (37855, 951), (701, 37855), (701, 51355)]),
        ("sues200", sues(), [(4000, 80), (4000, 200), (80, 4000), (80, 10000)]),
    ],
)
def test_complete_copies_have_the_published_counts(dataset, labels, wanted):
    found = list(protocols.trials(labels))
    assert [(trial.counts.queries, trial.counts.ranked) for trial in found] == wanted
    for trial in found:
        assert trial.counts == protocols.published_counts(dataset, trial.protocol, trial.direction)
        assert protocols.deviations(dataset, trial) == []
        assert trial.protocol in str(trial) and trial.direction in str(trial)


def test_a_lost_photo_is_named():
    """The copy of 37,854 queries that is about."""
    labels = university()
    labels["query_drone"] = labels["query_drone"][1:]
    trial = protocols.trial("paper", "drone-to-satellite", labels)
    assert protocols.deviations("university1652", trial) == [
        "drone-to-satellite, paper protocol: 37,854 queries, published 37,855 (-1)"
    ]
    assert protocols.deviations("world", trial) == []


def test_what_the_two_protocols_say_of_one_trial():
    labels = {"query_drone": np.array([3, 3, 5]), "gallery_satellite": np.array([5, 3, 8, -1])}
    paper, full = protocols.trials(labels)
    assert paper.gallery_labels.tolist() == [5, 3, -1, -1] and full.gallery_labels.tolist() == [5, 3, 8, -1]
    assert str(paper).endswith("3 queries against 2, 2 removed")
    assert "whole gallery" in str(full)


@given(st.integers(0, 2**32 - 1))
def test_the_paper_protocol_never_scores_lower(seed):
    random = np.random.default_rng(seed)
    queries, gallery = random.standard_normal((20, 4)), random.standard_normal((30, 4))
    asked, labels = random.integers(0, 6, 20), random.integers(0, 12, 30)
    paper, full = (
        evaluate(queries, asked, gallery, protocols.restrict(protocol, asked, labels))
        for protocol in protocols.PROTOCOLS
    )
    assert paper.gallery == full.gallery == 30 and full.removed == 0
    assert all(paper.recall[key] >= full.recall[key] for key in paper.recall) and paper.ap >= full.ap
    assert paper.unmatched.tolist() == full.unmatched.tolist()
    assert not np.isin(labels[protocols.restrict("paper", asked, labels) == -1], asked).any()


def test_a_summary_is_ready_for_json_and_for_the_tables():
    labels = {"query_drone": np.array([3, 3, 5, 9]), "gallery_satellite": np.array([5, 3, 8])}
    vectors = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, 0.6, 0.8]])
    for found in protocols.trials(labels):
        result = evaluate(vectors[[1, 0, 0, 2]], found.query_labels, vectors, found.gallery_labels)
        said = json.loads(json.dumps(protocols.summary(found, result)))
        assert said["recall"]["1"] == 50 and set(said["recall"]) == {"1", "5", "10", "1%"}
        assert (said["queries"], said["without_match"], said["tied"]) == (4, 1, 0)
        assert said["gallery"] + said["gallery_removed"] == 3
        assert place(said | {"dataset": "university1652"}) == ["I", "II"]


def test_queries_without_a_match_are_named():
    rows = np.array([0, 2, 3])
    assert protocols.name_unmatched(rows[:0], ["a"]) == ""
    said = protocols.name_unmatched(rows, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], shown=2)
    assert said == "3 of 4 queries have no match in the gallery and count as failures: a.jpg, c.jpg and 1 more."


def test_unknown_names_are_refused():
    with pytest.raises(GalleryError, match="no protocol 'fulll'; choose paper or full"):
        protocols.check_protocol("fulll")
    with pytest.raises(GalleryError, match="no direction"):
        protocols.check_direction("up")
    with pytest.raises(GalleryError, match="needs the images of gallery_satellite; query_drone given"):
        protocols.trial("paper", "drone-to-satellite", {"query_drone": np.array([1])})
