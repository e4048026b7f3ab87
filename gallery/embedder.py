"""What a gallery needs of an embedder, and how it is asked: pictures read, their positions, their vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gallery.build.batches import Batch, Embedded
from gallery.errors import BuildError, UnreadablePhoto


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


def embedded(batch: Batch, contents: Sequence[str], embedder: Embedder) -> Embedded:
    """A batch with the vectors of some of its pictures.

    Raises:
        BuildError: the model refuses a picture, or does not give what it states.
    """
    if not contents:
        return Embedded(batch.outcomes, {})
    try:
        vectors = embedder.embed([batch.pictures[content] for content in contents])
    except getattr(embedder, "photo_errors", ()) as error:
        raise BuildError(f"The model refuses a tile: {error} Tiles of more ground have more pixels.") from error
    if vectors.shape != (len(contents), embedder.dimension) or not _is_unit(vectors):
        raise BuildError("The model gives vectors of another shape or length than it states.")
    return Embedded(batch.outcomes, dict(zip(contents, vectors.astype(np.float16), strict=True)))


def _is_unit(vectors: np.ndarray, tolerance: float = 1e-2) -> bool:
    """Whether every row of (N, D) has length 1 within the tolerance (half precision included)."""
    return bool(np.all(np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1) <= tolerance))
