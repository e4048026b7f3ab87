"""Batches of candidates read: which become tiles, what they show, and the pictures that are to be embedded."""

import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gallery.build.candidates import Candidate, ReadPhoto, Skipped, Source
from gallery.build.checkpoint import Outcome
from gallery.embedder import Embedder
from gallery.errors import BuildError
from gallery.imagery.images import content_of, detail_of
from gallery.store.gallery import Gallery
from gallery.store.tile_table import WINDOW

LEAST_DETAIL = 1.0
"""Pictures with less `detail_of` are left out: less than one grey level. Tiles with more are worth their place: of the
sample's with 1.2 to 1.3, seen again askew, the starter of 467dd5713a0e82df finds 29 %, 1.3 to 2: 48 %, 2 to 3: 58 %,
6 to 10: 87 %, from 20 on: 98 %. The least of 1,500 real overhead photos is 5.2."""

FEATURELESS = "without detail"
"""Why a picture with too little detail becomes no tile."""

PRESENT = "already in the gallery"
"""Why a candidate becomes no tile whose raster window or image is in the gallery already."""

Task = tuple[Source, Candidate]


class KnownTiles:
    """The raster windows and images that a gallery holds, 8 bytes for each."""

    def __init__(self, gallery: Gallery | None = None) -> None:
        """Args: gallery: None holds nothing."""
        names = ("source", "image", *WINDOW)
        parts = () if gallery is None else gallery.table.batches(*names)
        rows = chain.from_iterable(zip(*(part[name].to_pylist() for name in names), strict=True) for part in parts)
        self._known = np.unique(np.fromiter((_place(*row) for row in rows), np.uint64))

    def __contains__(self, task: Task) -> bool:
        if not len(self._known):
            return False
        source, candidate = task
        place = np.uint64(_place(source.noted, candidate.image, *(candidate.window or (None,) * len(WINDOW))))
        at = min(int(np.searchsorted(self._known, place)), len(self._known) - 1)
        return bool(self._known[at] == place)


def _place(*what: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(what).encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Batch:
    """What was read of consecutive candidates."""

    outcomes: tuple[Outcome, ...]
    pictures: Mapping[str, Any]  # what the embedder takes, by content

    @property
    def contents(self) -> list[str]:
        """The hash of each picture that became a tile, in their order."""
        return [outcome.content for outcome in self.outcomes if outcome.tile is not None]


@dataclass(frozen=True)
class Embedded:
    """What became of consecutive candidates, and the vectors of their pictures, as far as they were needed."""

    outcomes: tuple[Outcome, ...]
    vectors: Mapping[str, np.ndarray]  # (D,) float16, by content


class Workers(Protocol):
    """What reads and embeds batches in other processes or on other machines."""

    def __call__(
        self, batches: Iterable[list[Task]], made_by: tuple[str, str], least_detail: float, known: KnownTiles
    ) -> Generator[Embedded]:
        """The batches in their order, each with the vectors of all its pictures.

        Args:
            made_by: fingerprint and precision of the embedder that must embed them.
            least_detail, known: as for `read_batch`.

        Raises:
            GalleryError: what stopped the work.
        """
        ...


def read_batch(tasks: Iterable[Task], read_photo: ReadPhoto, least_detail: float, known: KnownTiles) -> Batch:
    """Read candidates.

    Args:
        read_photo: reads the images of folders.
        least_detail: a picture with less `detail_of` becomes no tile.
        known: what becomes no tile because it is one.

    Raises:
        SourceError: a source is gone or damaged.
    """
    outcomes: list[Outcome] = []
    pictures: dict[str, Any] = {}
    for source, candidate in tasks:
        try:
            if (source, candidate) in known:
                raise Skipped(PRESENT)
            tile, picture = source.load(candidate, read_photo)
            image = picture if isinstance(picture, Image.Image) else picture.image
            detail = detail_of(image)
            if detail < least_detail:
                raise Skipped(FEATURELESS)
        except Skipped as reason:
            outcomes.append(Outcome(candidate.id, reason=str(reason)))
        else:
            content = content_of(image)
            outcomes.append(Outcome(candidate.id, tile, content, detail))
            pictures.setdefault(content, picture)
    return Batch(tuple(outcomes), pictures)


def embedded(batch: Batch, contents: Sequence[str], embedder: Embedder) -> Embedded:
    """A batch with the vectors of some of its pictures.

    Raises:
        BuildError: the model refuses a picture, or does not give what it states.
    """
    if not contents:
        return Embedded(batch.outcomes, {})
    try:
        vectors = embedder.embed([batch.pictures[content] for content in contents])
    except embedder.photo_errors as error:
        raise BuildError(f"The model refuses a tile: {error} Tiles of more ground have more pixels.") from error
    if vectors.shape != (len(contents), embedder.dimension) or not _is_unit(vectors):
        raise BuildError("The model gives vectors of another shape or length than it states.")
    return Embedded(batch.outcomes, dict(zip(contents, vectors.astype(np.float16), strict=True)))


def _is_unit(vectors: np.ndarray, tolerance: float = 1e-2) -> bool:
    """Whether every row of (N, D) has length 1 within the tolerance (half precision included)."""
    return bool(np.all(np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1) <= tolerance))
