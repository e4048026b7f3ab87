"""Answers as GeoJSON, KML, CSV or GeoPackage for GIS tools and spreadsheets."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from xml.etree import ElementTree

from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from gallery.errors import GalleryError
from gallery.paths import write_whole
from gallery.plain_numbers import in_full
from gallery.search.answer import Answer, PhotoProblem
from gallery.tiles import Tile

if TYPE_CHECKING:
    import geopandas

Format = Literal["geojson", "csv", "kml"]

Row = dict[str, Any]
"""One line of a table by its columns."""

COLUMNS = (
    "photo", "kind", "rank", "tile_id", "score", "lon", "lat", "west", "south", "east", "north", "radius_m", "verdict",
    "confidence", "error_m", "error",
)  # fmt: skip
"""The columns. kind: match (a tile), position (the answer), footprint (the ground that the photo shows, where geometry
found it), exif (the photo's own position), problem (unreadable)."""

FILE_ENDINGS = (".geojson", ".csv", ".kml", ".gpkg")
"""What answers are written as, by the ending of the file."""

KML = "http://www.opengis.net/kml/2.2"
"""The namespace of KML."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins so for a formula; a quote in front keeps it text."""


def render(answers: Sequence[Answer | PhotoProblem], form: Format) -> str:
    """Answers as one document. The same rows in each format: see `COLUMNS`."""
    writers: dict[str, Callable[[Sequence[Answer | PhotoProblem]], str]] = {
        "geojson": to_geojson,
        "csv": to_csv,
        "kml": to_kml,
    }
    return writers[form](answers)


def write(answers: Sequence[Answer | PhotoProblem], file: Path) -> None:
    """Write answers as the file's ending says, at once or not at all; a GeoPackage has a layer for each kind.

    Args: file: ends in one of `FILE_ENDINGS`.

    Raises:
        GalleryError: the file cannot be written.
    """
    form = file.suffix.lower().lstrip(".")

    def fill(path: Path) -> None:
        if form != "gpkg":
            path.write_text(render(answers, cast(Format, form)), "utf-8")
            return
        rows = _rows(answers)
        for kind in dict.fromkeys(row["kind"] for row, _ in rows):
            part = [(row, shape) for row, shape in rows if row["kind"] == kind]
            shapes = {shape.geom_type for _, shape in part if shape is not None}
            mixed = {"geometry_type": "Unknown"} if len(shapes) != 1 else {}
            _frame(part, COLUMNS).to_file(path, driver="GPKG", engine="pyogrio", layer=kind, **mixed)

    try:
        write_whole(file, fill)
    except OSError as error:
        raise GalleryError(f"{file.name} cannot be written: {error.strerror or error}.") from error


def to_csv(answers: Sequence[Answer | PhotoProblem]) -> str:
    """A table with a header. Text that a spreadsheet could take for a formula gets a quote in front."""
    return csv_text(COLUMNS, [row for row, _ in _rows(answers)])


def to_geojson(answers: Sequence[Answer | PhotoProblem]) -> str:
    """A FeatureCollection (RFC 7946): footprints of matches, points of positions; no shape for an unreadable photo."""
    return document(_rows(answers), COLUMNS, "GeoJSON", "answers", _title)


def to_kml(answers: Sequence[Answer | PhotoProblem]) -> str:
    """Placemarks: footprints of the matches, points of the positions."""
    return document(_rows(answers), COLUMNS, "KML", "answers", _title)


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """A table with a header. Text that a spreadsheet could take for a formula gets a quote in front."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return stream.getvalue()


def document(
    rows: Sequence[tuple[Row, BaseGeometry | None]],
    columns: Sequence[str],
    driver: Literal["GeoJSON", "KML"],
    layer: str,
    title: Callable[[Row], str],
) -> str:
    """Rows with their shapes as one document; KML leaves out rows without a shape. Args: title: of a placemark."""
    if driver == "KML":
        return _kml_of([(row, shape) for row, shape in rows if shape is not None], columns, layer, title)
    stream = io.BytesIO()
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "8"}
    _frame(rows, columns).to_file(stream, driver=driver, engine="pyogrio", layer=layer, **options)
    return stream.getvalue().decode()


def _frame(
    rows: Sequence[tuple[Row, BaseGeometry | None]], columns: Sequence[str], **more: list[str]
) -> "geopandas.GeoDataFrame":
    """Rows with their shapes as a table. Args: more: columns that come first."""
    import geopandas  # late: it takes a second
    import pandas as pd

    named: dict[str, Any] = {**more, **{name: [row.get(name) for row, _ in rows] for name in columns}}
    if "rank" in named:
        named["rank"] = pd.array(named["rank"], "Int64")  # else the rows without one make it 1.0
    return geopandas.GeoDataFrame(named, geometry=[shape for _, shape in rows], crs="OGC:CRS84")


def _kml_of(
    rows: Sequence[tuple[Row, BaseGeometry | None]], columns: Sequence[str], layer: str, title: Callable[[Row], str]
) -> str:
    """Rows as KML with a folder for each kind: GDAL writes one, so that several documents become one."""
    whole: ElementTree.Element | None = None
    for kind in list(dict.fromkeys(str(row.get("kind", layer)) for row, _ in rows)) or [layer]:
        part = [(row, shape) for row, shape in rows if str(row.get("kind", layer)) == kind]
        stream = io.BytesIO()
        frame = _frame(part, columns, Name=[title(row) for row, _ in part])
        frame.to_file(stream, driver="KML", engine="pyogrio", layer=kind)
        document = ElementTree.fromstring(stream.getvalue()).find(f"{{{KML}}}Document")
        if whole is None or document is None:
            whole = document
        else:
            whole.extend(document)
    ElementTree.register_namespace("", KML)
    root = ElementTree.Element(f"{{{KML}}}kml")
    if whole is not None:
        root.append(whole)
    return '<?xml version="1.0" encoding="utf-8" ?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _rows(answers: Sequence[Answer | PhotoProblem]) -> list[tuple[Row, BaseGeometry | None]]:
    """One row and shape per match, position, EXIF position and problem."""
    return [row for answer in answers for row in _rows_of(answer)]


def _rows_of(answer: Answer | PhotoProblem) -> list[tuple[Row, BaseGeometry | None]]:
    photo = clean(answer.photo)
    if isinstance(answer, PhotoProblem):
        return [({"photo": photo, "kind": "problem", "error": clean(answer.error)}, None)]
    rows: list[tuple[Row, BaseGeometry | None]] = []
    for match in answer.matches:
        west, south, east, north = match.tile.bounds.as_list()
        place = {"lon": match.tile.centre.lon, "lat": match.tile.centre.lat}
        box = {"west": west, "south": south, "east": east, "north": north}
        what = {"photo": photo, "kind": "match", "rank": match.rank, "tile_id": clean(match.tile.id)}
        rows.append(({**what, "score": match.score, **place, **box}, _shape(match.tile)))
    verdict = {"verdict": answer.verdict, "confidence": answer.confidence}
    if answer.position is not None:
        position = answer.position
        rows.append(
            ({"photo": photo, "kind": "position", **vars(position), **verdict}, Point(position.lon, position.lat))
        )
    if answer.fit is not None:
        rows.append(({"photo": photo, "kind": "footprint"}, answer.fit.footprint))
    if answer.exif is not None:
        exif = answer.exif
        rows.append(({"photo": photo, "kind": "exif", **vars(exif)}, Point(exif.lon, exif.lat)))
    return rows


def _shape(tile: Tile) -> BaseGeometry:
    """The footprint; as its box in two halves where it crosses the 180th meridian (RFC 7946, section 3.1.9)."""
    crosses = isinstance(tile.footprint, Polygon) and tile.bounds.crosses_antimeridian
    return tile.bounds.polygon() if crosses else tile.footprint


def _title(row: Row) -> str:
    return f"{row['photo']}: {row['rank']}" if row["kind"] == "match" else f"{row['photo']}: {row['kind']}"


def clean(text: str) -> str:
    """Text without control characters, which neither XML nor a line of CSV can hold."""
    return (
        text
        if text.isprintable()
        else "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    )


def _cell(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value):
        return in_full(value, 10)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
