"""The fit of the ground's likelihood: it learns what tells right places, and locates nothing that is not there."""

from dataclasses import replace

import numpy as np
import pytest

from gallery.errors import GalleryError
from gallery.registration.combine import SIFT, XFEAT, fitted
from gallery.registration.locate import Candidate
from train_scripts.evaluation import ground_fit
from train_scripts.evaluation.ground_rows import TUNING, GroundRow

BEFORE = fitted(XFEAT)


def row(number, elsewhere, random, name="town"):
    """A search whose right place, where it has one, stands out by correlation and votes alike."""
    z, weight = random.normal(5.5, 0.7, 6), random.uniform(0, 5, 6)
    if not elsewhere:
        z[0], weight[0] = random.normal(13, 1), random.uniform(20, 60)
    places = [Candidate(300.0 * i, 0, 0, 1, z[i], 0.3, weight[i], 3, -9, True) for i in range(6)]
    off_m = () if elsewhere else tuple(300.0 * i for i in range(6))
    confirmed = (not elsewhere, False, *[None] * 4)
    return GroundRow(
        name, "real", f"{number}.jpg", TUNING, "stated", XFEAT, elsewhere, None, not elsewhere, not elsewhere, 0.9, 1.0,
        True, tuple(places), confirmed, off_m,
    )  # fmt: skip


def rows(count=30):
    random = np.random.default_rng(0)
    return [row(number, number % 2 == 0, random) for number in range(2 * count)]


def loss(searches, weights):
    numbers = np.array([getattr(weights, name) for name in ground_fit.NAMES])
    return sum(one.loss(numbers) for one in searches)


def test_a_fit_explains_the_searches_better_and_locates_no_place_that_lacks():
    asked = rows()
    blind = replace(BEFORE, z=0.0, votes=0.0, found=0.0, absent=0.0)
    found = ground_fit.fit(asked, blind)
    searches = ground_fit.searches_of(asked)
    assert loss(searches, found) < 0.2 * loss(searches, blind)
    numbers = np.array([getattr(found, name) for name in ground_fit.NAMES])
    told = [(one.there, *one.best(numbers)) for one in searches]
    located = [(there, right) for there, chance, right in told if chance >= found.located_from]
    assert len(located) > 20 and all(there and right for there, right in located)


def test_a_place_that_is_hidden_counts_as_lacking():
    searches = ground_fit.searches_of([row(0, False, np.random.default_rng(0))])
    assert [(one.there, len(one.right), bool(one.right.any())) for one in searches] == [
        (True, 6, True),
        (False, 5, False),
    ]


def test_of_each_set_by_itself_enough_of_what_is_located_is_right():
    random = np.random.default_rng(1)
    wrong = [replace(row(n, False, random, "hard"), off_m=(900.0,) * 6) for n in range(5)]
    searches = ground_fit.searches_of([*rows(), *wrong])
    bound = ground_fit.least_probability(searches, BEFORE)
    numbers = np.array([getattr(BEFORE, name) for name in ground_fit.NAMES])
    assert all(one.best(numbers)[0] < bound for one in searches if one.group[0] == "hard")


def test_too_few_searches_are_refused():
    with pytest.raises(GalleryError, match="a fit needs 20 of each"):
        ground_fit.fit(rows(3), BEFORE)


@pytest.mark.parametrize("matcher", [XFEAT, SIFT])
def test_the_weights_that_come_with_the_program_have_the_right_signs(matcher):
    weights = fitted(matcher)
    assert min(weights.z, weights.votes, weights.lead, weights.found) >= 0 >= weights.missing
    assert weights.absent > 0 and 0.5 <= weights.located_from < 1
