"""DenseUAV on disk: sampling points with three drone heights, old and new satellite tiles, and true positions.

Layout and counts: github.com/Dmmm1997/DenseUAV. The gallery holds all points, those of the training part as
distractors. Positions stand in `Dense_GPS_ALL.txt`, longitude first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from train_scripts.data.readers.dataset import Dataset, Kind, Picture, pictures_of
from train_scripts.data.readers.listing import Listing, parts_in, root_of_parts, shown
from train_scripts.data.readers.positions import NOTHING, KnownPositions, read_positions
from train_scripts.errors import BadRequest, WrongFolder

NAME = "DenseUAV"
HEIGHTS = (80, 90, 100)
GPS_FILES = ("Dense_GPS_ALL.txt", "Dense_GPS_train.txt", "Dense_GPS_test.txt")
TRAIN: dict[Kind, str] = {"drone": "train/drone", "satellite": "train/satellite"}
QUERY: dict[Kind, str] = {"drone": "test/query_drone", "satellite": "test/query_satellite"}
GALLERY: dict[Kind, str] = {"drone": "test/gallery_drone", "satellite": "test/gallery_satellite"}
PARTS = (*TRAIN.values(), *QUERY.values(), *GALLERY.values())

Tiles = Literal["all", "new", "old"]
"""Which satellite tiles: those of the flight's year, the older ones (`*_old.tif`), or both as the paper does."""

_HEIGHT = re.compile(r"^H(\d+)(_old)?$", re.IGNORECASE)


def denseuav_root(root: Path) -> Path:
    """The folder with train/ or test/: root or the one in it. Raises: WrongFolder: there is none."""
    return root_of_parts(root, PARTS, NAME)


def is_denseuav(listings: Iterable[Listing]) -> bool:
    """Whether the pictures are named by their height (H80.JPG): University-1652 has folders of the same names."""
    return any(_HEIGHT.match(file.stem) for one in listings for files in one.filled.values() for file in files[:1])


def scan_denseuav(root: Path) -> dict[str, Listing]:
    """What lies in each part ("train/drone", ...) that exists."""
    top = denseuav_root(root)
    found = parts_in(top, PARTS)
    if any(listing.filled for listing in found.values()) and not is_denseuav(found.values()):
        raise WrongFolder(
            f"{shown(top.name)} has no picture named by its height, such as H80.JPG: it is no {NAME}. "
            "If it is University-1652, write university1652:PATH."
        )
    return found


def read_denseuav(root: Path | str, *, tiles: Tiles = "all", height: int | None = None) -> Dataset:
    """Read DenseUAV; parts that are missing stay empty and are named in the notes.

    Args:
        root: the folder with train/, test/ and Dense_GPS_ALL.txt, or the one above it.
        tiles: which satellite tiles.
        height: only drone pictures of 80, 90 or 100 metres, and tiles cut for them; None takes all.

    Raises:
        WrongFolder: the folder holds no DenseUAV.
        BadRequest: there are no such tiles or height.
        BadPositions: the text file is malformed.
    """
    if tiles not in get_args(Tiles):
        raise BadRequest(f"There are no {tiles} tiles in {NAME}. Choose all, new or old.")
    if height is not None and height not in HEIGHTS:
        raise BadRequest(f"{NAME} has no height {height}. Choose 80, 90 or 100.")
    top = denseuav_root(Path(root))
    found = scan_denseuav(top)
    notes = [f"{part} is missing." for part in PARTS if part not in found]
    places = {place for listing in found.values() for place in listing.places}
    known = gps_of(top, places)
    if known is NOTHING:
        notes.append("Dense_GPS_ALL.txt is missing: the places have no positions.")
    elif places - known.places.keys():
        notes.append(f"{len(places - known.places.keys())} of {len(places)} places have no position.")

    def read(parts: dict[Kind, str]) -> tuple[Picture, ...]:
        return tuple(
            one
            for kind, part in parts.items()
            if part in found
            for one in (_detailed(picture, known) for picture in pictures_of(kind, found[part].filled))
            if height in (None, one.altitude_m) and (kind == "drone" or tiles in ("all", _year(one.file)))
        )

    heights = [] if height is None else [f"{height} m"]
    years = [] if tiles == "all" else [f"{tiles} tiles"]
    return Dataset(", ".join((NAME, *heights, *years)), read(TRAIN), read(QUERY), read(GALLERY), tuple(notes))


def gps_of(top: Path, places: set[str]) -> KnownPositions:
    """Positions of the places from the text files; `NOTHING` when there is none."""
    files = [top / name for name in GPS_FILES if (top / name).is_file()]
    if not files:
        return NOTHING
    if files[0].name == GPS_FILES[0]:
        return read_positions(files[0], places)
    each = [read_positions(file, places) for file in files]
    return KnownPositions(
        {place: at for known in each for place, at in known.places.items()},
        {key: at for known in each for key, at in known.files.items()},
        tuple(name for known in each for name in known.unknown),
    )


def _detailed(picture: Picture, known: KnownPositions) -> Picture:
    """The picture with its height and position: that of its own line in the text file, else that of its place."""
    match = _HEIGHT.match(picture.file.stem)
    return replace(known.placed(picture), altitude_m=float(match[1]) if match else None)


def _year(file: Path) -> Tiles:
    return "old" if file.stem.lower().endswith("_old") else "new"
