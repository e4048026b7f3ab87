"""Protocols: the published counts, and words for what differs."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gallery.metrics import evaluate
from train_scripts.data.readers.dataset import BOTH_WAYS, PROTOCOLS, Dataset, Picture
from train_scripts.evaluation import protocols
from train_scripts.evaluation.paper_comparison import place


def pictures(kind, counts):
    """As many pictures of each place as `counts` says."""
    return tuple(Picture(kind, Path(f"{kind}{i}.jpg"), f"{name:04d}") for name, n in counts.items() for i in range(n))


def university():
    """A complete University-1652 test set: 55 drone photos of the first place, 54 of the others."""
    drones = {name: 55 if name == 0 else 54 for name in range(951)}
    streets = {name: 4 if name < 476 or 701 <= name < 767 else 3 for name in range(793)}
    everything = {"drone": drones, "satellite": dict.fromkeys(range(951), 1), "street": streets}
    asked = {kind: {name: n for name, n in of.items() if name < 701} for kind, of in everything.items()}
    return _test_set(asked, everything)


def sues():
    """One height of SUES-200: 200 places of 50 drone photos, of which 80 are asked."""
    everything = {"drone": dict.fromkeys(range(200), 50), "satellite": dict.fromkeys(range(200), 1)}
    asked = {kind: {name: n for name, n in of.items() if name < 160 and name % 2} for kind, of in everything.items()}
    return _test_set(asked, everything)


def _test_set(asked, everything):
    queries, gallery = (sum((pictures(*item) for item in of.items()), ()) for of in (asked, everything))
    return Dataset("complete", (), queries, gallery)


@pytest.mark.parametrize(
    ("dataset", "data", "wanted"),
    [
        ("university1652", university(), [(37855, 701), (37855, 951), (701, 37855), (701, 51355)]),
        ("sues200", sues(), [(4000, 80), (4000, 200), (80, 4000), (80, 10000)]),
    ],
)
def test_complete_copies_have_the_published_counts(dataset, data, wanted):
    tasks = [data.retrieval(direction, protocol) for direction, protocol in product(BOTH_WAYS, PROTOCOLS)]
    assert [(len(task.queries), task.ranked) for task in tasks] == wanted
    for task in tasks:
        counts = protocols.published_counts(dataset, task.protocol, task.direction)
        assert counts == protocols.Counts(len(task.queries), task.ranked, len(task.gallery) - task.ranked)
        assert protocols.deviations(dataset, task) == []


def test_street_views_have_published_counts_too():
    data = university()
    for direction, protocol in product(("street-to-satellite", "satellite-to-street", "drone-to-street"), PROTOCOLS):
        task = data.retrieval(direction, protocol)
        wanted = protocols.published_counts("university1652", protocol, direction)
        assert (len(task.queries), len(task.gallery)) == (wanted.queries, wanted.ranked + wanted.removed)
    assert protocols.published_counts("university1652", "full", "satellite-to-street") == protocols.Counts(701, 2921, 0)
    assert protocols.published_counts("university1652", "full", "satellite-to-google") is None


def test_a_lost_photo_is_named():
    """The copy of 37,854 queries that is about."""
    task = university().retrieval("drone-to-satellite", "paper")
    task = replace(task, queries=task.queries[1:])
    assert protocols.deviations("university1652", task) == [
        "drone-to-satellite, paper protocol: 37,854 queries, published 37,855 (-1)"
    ]
    assert protocols.deviations("world", task) == []


def test_a_summary_is_ready_for_json_and_for_the_tables():
    data = Dataset("toy", (), pictures("drone", {3: 2, 5: 1, 9: 1}), pictures("satellite", {3: 1, 5: 1, 8: 1}))
    vectors = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, 0.6, 0.8]])
    for protocol in PROTOCOLS:
        task = data.retrieval(protocol=protocol)
        result = evaluate(vectors[[0, 1, 1, 2]], task.query_labels, vectors, task.gallery_labels)
        said = json.loads(json.dumps(protocols.summary(task, result)))
        assert said["recall"]["1"] == 50 and set(said["recall"]) == {"1", "5", "10", "1%"}
        assert (said["queries"], said["without_match"], said["tied"]) == (4, 1, 0)
        assert said["gallery"] + said["gallery_removed"] == 3
        assert place(said | {"dataset": "university1652"}) == ["I", "II"]


def test_queries_without_a_match_are_named():
    rows = np.array([0, 2, 3, 4, 5, 6])
    assert protocols.name_unmatched(rows[:0], ["a"]) == ""
    said = protocols.name_unmatched(rows, list("abcdefg"))
    assert said == "6 of 7 queries have no match in the gallery and count as failures: a, c, d, e, f and 1 more."
