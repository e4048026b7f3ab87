"""Where the places of a dataset lie: from KML, CSV, and DenseUAV's text file."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gallery.errors import AreaError
from gallery.geo import LonLat
from gallery.georef.position_lists import COLUMNS
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


NOTHING = KnownPositions({}, {})


def read_kml(file: Path) -> list[tuple[str, LonLat]]:
    """(name, position) of the placemarks of a KML file: a point, or the middle of a line or polygon.

    Raises:
        BadPositions: the file is missing, no KML, or names no place.
    """
    import geopandas  # late: a second of import that only KML needs
    import pyogrio
    from pyogrio.errors import DataSourceError

    _must_exist(file)
    try:
        layers = [geopandas.read_file(file, layer=name, engine="pyogrio") for name in pyogrio.list_layers(file)[:, 0]]
    except DataSourceError as error:
        raise BadPositions(f"{file.name} is not a readable KML file. Save it again as KML, not KMZ.") from error
    found = []
    for layer in layers:
        for name, shape in zip(layer["Name"], layer.geometry, strict=True):
            if not isinstance(name, str) or not name.strip() or shape is None or shape.is_empty:
                continue
            middle = shape.centroid
            found.append((name.strip(), _lon_lat(middle.x, middle.y, f"{file.name}, placemark {name.strip()}")))
    if not found:
        raise BadPositions(f"{file.name} holds no named placemark. Name each one by the ID of its place.")
    return found


def read_csv(file: Path) -> list[tuple[str, str | None, LonLat]]:
    """(place, file stem or None, position) of the rows of a CSV with the columns place or file, lon, lat.

    Raises:
        BadPositions: the file is missing or malformed; names the line.
    """
    _must_exist(file)
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPositions(f"{file.name} is not UTF-8 text. Save it as CSV in UTF-8.") from error
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    by_name = {column.strip().lower(): column for column in reader.fieldnames or [] if column}
    place, image, lon, lat = (
        next((by_name[name] for name in names if name in by_name), None)
        for names in (PLACE_COLUMNS, COLUMNS["file"], COLUMNS["lon"], COLUMNS["lat"])
    )
    if lon is None or lat is None or (place is None and image is None):
        raise BadPositions(f"{file.name} needs the columns place (or file), lon, lat in its first line.")
    found = []
    for row in reader:
        line = f"{file.name}, line {reader.line_num}"
        position = _lon_lat(row[lon], row[lat], line)
        if place is not None:
            name, stem = (row[place] or "").strip(), None
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


def read_gps_text(file: Path) -> list[tuple[str, str, LonLat]]:
    """(place, file stem, position) of the lines `path E<lon> N<lat> [height]` of DenseUAV's `Dense_GPS_*.txt`.

    Longitude stands first in the file (the dataset's README says the opposite, its code reads it so); where the letters
    say otherwise, the letters count.

    Raises:
        BadPositions: the file is missing or malformed; names the line.
    """
    _must_exist(file)
    found = []
    for number, line in enumerate(file.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        words = line.split()
        start = next((i for i, word in enumerate(words[1:], 1) if _MARKED.match(word)), 1)
        marked = [_MARKED.match(word) for word in words[start : start + 2]]
        if len(marked) == 2 and all(marked):
            values = {m[1].upper(): float(m[2]) for m in marked if m}
            lon = values.get("E", -values["W"] if "W" in values else None)
            lat = values.get("N", -values["S"] if "S" in values else None)
        else:
            lon, lat = None, None
        if lon is None or lat is None:
            raise BadPositions(f"{where} does not read as `path E<lon> N<lat> height`.")
        path = PurePosixPath(" ".join(words[:start]).replace("\\", "/"))
        name = path.parent.name or path.stem
        found.append((name, path.stem, _lon_lat(lon, lat, where)))
    if not found:
        raise BadPositions(f"{file.name} lists no position.")
    return found


def join(
    rows: list[tuple[str, str | None, LonLat]], places: set[str], names: Mapping[str, str] | None = None
) -> KnownPositions:
    """Find the dataset's places among the names of a file of positions.

    A name is that of a place, starts with it ("0007 Library, University"), is its number without leading zeros, or is
    what `names` calls it. The first position of a place counts.

    Args:
        rows: name, file stem, position.
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
    suffix = file.suffix.lower()
    if suffix == ".kml":
        rows: list[tuple[str, str | None, LonLat]] = [(name, None, at) for name, at in read_kml(file)]
    elif suffix in (".csv", ".tsv"):
        rows = read_csv(file)
    elif suffix == ".txt":
        rows = [*read_gps_text(file)]
    else:
        raise BadPositions(f"{file.name} is neither .kml nor .csv nor .txt. Give positions as one of these.")
    known = join(rows, places, names)
    if places and not known.places:
        raise BadPositions(
            f"{file.name} names no place of the dataset (its first name is {rows[0][0]}). "
            "Name each position by the folder of its place."
        )
    return known


def _must_exist(file: Path) -> None:
    if not file.is_file():
        raise BadPositions(f"There is no file {file.name}. Check the path of the positions.")


def _lon_lat(lon: object, lat: object, where: str) -> LonLat:
    try:
        return LonLat(float(str(lon)), float(str(lat)))
    except ValueError as error:
        raise BadPositions(f"{where}: lon or lat is not a number. Write degrees with a decimal point.") from error
    except AreaError as error:
        raise BadPositions(f"{where}: {error}") from error
