"""Candidates (tiles to be) and the sources that yield them: plain data, so that a build can send them to workers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from gallery.embedder import Photo
from gallery.georef.position_lists import StatedPosition
from gallery.tiles import Tile, Window

ReadPhoto = Callable[[Path], Photo]
"""Reads an image file. Raises: UnreadablePhoto."""


class Skipped(Exception):
    """This candidate becomes no tile; the message is the reason, the same words for the same reason."""


@dataclass(frozen=True)
class Candidate:
    """A tile to be: its id and what its source needs to load it, no pixels."""

    id: str
    window: Window | None = None  # of a raster
    image: str | None = None  # below a folder, with forward slashes
    position: StatedPosition | None = None  # of the image, where a list or its name states it
    scale_m: float | None = None  # the tile size that it is cut or assumed by
    tile: Tile | None = None  # where it is known already


class Source(Protocol):
    """One raster or folder. Frozen and picklable; `gallery.imagery.raster_cache` keeps what it opens."""

    @property
    def path(self) -> Path:
        """The file or folder."""
        ...

    @property
    def noted(self) -> str:
        """The file or folder as the gallery names it."""
        ...

    @property
    def total(self) -> int:
        """How many candidates it yields."""
        ...

    def candidates(self) -> Iterator[Candidate]:
        """All candidates, in the same order each time, without reading a pixel."""
        ...

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Image.Image | Photo]:
        """Read one of the candidates.

        Args: read_photo: reads the images of folders, as the embedder of the reading process does.

        Returns: the tile, and what the embedder takes (a PIL image or a photo).

        Raises:
            Skipped: it becomes no tile.
            SourceError: the source is gone or damaged.
        """
        ...
