"""Exports: the same facts in GeoJSON, KML and CSV, and no text of a file name that a program could take for more."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from gallery.export import COLUMNS, render
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
