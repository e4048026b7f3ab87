"""One likelihood: it adds up, obeys the prior, and its radius holds what it says."""

import math

import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.registration.combine import Grid, Posterior, posterior

GRID = Grid(0, 0, 2, (20, 30))


def two_places() -> np.ndarray:
    likelihood = np.zeros(GRID.shape)
    likelihood[5, 6] = likelihood[15, 20] = 9
    return likelihood


def test_a_posterior_adds_up_and_obeys_the_prior():
    belief = posterior(GRID, two_places(), 4)
    assert belief.probability.sum() + belief.absent == pytest.approx(1) and belief.radius_m() > 20
    prior = np.full(GRID.shape, -10.0)
    prior[14:17, 19:22] = 0
    belief = posterior(GRID, two_places(), 4, prior)
    assert belief.best() == (40, -30) and belief.radius_m() < 4 and belief.within(40, -30, 3) > 0.9


@pytest.mark.parametrize("share", [0.3, 0.5, 0.95, 1.0])
def test_a_radius_is_that_of_a_sort_of_all_cells(share):
    grid = Grid(-100, 300, 4, (120, 90))
    probability = np.random.default_rng(1).uniform(0, 1, grid.shape) ** 8
    belief = Posterior(grid, probability / probability.sum(), 0.0)
    east, north = grid.places()
    at = belief.best()
    far = np.hypot(east[None] - at[0], north[:, None] - at[1]).ravel()
    order = np.argsort(far, kind="stable")
    held = np.cumsum(belief.probability.ravel()[order])
    wanted = far[order[min(int(np.searchsorted(held, share)), len(order) - 1)]] + 2
    assert belief.radius_m(share) == pytest.approx(wanted, abs=0.1)
    for radius_m in (0.0, 7.0, 90.0):
        near = (east[None] - 20) ** 2 + (north[:, None] - 100) ** 2 <= radius_m**2
        assert belief.within(20, 100, radius_m) == pytest.approx(belief.probability[near].sum())


def test_nothing_found_is_absent():
    belief = posterior(GRID, np.full(GRID.shape, -np.inf), 4)
    assert belief.absent == 1 and belief.radius_m() == math.inf and belief.within(0, 0, 100) == 0


def test_shapes_and_priors_that_do_not_fit_are_refused():
    with pytest.raises(RegistrationError, match="shape of the grid"):
        posterior(GRID, np.zeros((3, 3)), 4)
    with pytest.raises(RegistrationError, match="leaves no place"):
        posterior(GRID, two_places(), 4, np.full(GRID.shape, -np.inf))
