"""95 % intervals of shares, means and medians."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LEVEL = 0.95
Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(hits: int, count: int) -> list[float]:
    """95 % interval of a share in percent, Wilson's score interval."""
    share, z2 = hits / count, Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return [round(100 * max(0.0, middle - half), 2), round(100 * min(1.0, middle + half), 2)]


def share(hits: int, count: int) -> Estimate:
    """A share in percent with Wilson's interval; count is at least 1."""
    return Estimate(100 * hits / count, *wilson(hits, count))


def median(values: np.ndarray) -> Estimate:
    """The median of (N,) finite values, N at least 1.

    The interval is the exact one from order statistics, which needs no resampling: it stays quick for 40,000 values and
    for a thousand places. With fewer than 6 values it reaches from the least to the greatest.
    """
    low, high = _median_ranks(len(values))
    ordered = np.sort(values)
    return Estimate(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))


def mean(values: np.ndarray, least: float, most: float) -> Estimate:
    """The mean of (N,) finite values in [least, most], N at least 1, with Student's interval cut to that range."""
    value = float(values.mean())
    if len(values) < 2:
        return Estimate(value, least, most)
    half = float(_student(len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Estimate(value, max(least, value - half), min(most, value + half))


@lru_cache(maxsize=4096)
def _median_ranks(count: int) -> tuple[int, int]:
    """0-based ranks that enclose the median of `count` values."""
    from scipy.stats import quantile_test

    found = quantile_test(np.arange(count), p=0.5).confidence_interval(LEVEL)
    return (
        int(found.low) if math.isfinite(found.low) else 0,
        int(found.high) if math.isfinite(found.high) else count - 1,
    )


@lru_cache(maxsize=4096)
def _student(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, freedom))
