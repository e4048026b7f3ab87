"""What a gallery needs of an embedder and of the photos that it reads, and how it is asked."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from gallery.errors import UnreadablePhoto


class PhotoPosition(Protocol):
    """Where a photo says that its camera was. Show it, never trust it."""

    @property
    def lon(self) -> float:
        """Degrees east, WGS84."""
        ...

    @property
    def lat(self) -> float:
        """Degrees north, WGS84."""
        ...


class StatedPose(Protocol):
    """How a photo says that its camera looked; None where it says nothing."""

    @property
    def heading_deg(self) -> float | None:
        """Degrees clockwise from north that the photo's up points to."""
        ...

    @property
    def pitch_deg(self) -> float | None:
        """Degrees: 0 is level, -90 looks straight down."""
        ...

    @property
    def height_m(self) -> float | None:
        """Metres above the ground, which drones give as above the take-off point."""
        ...

    @property
    def focal_35mm(self) -> float | None:
        """Focal length for the diagonal of 36 x 24 mm film, millimetres."""
        ...

    @property
    def roll_deg(self) -> float | None:
        """Degrees about the direction of the photo's up, as of an aircraft whose camera looks straight down.

        Positive where the right side of the photo dips.
        """
        ...

    @property
    def other_focals_35mm(self) -> tuple[float, ...]:
        """What the photo states of its lens besides, where its statements disagree."""
        ...


class Statement(Protocol):
    """One thing that a photo's file says of how it was taken."""

    @property
    def quantity(self) -> str:
        """Such as heading, pitch, height or focal length."""
        ...

    @property
    def tag(self) -> str:
        """Where the file says it."""
        ...

    @property
    def taken(self) -> bool:
        """Whether it is part of the photo's pose."""
        ...


class Photo(Protocol):
    """A photo that an embedder has read; a dataclass."""

    @property
    def image(self) -> Image.Image:
        """RGB and upright; maybe smaller than the original."""
        ...

    @property
    def name(self) -> str:
        """File name without its folder."""
        ...

    @property
    def width_px(self) -> int:
        """Width of the original, upright."""
        ...

    @property
    def height_px(self) -> int:
        """Height of the original, upright."""
        ...

    @property
    def position(self) -> PhotoPosition | None:
        """Where the camera was."""
        ...

    @property
    def pose(self) -> StatedPose | None:
        """How the camera looked."""
        ...

    @property
    def statements(self) -> Sequence[Statement]:
        """Who says so: its file, tag by tag."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed while it was read, one sentence each."""
        ...

    @property
    def taken_at(self) -> datetime | None:
        """When it was taken, by the camera's clock."""
        ...


P = TypeVar("P", bound=Photo, covariant=True)


class PhotoReader(Protocol[P]):
    """What reads photos."""

    @property
    def photo_errors(self) -> tuple[type[Exception], ...]:
        """What `read` raises for a photo that it refuses, beside OSError and ValueError."""
        ...

    def read(self, source: Any, least_px: int = 0) -> P:
        """A path, bytes or PIL image -> a photo; one that was read before comes back as it is.

        Args:
            source: what is read.
            least_px: a larger picture may come back smaller, but its shorter side not below this.
        """
        ...


class Embedder(PhotoReader[Photo], Protocol):
    """What turns pictures into vectors; `mean_model.load_model` returns one. Its `embed` raises what `read` raises."""

    @property
    def fingerprint(self) -> str:
        """Names the weights and the preprocessing."""
        ...

    @property
    def name(self) -> str:
        """Names the weights for people."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def image_size(self) -> int:
        """Side of the square that it looks at, pixels."""
        ...

    @property
    def from_above(self) -> bool:
        """Whether it knows photos that were brought to the ground plane, beside photos as they are."""
        ...

    @property
    def precision(self) -> str:
        """Names what it computes in, such as "float32": vectors of two precisions differ slightly."""
        ...

    @property
    def calibration(self) -> Any:
        """JSON that came with the weights, or None: what searches with them are worth."""
        ...

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """PIL images, or what `read` returns -> (N, D) float32, rows of length 1."""
        ...

    def position(self, source: Path) -> PhotoPosition | None:
        """Where an image says that it was taken, without decoding it where that can be done."""
        ...


def read_photo(reader: PhotoReader[P], source: Any, least_px: int = 0) -> P:
    """What is read from a path, bytes or picture.

    Args:
        reader: reads.
        source: what is read.
        least_px: the shorter side is not shrunk below this; 0 leaves it to the reader.

    Raises:
        UnreadablePhoto: with the reader's own sentence.
    """
    try:
        return reader.read(source, least_px)
    except _refusals(reader) as error:
        raise UnreadablePhoto(str(error)) from error


def read_position(embedder: Embedder, source: Path) -> PhotoPosition | None:
    """Where an image states that it was taken.

    Raises:
        UnreadablePhoto: with the embedder's own sentence.
    """
    try:
        return embedder.position(source)
    except _refusals(embedder) as error:
        raise UnreadablePhoto(str(error)) from error


def _refusals(reader: PhotoReader[Photo]) -> tuple[type[Exception], ...]:
    return (*reader.photo_errors, OSError, ValueError)
