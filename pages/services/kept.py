"""Answers that are kept for a while, so that pages can show them again: small, and without the photos' metadata."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from gallery import Answer, Near
from gallery.geo import LonLat
from gallery.photo.belief import Belief
from gallery.search.answer import PhotoProblem
from pages.common import maps
from pages.common.answer_map import heats_of
from pages.services.engine import Engine
from pages.services.expiring import ExpiringStore
from pages.services.question import PhotoQuestion

KEPT_S = 3600.0
"""Seconds that an answer is kept."""

MOST_KEPT = 256
"""Answers of single photos that are kept, of all visitors: some 0.4 MB each."""

MOST_SETS = 8
"""Answers of several photos that are kept together: some 0.2 MB for each photo."""


@dataclass(frozen=True)
class Packed:
    """A picture as the bytes of a JPEG, a tenth of what it takes in memory."""

    jpeg: bytes

    @classmethod
    def of(cls, image: Image.Image, most_px: int) -> "Packed":
        """Pack a picture without its metadata. Args: most_px: of the longer side."""
        small = image.convert("RGB")
        small.thumbnail((most_px, most_px), Image.Resampling.LANCZOS)
        small.info.clear()
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=92)
        return cls(stream.getvalue())

    def open(self) -> Image.Image:
        """The picture."""
        return Image.open(io.BytesIO(self.jpeg)).convert("RGB")


@dataclass(frozen=True)
class GroundSaid:
    """What the ground says of a photo. Attributes: point: the most probable place. heats: maps of the probability."""

    point: LonLat
    heats: tuple[maps.Heat, ...]


@dataclass(frozen=True)
class FreshPhoto:
    """A photo with its answer."""

    answer: Answer  # without `ground` and `seen`, which take tens of megabytes
    photo: Packed  # upright
    searched: Packed | None  # `Answer.seen`
    engine: Engine  # that answered it
    question: PhotoQuestion
    near: Near | None = None  # the area that was searched
    camera: maps.Camera | None = None
    stated: tuple[Belief, ...] = ()  # what the file says of its camera
    said: GroundSaid | None = None  # None: the ground was not asked
    ground: maps.GroundImage | None = None  # the gallery's imagery
    source: Path | None = None  # the upload, which may be gone

    @property
    def picture(self) -> Image.Image:
        """The photo, small."""
        return self.photo.open()


@dataclass(frozen=True)
class FreshPhotos:
    """Several photos with their answers."""

    results: tuple[FreshPhoto | PhotoProblem, ...]
    question: PhotoQuestion
    engine: Engine
    asked: int  # photos that were given; more than there are results where the visitor stopped

    @property
    def placed(self) -> tuple[FreshPhoto, ...]:
        """Those that have a best tile; the n-th one has the number n on the map."""
        return tuple(each for each in self.results if isinstance(each, FreshPhoto) and each.answer.matches)


def without_canvas(answer: Answer) -> tuple[Answer, GroundSaid | None]:
    """An answer that takes little memory, and what of its ground is shown."""
    said = None if answer.ground is None else GroundSaid(answer.ground.point, tuple(heats_of(answer)))
    return replace(answer, ground=None, seen=None), said


class AnswerStore:
    """Answers for a limited time, each under a name that nobody can guess."""

    def __init__(self) -> None:
        self._photos: ExpiringStore[FreshPhoto] = ExpiringStore(MOST_KEPT, KEPT_S)
        self._sets: ExpiringStore[FreshPhotos] = ExpiringStore(MOST_SETS, KEPT_S)

    def put(self, photo: FreshPhoto, *, keep: bool = False) -> str:
        """Keep a photo. Args: keep: as long as the server runs. Returns: its name."""
        return self._photos.keep(photo) if keep else self._photos.put(photo)

    def put_set(self, photos: FreshPhotos) -> str:
        """Keep several photos. Returns: the name of all; that of the n-th placed one is NAME.n."""
        return self._sets.put(photos)

    def get(self, name: str) -> FreshPhoto | None:
        """The photo of that name, which may be anything; None where there is none any more."""
        whole, _, number = name.partition(".")
        if not number:
            return self._photos.get(name)
        photos = self._sets.get(whole)
        known = number.isascii() and number.isdigit() and len(number) < 5
        if photos is None or not known or not 1 <= int(number) <= len(photos.placed):
            return None
        return photos.placed[int(number) - 1]

    def get_set(self, name: str) -> FreshPhotos | None:
        """The photos of that name, or None."""
        return self._sets.get(name)
