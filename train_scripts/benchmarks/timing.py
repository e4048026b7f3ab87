"""How two functions are timed so that a busy machine does not decide which is quicker."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any


def alternating(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median seconds of two functions that are run in turn, after one unmeasured round."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for function, taken in zip((first, second), seconds, strict=True):
            begun = time.perf_counter()
            function()
            if turn:
                taken.append(time.perf_counter() - begun)
    return median(seconds[0]), median(seconds[1])
