"""What a gallery needs of an embedder, and how it is asked: pictures read, their positions, their vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gallery.errors import UnreadablePhoto


class Embedder(Protocol):
    """What turns pictures into vectors; `mean_model.load_model` returns one.

    Optional attributes: `image_size` (side in pixels that it looks at, 384 if it does not say), `name` (of its
    weights), `photo_errors` (what `read` raises for a photo that it refuses; OSError and ValueError always count),
    `position` (of a photo by its path, without decoding it).
    """

    @property
    def fingerprint(self) -> str:
        """Names the weights and the preprocessing."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """PIL images, or what `read` returns -> (N, D) float32, rows of length 1."""
        ...

    def read(self, source: Any, least_px: int = 0) -> Any:
        """A path, bytes or PIL image -> an object with .image, .name and .position (lon, lat, …) or None.

        Args: least_px: a larger picture may come back smaller, but its shorter side not below this.
        """
        ...


def tile_px(embedder: Embedder) -> int:
    """The longer side of the pictures of tiles that an embedder is given."""
    return int(getattr(embedder, "image_size", 384))


def read_photo(embedder: Embedder, source: Any, least_px: int = 0) -> Any:
    """What the embedder reads from a path, bytes or picture.

    Args: least_px: the shorter side is not shrunk below this; 0 leaves it to the embedder.

    Raises:
        UnreadablePhoto: with the embedder's own sentence.
    """
    refusals = (*getattr(embedder, "photo_errors", ()), OSError, ValueError)
    try:
        return embedder.read(source, least_px)
    except refusals as error:
        raise UnreadablePhoto(str(error)) from error


def read_position(embedder: Embedder, source: Path) -> Any:
    """What an image states of where it was taken, without decoding it where the embedder can do that.

    Raises:
        UnreadablePhoto: with the embedder's own sentence.
    """
    looks = getattr(embedder, "position", None)
    if looks is None:
        return read_photo(embedder, source).position
    try:
        return looks(source)
    except (*getattr(embedder, "photo_errors", ()), OSError, ValueError) as error:
        raise UnreadablePhoto(str(error)) from error
