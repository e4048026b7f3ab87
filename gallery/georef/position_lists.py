"""Where images of a folder lie: positions from CSV, KML, file names, and footprints from what is known."""

import codecs
import csv
import io
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from shapely.geometry import MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from gallery.errors import AreaError, PositionsError
from gallery.geo import Bounds, LonLat
from gallery.georef.archived_kml import kml_of_archive

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "file": ("file", "filename", "file_name", "name", "image", "path"),
    "lon": ("lon", "longitude", "lng", "long"),
    "lat": ("lat", "latitude"),
    "west": ("west", "lon_w", "lon_west", "west_lon", "lon_min", "min_lon", "w"),
    "south": ("south", "lat_s", "lat_south", "south_lat", "lat_min", "min_lat", "s"),
    "east": ("east", "lon_e", "lon_east", "east_lon", "lon_max", "max_lon", "e"),
    "north": ("north", "lat_n", "lat_north", "north_lat", "lat_max", "max_lat", "n"),
}
"""Headers that a list of positions may use for each value; the first one present counts. Others are ignored."""

NAME_LIST = "new_name_list.txt"
"""The list of ids and names beside a KML."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_NAMED_ID = re.compile(r"\s*(\d{4})\s+(.+?)\s*$")

EXTENT = ("west", "south", "east", "north")


@dataclass(frozen=True)
class StatedPosition:
    """What is stated of an image's position: the middle of its ground, and its outline if somebody stated it."""

    centre: LonLat
    footprint: Polygon | None = None
    of_camera: bool = False  # the centre is where the camera says that it was


@dataclass(frozen=True)
class PositionList:
    """A list of positions, asked by the path of an image below its folder."""

    positions: Mapping[str, tuple[StatedPosition, ...]]  # by path with forward slashes, or by what `by_name` asks for
    unplaced: int = 0  # rows of the list without a position
    by_name: bool = False  # by stem, file name or folder, as a KML names its placemarks

    def __len__(self) -> int:
        return len(self.positions)

    def all_of(self, path: PurePosixPath) -> tuple[StatedPosition, ...]:
        """What the list states for an image by its path below the folder; one position, unless it repeats itself."""
        keys = map(_plain, (path.stem, path.name, path.parent.name)) if self.by_name else (str(path),)
        return next((self.positions[key] for key in keys if key in self.positions), ())

    def of(self, path: PurePosixPath) -> StatedPosition | None:
        """The first of them; None when the list does not name the image."""
        return next(iter(self.all_of(path)), None)


def read_positions(file: Path, folder: Path) -> PositionList:
    """Read a CSV or KML of positions.

    Args:
        file: CSV with the headers of `COLUMNS` (comma, semicolon or tab), or KML whose placemarks are named like the
            images or their folders, by number or (with `NAME_LIST` beside it) by building, as for University-1652;
            points give the middle, polygons the footprint.
        folder: the folder of the images; the CSV's paths count from there, or else from the CSV's own folder.

    Raises:
        PositionsError: the file is missing or malformed; names the line.
    """
    if not file.is_file():
        raise PositionsError(f"There is no file {file.name}. Check the path of the positions.")
    if file.suffix.lower() in (".kml", ".kmz"):
        return _read_kml(file)
    if file.suffix.lower() in (".csv", ".tsv", ".txt"):
        return _read_csv(file, folder)
    raise PositionsError(f"{file.name} is neither .csv nor .kml nor .kmz. Give positions as one of these.")


class Table(csv.DictReader):  # type: ignore[type-arg]  # takes its argument from Python 3.12 on
    """The rows of a CSV by their columns.

    Raises:
        PositionsError: a cell is longer than any reader takes, as where a quotation mark is not closed; names the line.
    """

    def __init__(self, name: str, lines: list[str], delimiter: str) -> None:
        self._name = name
        super().__init__(lines, delimiter=delimiter)
        with self._told():
            self.fieldnames  # noqa: B018  # reads the first line

    def __next__(self) -> dict[str | Any, str | Any]:
        with self._told():
            return super().__next__()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except csv.Error as error:
            raise PositionsError(
                f"{self._name}, line {self.line_num}: a cell is too long. Is a quotation mark not closed?"
            ) from error


def read_table(file: Path) -> Table:
    """The rows of a CSV, whatever separates its cells.

    Raises:
        PositionsError: it is no text in UTF-8, UTF-16 or Windows-1252.
    """
    text = decoded(file.read_bytes())
    if text is None:
        raise PositionsError(f"{file.name} is not UTF-8 text. Save it as CSV in UTF-8.")
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    return Table(file.name, text.splitlines(), delimiter)


def decoded(data: bytes) -> str | None:
    """Text in UTF-8, in UTF-16 or, as spreadsheets of Western Europe save it, in Windows-1252; None where unclear."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in data[:200]:  # UTF-16 without its mark: every other byte of plain letters is 0
        halves = {"utf-16-be": data[:200:2], "utf-16-le": data[1:200:2]}
        encodings = [name for name, half in halves.items() if half.count(0) > len(half) / 2]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text if all(letter.isprintable() or letter.isspace() for letter in text) else None
    return None


def decimal(text: str | None) -> float:
    """A number with a decimal point or comma. Raises: ValueError: it is none, or not finite."""
    plain = (text or "").strip()
    number = float(plain.replace(",", ".") if _DECIMAL_COMMA.fullmatch(plain) else plain)
    if not math.isfinite(number):
        raise ValueError("The number is not finite.")
    return number


def first_column(header: Sequence[str], aliases: Sequence[str]) -> str | None:
    """The column of a header that has the first of these names, in any case; None where there is none."""
    by_name = {column.strip().lower(): column for column in header if column}
    return next((by_name[alias] for alias in aliases if alias in by_name), None)


def _read_csv(file: Path, folder: Path) -> PositionList:
    reader = read_table(file)
    columns = _columns(reader.fieldnames or [], file.name)
    positions: dict[str, tuple[StatedPosition, ...]] = {}
    unplaced = 0
    for row in reader:
        name = (row[columns["file"]] or "").strip()
        if not name:
            continue
        try:
            position = _position_of_row({key: row[column] for key, column in columns.items()})
        except (AreaError, ValueError) as error:
            raise PositionsError(f"{file.name}, line {reader.line_num}: {error}") from error
        if position is None:
            unplaced += 1
            continue
        _enter(positions, _below(name, folder, file.parent), position)
    if not positions:
        raise PositionsError(f"{file.name} lists no image with a position.")
    return PositionList(positions, unplaced)


def _columns(header: Sequence[str], file_name: str) -> dict[str, str]:
    """Which column of this file holds which value."""
    found = {key: column for key, names in COLUMNS.items() if (column := first_column(header, names)) is not None}
    extent = [key for key in EXTENT if key in found]
    has_point, has_extent = {"lon", "lat"} <= found.keys(), len(extent) == 4
    if "file" not in found or not (has_point or has_extent):
        raise PositionsError(
            f"{file_name} has the columns {_listed(header) or '(none)'}, "
            "but file,lon,lat[,west,south,east,north] are needed in its first line."
        )
    if extent and not has_extent:
        missing = ", ".join(key for key in EXTENT if key not in found)
        raise PositionsError(f"{file_name} has a part of the extent; the columns {missing} are missing.")
    return found


def _listed(header: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(column.strip().lower() for column in header if column))


def _position_of_row(values: Mapping[str, str | None]) -> StatedPosition | None:
    """The position that a row states; None when its cells are empty."""
    numbers = {key: _number(key, value) for key, value in values.items() if key != "file" and (value or "").strip()}
    footprint = None
    if all(key in numbers for key in EXTENT):
        bounds = Bounds(*(numbers[key] for key in EXTENT))
        if bounds.width_deg == 0 or bounds.south == bounds.north:
            raise ValueError("the extent has no area.")
        east = bounds.west + bounds.width_deg  # goes on past 180 rather than jump
        corners = ((bounds.west, bounds.north), (east, bounds.north), (east, bounds.south), (bounds.west, bounds.south))
        footprint = Polygon(corners)
        return StatedPosition(bounds.centre, footprint)
    if "lon" in numbers and "lat" in numbers:
        return StatedPosition(LonLat(numbers["lon"], numbers["lat"]))
    return None


def _number(key: str, text: str | None) -> float:
    try:
        return decimal(text)
    except ValueError as error:
        raise ValueError(f"{key} is not a number. Write degrees with a decimal point.") from error


def _below(name: str, folder: Path, list_folder: Path) -> str:
    """The path below `folder` of an image that a list names from there, or else from the list's own folder."""
    path = name.replace("\\", "/")
    top = os.path.abspath(folder)
    for base in (top, os.path.abspath(list_folder)):
        full = os.path.normpath(os.path.join(base, path))
        if full.startswith(top + os.sep) and os.path.isfile(full):
            return Path(full).relative_to(top).as_posix()
    return str(PurePosixPath(path))


def read_placemarks(file: Path) -> list[tuple[str, BaseGeometry | None]]:
    """The name and shape of every placemark of a KML or KMZ; the name is empty where it has none.

    Raises:
        PositionsError: it is no KML.
    """
    import geopandas  # late: a second of import that only KML needs
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        data = kml_of_archive(file) if file.suffix.lower() == ".kmz" else file.read_bytes()
        count = len(pyogrio.list_layers(data))
        layers = [geopandas.read_file(io.BytesIO(data), layer=layer, engine="pyogrio") for layer in range(count)]
    except DataSourceError as error:
        raise PositionsError(f"{file.name} is not a readable KML file. Save it again as KML.") from error
    return [
        (name.strip() if isinstance(name, str) else "", shape)
        for layer in layers
        for name, shape in zip(layer["Name"], layer.geometry, strict=True)
    ]


def _read_kml(file: Path) -> PositionList:
    ids = read_name_list(file.with_name(NAME_LIST))
    positions: dict[str, tuple[StatedPosition, ...]] = {}
    unplaced = 0
    for name, shape in read_placemarks(file):
        position = _position_of_shape(shape)
        if position is None or not name:
            unplaced += 1
            continue
        for key in _keys(name, ids):
            _enter(positions, key, position)
    if not positions:
        raise PositionsError(f"{file.name} holds no named placemark with a point or a polygon.")
    return PositionList(positions, unplaced, by_name=True)


def _keys(name: str, ids: Mapping[str, str]) -> set[str]:
    """What images are asked by that a placemark's name means: itself, the number it begins with, a building's id."""
    head = name.split()[0]
    return {_plain(key) for key in (name, head if head.isdecimal() else None, ids.get(name.casefold())) if key}


def read_name_list(file: Path) -> dict[str, str]:
    """The id of a place by its name in lower case, from lines such as `0007 Library, University`.

    University-1652's repository has such a list, for a KML that names the buildings. Names that repeat are left out;
    empty where there is no file.
    """
    if not file.is_file():
        return {}
    lines = file.read_text("utf-8-sig", errors="replace").splitlines()
    pairs = [(match[2].casefold(), match[1]) for match in map(_NAMED_ID.match, lines) if match]
    ids: dict[str, set[str]] = {}
    for name, one in pairs:
        ids.setdefault(name, set()).add(one)
    return {name: next(iter(found)) for name, found in ids.items() if len(found) == 1}


def _enter(positions: dict[str, tuple[StatedPosition, ...]], key: str, position: StatedPosition) -> None:
    """Add a position, unless the list said the same before."""
    if position not in positions.get(key, ()):
        positions[key] = (*positions.get(key, ()), position)


def _plain(name: str) -> str:
    """A name as it is compared: numbers without leading zeros."""
    return str(int(name)) if name.isdecimal() else name


def _position_of_shape(shape: BaseGeometry | None) -> StatedPosition | None:
    if isinstance(shape, BaseMultipartGeometry):  # KML's MultiGeometry: an outline and a pin in it, for example
        areas = [part for part in shape.geoms if isinstance(part, Polygon)]
        parts = areas or [part for part in shape.geoms if isinstance(part, Point)]
        shape = parts[0] if len(parts) == 1 else MultiPoint([part.centroid for part in parts]).centroid
    try:
        if isinstance(shape, Point) and not shape.is_empty:
            return StatedPosition(LonLat(shape.x, shape.y))
        if isinstance(shape, Polygon) and shape.area > 0:
            return StatedPosition(LonLat(shape.centroid.x, shape.centroid.y), Polygon(shape.exterior.coords))
    except AreaError:
        return None
    return None
