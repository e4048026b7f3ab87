"""Where the places of a dataset lie: from KML, CSV, and DenseUAV's text file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gallery.errors import AreaError, PositionsError
from gallery.geo import LonLat
from gallery.georef.position_lists import COLUMNS, decimal, first_column, read_placemarks, read_table
from train_scripts.data.readers.dataset import Picture
from train_scripts.errors import BadPositions

PLACE_COLUMNS = ("place", "id", "place_id", "building", "folder", "class")
"""Headers of a CSV that may name the place; the file's column names it by the file's folder."""


@dataclass(frozen=True)
class KnownPositions:
    """What a file of positions told.

    Attributes:
        places: by the place's name in the dataset.
        files: by place and file stem, where the file tells more than one position of a place.
        unknown: names in the file that belong to no place of the dataset.
    """

    places: Mapping[str, LonLat]
    files: Mapping[tuple[str, str], LonLat]
    unknown: tuple[str, ...] = ()

    def placed(self, picture: Picture) -> Picture:
        """The picture with its position: that of its own file, else that of its place."""
        at = self.files.get((picture.place, picture.file.stem), self.places.get(picture.place))
        return replace(picture, position=at)


NOTHING = KnownPositions({}, {})


Row = tuple[str, str | None, LonLat]
"""The name of a place, the stem of one of its files or None, and the position."""


def _read_kml(file: Path) -> list[Row]:
    """The placemarks of a KML file: a point, or the middle of a line or polygon.

    Raises:
        PositionsError: it is no KML.
        BadPositions: it names no place.
    """
    found: list[Row] = [
        (name, None, _lon_lat(shape.centroid.x, shape.centroid.y, f"{file.name}, placemark {name}"))
        for name, shape in read_placemarks(file)
        if name and shape is not None and not shape.is_empty
    ]
    if not found:
        raise BadPositions(f"{file.name} holds no named placemark. Name each one by the ID of its place.")
    return found


def _read_csv(file: Path) -> list[Row]:
    """The rows of a CSV with the columns place or file, lon, lat.

    Raises:
        PositionsError: it is no UTF-8 text.
        BadPositions: it is malformed; names the line.
    """
    reader = read_table(file)
    place, image, lon, lat = (
        first_column(reader.fieldnames or [], names)
        for names in (PLACE_COLUMNS, COLUMNS["file"], COLUMNS["lon"], COLUMNS["lat"])
    )
    if lon is None or lat is None or (place is None and image is None):
        raise BadPositions(f"{file.name} needs the columns place (or file), lon, lat in its first line.")
    found: list[Row] = []
    for row in reader:
        line = f"{file.name}, line {reader.line_num}"
        position = _lon_lat(row[lon], row[lat], line)
        stem = None
        if place is not None:
            name = (row[place] or "").strip()
        else:
            path = PurePosixPath((row[str(image)] or "").replace("\\", "/"))
            name, stem = path.parent.name, path.stem
        if not name:
            raise BadPositions(f"{line} names no place. Write its folder's name, or a path such as 0001/image-01.jpeg.")
        found.append((name, stem, position))
    if not found:
        raise BadPositions(f"{file.name} lists no position.")
    return found


_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_MARKED = re.compile(rf"^([EWNS])({_NUMBER})$", re.IGNORECASE)


def _read_gps_text(file: Path) -> list[Row]:
    """The lines `path E<lon> N<lat> [height]` of DenseUAV's `Dense_GPS_*.txt`.

    Longitude stands first in the file (the dataset's README says the opposite, its code reads it so); where the letters
    say otherwise, the letters count.

    Raises:
        BadPositions: it is malformed; names the line.
    """
    found: list[Row] = []
    for number, line in enumerate(file.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        words = line.split()
        start = next((i for i, word in enumerate(words[1:], 1) if _MARKED.match(word)), 1)
        values = {m[1].upper(): float(m[2]) for m in map(_MARKED.match, words[start : start + 2]) if m}
        lon = values.get("E", -values["W"] if "W" in values else None)
        lat = values.get("N", -values["S"] if "S" in values else None)
        if lon is None or lat is None:
            raise BadPositions(f"{where} does not read as `path E<lon> N<lat> height`.")
        path = PurePosixPath(" ".join(words[:start]).replace("\\", "/"))
        found.append((path.parent.name or path.stem, path.stem, _lon_lat(lon, lat, where)))
    if not found:
        raise BadPositions(f"{file.name} lists no position.")
    return found


def _joined(rows: Iterable[Row], places: set[str], names: Mapping[str, str] | None = None) -> KnownPositions:
    """Find the dataset's places among the names of a file of positions.

    A name is that of a place, starts with it ("0007 Library, University"), is its number without leading zeros, or is
    what `names` calls it. The first position of a place counts.

    Args:
        places: as the dataset's folders are named.
        names: place by what people call it.
    """
    numbers = {str(int(place)): place for place in places if place.isdecimal()}
    known = names or {}
    found: dict[str, LonLat] = {}
    files: dict[tuple[str, str], LonLat] = {}
    unknown = []
    for name, stem, position in rows:
        head = re.split(r"[\s_,]", name, maxsplit=1)[0]
        number = str(int(name)) if name.isdecimal() else name
        place = next(
            (one for one in (name, numbers.get(number), head, known.get(name.casefold())) if one in places), None
        )
        if place is None:
            unknown.append(name)
            continue
        found.setdefault(place, position)
        if stem is not None:
            files.setdefault((place, stem), position)
    return KnownPositions(found, files, tuple(dict.fromkeys(unknown)))


def read_positions(file: Path, places: set[str], names: Mapping[str, str] | None = None) -> KnownPositions:
    """Positions of places from a KML, a CSV, or a text file as DenseUAV has it.

    Raises:
        BadPositions: the file cannot be read, or names none of the places.
    """
    if not file.is_file():
        raise BadPositions(f"There is no file {file.name}. Check the path of the positions.")
    readers = {".kml": _read_kml, ".kmz": _read_kml, ".csv": _read_csv, ".tsv": _read_csv, ".txt": _read_gps_text}
    read = readers.get(file.suffix.lower())
    if read is None:
        raise BadPositions(f"{file.name} is neither .kml nor .csv nor .txt. Give positions as one of these.")
    try:
        rows = read(file)
    except PositionsError as error:
        raise BadPositions(str(error)) from error
    known = _joined(rows, places, names)
    if places and not known.places:
        raise BadPositions(
            f"{file.name} names no place of the dataset (its first name is {rows[0][0]}). "
            "Name each position by the folder of its place."
        )
    return known


def _lon_lat(lon: object, lat: object, where: str) -> LonLat:
    try:
        return LonLat(decimal(str(lon)), decimal(str(lat)))
    except ValueError as error:
        raise BadPositions(f"{where}: lon or lat is not a number. Write degrees with a decimal point.") from error
    except AreaError as error:
        raise BadPositions(f"{where}: {error}") from error
