"""Pictures of places, and the sets of them that training and retrieval are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import permutations
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
from PIL import ExifTags, Image

from gallery.geo import LonLat
from gallery.metrics import JUNK
from mean_model.errors import PhotoError
from mean_model.photo import load_photo
from train_scripts.errors import BadPicture, BadRequest, MissingPart

Kind = Literal["drone", "satellite", "street", "google"]
"""Where a picture was taken from; `google` are street pictures that a web search found."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Direction = str
"""Which kind asks, and which kind is searched: one of `DIRECTIONS`."""

DIRECTIONS: tuple[Direction, ...] = tuple(f"{asking}-to-{searched}" for asking, searched in permutations(KINDS, 2))
BOTH_WAYS: tuple[Direction, ...] = ("drone-to-satellite", "satellite-to-drone")
"""The directions that the papers measure."""

Protocol = Literal["paper", "full"]

PROTOCOLS: Mapping[Protocol, str] = {"paper": "gallery without the places that no query shows", "full": "whole gallery"}
"""What becomes of gallery places that no query shows (distractors), in words.

`paper`: they are junk and removed before ranking, as in the code of Sample4Geo, DAC, CAMP and MEAN: University-1652
ranks 701 satellite pictures, SUES-200 80. `full`: they are ranked, as in the code of University-1652, SUES-200 and
DenseUAV: 951 and 200. The same weights score higher under `paper`, so a figure without its protocol says little.
"""


def check_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises: BadRequest: there is none."""
    for known in PROTOCOLS:
        if name == known:
            return known
    raise BadRequest(f"There is no protocol {name!r}. Choose {' or '.join(PROTOCOLS)}.")


def views_of(direction: Direction) -> tuple[Kind, Kind]:
    """Which kind asks, and which kind is searched. Raises: BadRequest: there is no such direction."""
    for asking, searched in permutations(KINDS, 2):
        if direction == f"{asking}-to-{searched}":
            return asking, searched
    raise BadRequest(f"There is no direction {direction!r}. Choose one of {', '.join(DIRECTIONS)}.")


@dataclass(frozen=True)
class Picture:
    """One picture of a place.

    Attributes:
        kind: where it was taken from.
        file: the picture.
        place: name of the place as the dataset writes it ("0007").
        altitude_m: of the camera above the ground; of a DenseUAV tile the flight height that it was cut for.
        position: of the place on the ground, or None when nobody told.
    """

    kind: Kind
    file: Path
    place: str
    altitude_m: float | None = None
    position: LonLat | None = None

    @property
    def name(self) -> str:
        """Kind, place, altitude and file name: tells pictures of one part apart, and holds no path of the machine."""
        height = "" if self.altitude_m is None else f"{self.altitude_m:g}m/"
        return f"{self.kind}/{self.place}/{height}{self.file.name}"

    @property
    def where(self) -> str:
        """The end of its path, by which a person finds it in the dataset: "query_drone/0007/image-01.jpeg"."""
        return "/".join(self.file.parts[-3:])


@dataclass(frozen=True)
class TrainingPair:
    """A drone picture and the satellite pictures that may stand beside it.

    Attributes:
        label: class number of the place, 0-based, in the order of `Dataset.classes`.
        satellites: one for University-1652 and SUES-200; those cut for the same height for DenseUAV.
    """

    label: int
    place: str
    drone: Picture
    satellites: tuple[Picture, ...]


@dataclass(frozen=True)
class Retrieval:
    """One direction of the test part under one protocol: pictures and their labels.

    Attributes:
        dataset: its name.
        direction, protocol: as asked for.
        queries: pictures that ask, sorted by place.
        gallery: pictures that are searched, sorted by place; under both protocols all of them, because the rank that
            R@1% asks for counts junk as well.
    """

    dataset: str
    direction: Direction
    protocol: Protocol
    queries: tuple[Picture, ...]
    gallery: tuple[Picture, ...]

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Names of all places, sorted; a label is a number in this list."""
        return tuple(sorted({picture.place for picture in (*self.queries, *self.gallery)}))

    @cached_property
    def query_labels(self) -> np.ndarray:
        """(Q,) int64 place of each query."""
        return self._labels(self.queries)

    @cached_property
    def gallery_labels(self) -> np.ndarray:
        """(G,) int64 place of each gallery picture; -1 for distractors under the `paper` protocol."""
        labels = self._labels(self.gallery)
        if self.protocol == "paper":
            labels[~np.isin(labels, self.query_labels)] = JUNK
        return labels

    @property
    def ranked(self) -> int:
        """Gallery pictures that take part in the ranking."""
        return int(np.count_nonzero(self.gallery_labels != JUNK))

    def _labels(self, pictures: Sequence[Picture]) -> np.ndarray:
        number = {place: i for i, place in enumerate(self.places)}
        return np.array([number[picture.place] for picture in pictures], np.int64)


@dataclass(frozen=True)
class Dataset:
    """Pictures to train with, and pictures to test with.

    Attributes:
        name: for tables and reports.
        train: pictures of the training part, all kinds that were read.
        queries: pictures of the test part that ask.
        gallery: pictures of the test part that are searched: the query places, and distractors.
        notes: what the reader had to leave out, in words.
    """

    name: str
    train: tuple[Picture, ...]
    queries: tuple[Picture, ...]
    gallery: tuple[Picture, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Training places with both a drone and a satellite picture, sorted; a label is a number in this list."""
        drone, satellite = (by_place(self.train, kind) for kind in ("drone", "satellite"))
        return tuple(sorted(drone.keys() & satellite.keys()))

    def training_pairs(self) -> tuple[TrainingPair, ...]:
        """Every drone picture of a training place with its satellite pictures, sorted by place.

        Raises:
            MissingPart: no training place has both.
        """
        drone, satellite = by_place(self.train, "drone"), by_place(self.train, "satellite")
        if not self.classes:
            raise MissingPart(
                f"{self.name} holds no training place with a drone and a satellite picture. "
                "See what is missing: python -m train_scripts.data check KIND:PATH"
            )
        return tuple(
            TrainingPair(label, place, picture, beside(picture, satellite[place]))
            for label, place in enumerate(self.classes)
            for picture in drone[place]
        )

    def retrieval(self, direction: Direction = "drone-to-satellite", protocol: Protocol = "paper") -> Retrieval:
        """One direction of the test part.

        Args:
            direction: which kind asks which.
            protocol: `paper` or `full`, see `PROTOCOLS`.

        Raises:
            BadRequest: there is no such direction or protocol.
            MissingPart: the dataset holds no picture that asks, or none to search.
        """
        asking, searched = views_of(direction)
        protocol = check_protocol(protocol)
        queries = tuple(picture for picture in self.queries if picture.kind == asking)
        gallery = tuple(picture for picture in self.gallery if picture.kind == searched)
        for pictures, kind, role in ((queries, asking, "query"), (gallery, searched, "gallery")):
            if not pictures:
                raise MissingPart(
                    f"{self.name} holds no {kind} picture in the {role} of its test part, which {direction} needs. "
                    "See what is missing: python -m train_scripts.data check KIND:PATH"
                )
        return Retrieval(self.name, direction, protocol, queries, gallery)


def by_place(pictures: Iterable[Picture], kind: Kind) -> dict[str, tuple[Picture, ...]]:
    """Pictures of one kind by their place, in the order in which they come."""
    found: dict[str, list[Picture]] = {}
    for picture in pictures:
        if picture.kind == kind:
            found.setdefault(picture.place, []).append(picture)
    return {place: tuple(of) for place, of in found.items()}


def beside(drone: Picture, satellites: tuple[Picture, ...]) -> tuple[Picture, ...]:
    """The satellite pictures that were cut for the height of a drone picture; all of them where none was."""
    same = tuple(one for one in satellites if one.altitude_m is not None and one.altitude_m == drone.altitude_m)
    return same or satellites


def pictures_of(
    kind: Kind,
    files: Mapping[str, Sequence[Path]],
    positions: Mapping[str, LonLat] | None = None,
    altitude_m: float | None = None,
) -> tuple[Picture, ...]:
    """Pictures of one kind from files by place, sorted by place and file name."""
    known = positions or {}
    return tuple(
        Picture(kind, file, place, altitude_m, known.get(place))
        for place, of in sorted(files.items())
        for file in sorted(of)
    )


def read_picture(picture: Picture, target_px: int | None = None) -> Image.Image:
    """The pixels: RGB, upright.

    Args:
        target_px: the shorter side that is needed; large files are then decoded smaller.

    Raises:
        BadPicture: the file is gone, damaged or no picture; says where it lies in the dataset.
    """
    try:
        return load_photo(picture.file, target_px).image
    except PhotoError as error:
        raise BadPicture(f"{picture.where} cannot be used. {error}") from error
    except OSError as error:
        raise BadPicture(f"{picture.where} cannot be read from the disk. Check that it is there.") from error


def read_pixels(picture: Picture, target_px: int | None = None) -> np.ndarray:
    """The pixels (H, W, 3) uint8 of a picture: what `read_picture` gives, for a plain JPEG in two thirds of the time.

    Args and errors: see `read_picture`.
    """
    try:
        data = picture.file.read_bytes()
    except OSError:
        return np.asarray(read_picture(picture, target_px))  # says what is wrong
    if plain_jpeg(data, target_px):
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if found is not None:
            return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)
    return np.asarray(read_picture(picture, target_px))


def plain_jpeg(data: bytes, target_px: int | None) -> bool:
    """Whether this is a whole upright JPEG in colour, and too small to be decoded smaller: OpenCV reads it alike."""
    if not data.startswith(b"\xff\xd8") or not data.endswith(b"\xff\xd9"):
        return False
    try:
        with Image.open(BytesIO(data)) as image:
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            return image.mode == "RGB" and upright and (target_px is None or min(image.size) < 4 * target_px)
    except (OSError, ValueError, SyntaxError):
        return False
