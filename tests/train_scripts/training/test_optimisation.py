"""How fast a training learns: the rate over its course."""

from itertools import pairwise

import numpy as np
import pytest

from train_scripts.training.optimisation import rate_at
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.worlds_config import WorldsConfig


def test_the_rate_warms_up_then_falls_to_nothing() -> None:
    config = PlacesConfig(warmup=0.1)
    rates = [rate_at(step / 100, config) for step in range(101)]
    assert rates[0] == 0 and rates[10] == max(rates) == pytest.approx(1e-3) and rates[-1] == pytest.approx(0)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_the_rate_warms_up_then_falls_to_one_percent() -> None:
    config = WorldsConfig(warmup=0.1)
    rates = [rate_at(share, config, 0.01) for share in np.linspace(0, 1, 101)]
    peak = int(np.argmax(rates))
    assert peak == 10 and rates[10] == pytest.approx(config.learning_rate)
    assert all(np.diff(rates[10:]) < 0) and rates[-1] == pytest.approx(0.01 * config.learning_rate)
