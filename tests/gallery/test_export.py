"""Exports: the same facts in GeoJSON, KML and CSV, and no text of a file name that a program could take for more."""

import csv
import io
import json
from xml.etree import ElementTree

import pyogrio
import pytest

from gallery.errors import GalleryError
from gallery.export import COLUMNS, render, write
from gallery.geo import LonLat, Position, rectangle
from gallery.search.answer import Answer, ExifCheck, PhotoProblem
from gallery.tiles import Match, Tile


def answer(photo="a.jpg", lon=10.0, tile_id="r/0") -> Answer:
    tile = Tile(tile_id, LonLat(lon, 50), rectangle(LonLat(lon, 50), 100, 100), 0.5, "r.tif")
    matches = (Match(1, tile, 0.75), Match(2, tile, 0.5))
    place = Position(lon, 50, 80.0)
    return Answer(photo, matches, place, place, "located", None, ExifCheck(lon, 50.001, 111.2))


ANSWERS = [answer(), PhotoProblem("b.pdf", "b.pdf is no picture.")]


def rows_of(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_one_row_per_fact():
    rows = rows_of(render(ANSWERS, "csv"))
    assert [row["kind"] for row in rows] == ["match", "match", "position", "exif", "problem"]
    assert tuple(rows[0]) == COLUMNS
    assert (
        float(rows[0]["score"]) == 0.75
        and rows[2]["verdict"] == "located"
        and rows[4]["error"] == "b.pdf is no picture."
    )


@pytest.mark.parametrize("name", ["=1+1.jpg", "+x.jpg", "-2.jpg", "@sum.jpg"])
def test_csv_names_are_no_formulas(name):
    row = rows_of(render([answer(name, -10.0, tile_id=name)], "csv"))[0]
    assert row["photo"] == f"'{name}" and row["tile_id"] == f"'{name}" and float(row["lon"]) == -10


def test_geojson_is_a_feature_collection():
    document = json.loads(render(ANSWERS, "geojson"))
    assert document["type"] == "FeatureCollection" and "crs" not in document
    kinds = [
        (each["properties"]["kind"], each["geometry"] and each["geometry"]["type"]) for each in document["features"]
    ]
    assert kinds == [
        ("match", "Polygon"),
        ("match", "Polygon"),
        ("position", "Point"),
        ("exif", "Point"),
        ("problem", None),
    ]
    properties = document["features"][0]["properties"]
    assert properties["tile_id"] == "r/0" and properties["rank"] == 1 and properties["score"] == 0.75
    assert document["features"][2]["geometry"]["coordinates"] == [10, 50]


def test_a_tile_over_the_180th_meridian_is_split():
    document = json.loads(render([answer(lon=180.0)], "geojson"))
    shape = document["features"][0]["geometry"]
    assert shape["type"] == "MultiPolygon"
    assert all(abs(lon) <= 180 for polygon in shape["coordinates"] for lon, _ in polygon[0])


def test_kml_is_xml_whatever_the_names_are():
    text = render([answer('<b>&"\x07\n.jpg'), ANSWERS[1]], "kml")
    names = [element.text for element in ElementTree.fromstring(text).iter("{http://www.opengis.net/kml/2.2}name")]
    assert names.count('<b>&"\ufffd\ufffd.jpg: 1') == 1 and len(list(ElementTree.fromstring(text).iter())) > 10


@pytest.mark.parametrize("form", ["geojson", "csv", "kml"])
def test_nothing_found_is_a_document_too(form):
    assert render([Answer("a.jpg", ())], form) and render([], form)
    if form == "geojson":
        assert json.loads(render([], form))["features"] == []


def test_kml_has_a_folder_for_each_kind():
    document = ElementTree.fromstring(render(ANSWERS, "kml"))
    kml = "{http://www.opengis.net/kml/2.2}"
    folders = document.findall(f"{kml}Document/{kml}Folder")
    assert [folder.findtext(f"{kml}name") for folder in folders] == ["match", "position", "exif"]
    assert [len(folder.findall(f"{kml}Placemark")) for folder in folders] == [2, 1, 1]


def test_numbers_have_no_exponent_and_ranks_no_decimals():
    near_zero = answer(lon=1.5e-05)
    rows = rows_of(render([near_zero], "csv"))
    assert [row["rank"] for row in rows] == ["1", "2", "", ""]
    assert (
        not any("e-" in value for row in rows for value in row.values() if value) and float(rows[0]["lon"]) == 1.5e-05
    )
    assert '"rank": 1,' in render([near_zero], "geojson")


def test_a_geopackage_has_a_layer_for_each_kind(tmp_path):
    write(ANSWERS, tmp_path / "answers.gpkg")
    layers = dict(pyogrio.list_layers(tmp_path / "answers.gpkg"))
    assert layers == {"match": "Polygon", "position": "Point", "exif": "Point", "problem": "Unknown"}
    write([], tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_text() == ",".join(COLUMNS) + "\n"
    with pytest.raises(GalleryError, match=r"answers\.csv cannot be written"):
        write(ANSWERS, tmp_path / "gone" / "answers.csv")
