"""Photos whose place is known: by a table beside them, by a list of positions, or by their own EXIF."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.georef.position_lists import read_positions
from gallery.imagery.images import images_below
from gallery.photo.pose import stated_place
from mean_model.photo import Photo
from train_scripts.data.readers.listing import shown
from train_scripts.errors import MissingPart

TRUTH = "truth.csv"

Read = Callable[[Path], Photo | None]
"""What reads a photo; None for one that is left out."""


@dataclass(frozen=True)
class Query:
    """A photo with the point on the ground that it shows; None where nobody tells."""

    file: Path
    truth: LonLat
    altitude_m: float | None = None
    condition: str | None = None


@dataclass(frozen=True)
class Asked:
    """The photos of a folder, and what is to be said about them."""

    queries: tuple[Query, ...]
    truth_from: str
    unplaced: tuple[str, ...] = ()  # photos whose position nobody states
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def asked_photos(folder: Path, positions: Path | None, read: Read, *, progress: bool = True) -> Asked:
    """The photos of a folder that have a position.

    Args:
        positions: a table or KML with the ground point that each photo shows; None takes truth.csv, else EXIF.
        read: needed for EXIF only; what it raises is passed on.
        progress: draw a bar on stderr.

    Raises:
        GalleryError: the table cannot be read.
        MissingPart: no photo has a position.
    """
    if positions is not None:
        asked = _listed(folder, positions)
    elif (folder / TRUTH).is_file():
        queries = read_queries(folder)
        files = {query.file for query in queries}
        others = tuple(below(one, folder) for one in images_below(folder) if one not in files)
        asked = Asked(tuple(queries), TRUTH, others)
    else:
        asked = _stated(folder, read, progress)
    if not asked.queries:
        raise MissingPart(
            f"None of the {len(asked.unplaced) + len(asked.unreadable)} photos in {shown(folder.name)} has a "
            f"known position. List them in {TRUTH} (file,lon,lat) beside the photos, or give --positions FILE."
        )
    return asked


def read_queries(folder: Path) -> list[Query]:
    """The photos of truth.csv, in its order: columns file, lon, lat, and altitude_m and condition where they are there.

    Raises:
        GalleryError: a row lacks its position, or names no photo of the folder, or one that another row names.
    """
    with (folder / TRUTH).open(newline="", encoding="utf-8-sig") as rows:
        try:
            queries = [
                Query(
                    folder / row["file"],
                    LonLat(float(row["lon"]), float(row["lat"])),
                    float(row["altitude_m"]) if row.get("altitude_m") else None,
                    row.get("condition") or None,
                )
                for row in csv.DictReader(rows)
            ]
        except (KeyError, ValueError, TypeError) as error:
            raise GalleryError(f"{TRUTH} needs the columns file, lon, lat with numbers ({error}).") from error
    known: set[Path] = set()
    for query in queries:
        if query.file in known or ".." in query.file.parts or not query.file.is_relative_to(folder):
            raise GalleryError(f"{TRUTH} names {shown(query.file.name)} twice, or outside its folder. Remove that row.")
        known.add(query.file)
    return queries


def _listed(folder: Path, table: Path) -> Asked:
    known = read_positions(table, folder)
    queries, unplaced = [], []
    for file in images_below(folder):
        place = known.of(PurePosixPath(below(file, folder)))
        if place is None:
            unplaced.append(below(file, folder))
        else:
            queries.append(Query(file, place.centre))
    lost = len(known) - len(queries)
    notes = (f"{lost} of the {len(known)} positions in {table.name} belong to no photo.",) if lost > 0 else ()
    return Asked(tuple(queries), table.name, tuple(unplaced), notes=notes)


def _stated(folder: Path, read: Read, progress: bool) -> Asked:
    queries, unplaced, unreadable, looked = [], [], [], 0
    files = list(images_below(folder))
    for file in tqdm(files, unit="photo", desc="positions", file=sys.stderr, disable=not progress):
        photo = read(file)
        place = None if photo is None else stated_place(photo)
        if photo is None:
            unreadable.append(below(file, folder))
        elif place is None:
            unplaced.append(below(file, folder))
        else:
            point, is_ground = place
            looked += is_ground
            queries.append(Query(file, point, None if photo.pose is None else photo.pose.height_m))
    note = (
        f"{len(queries) - looked} of {len(queries)} photos do not state where they look (heading, pitch, height): "
        "their truth is the point below the camera."
    )
    notes = (note,) if looked < len(queries) else ()
    return Asked(tuple(queries), "EXIF", tuple(unplaced), tuple(unreadable), notes)


def below(file: Path, folder: Path) -> str:
    """The path of a photo as it is named: below the folder, with forward slashes."""
    return file.relative_to(folder).as_posix()
