"""A GPU that is lent for one call at a time, as a Hugging Face Space with ZeroGPU does."""

import logging
from collections.abc import Callable

import numpy as np

_log = logging.getLogger(__name__)

Pass = Callable[[np.ndarray], np.ndarray]
"""Pixels (B, S, S, 3), uint8 -> vectors (B, D), float32."""


class LentGpu:
    """Sends a network's passes to a lent GPU. The lender runs them in a fork of this process, made at the first call.

    It has to exist when the server starts, because the lender looks for it then; the network may come later.
    """

    def __init__(
        self,
        lend: Callable[[Pass], Pass],
        refusals: tuple[type[Exception], ...] = (),
        device: str = "cuda",
    ) -> None:
        """Args: lend: a decorator, such as spaces.GPU. refusals: what it raises when there is no GPU to be had now."""
        self._refusals = refusals
        self._device = device
        self._embed: Callable[[np.ndarray, str], np.ndarray] | None = None
        self._there = lend(self._run)

    def serve(self, embed: Callable[[np.ndarray, str], np.ndarray]) -> None:
        """Take over what embeds pixels on a device; it moves its network there, in the fork alone."""
        self._embed = embed

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The vectors, from the lent GPU or, where it is refused, from this machine's CPU."""
        try:
            return self._there(pixels)
        except self._refusals as error:
            _log.warning("No GPU is lent now, the CPU computes: %s", error)
            assert self._embed is not None
            return self._embed(pixels, "cpu")

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        assert self._embed is not None
        return self._embed(pixels, self._device)
