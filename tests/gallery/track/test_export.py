"""A track as a document: gaps where it is lost, and hostile names as text."""

import io
import json
import xml.etree.ElementTree as ElementTree

import pyogrio
import pytest

from gallery.track.export import render, stretches
from gallery.track.track import Track
from tests.helpers.tracks import fix, made_track


@pytest.fixture
def flight() -> Track:
    return made_track()


def test_gpx_has_a_segment_for_each_stretch_and_the_times(flight):
    tree = ElementTree.fromstring(render(flight, "gpx"))
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    segments = tree.findall(".//g:trkseg", space)
    assert [len(segment.findall("g:trkpt", space)) for segment in segments] == [3, 2]
    first = segments[0][0]
    assert first.find("g:time", space).text == "2026-06-01T10:00:00.500Z"
    assert [point.find("g:name", space).text for point in segments[0]] == [
        "0.jpg",
        "<b>&\N{REPLACEMENT CHARACTER}.jpg",
        "2.jpg",
    ]
    assert float(segments[0][1].get("lon")) == 0.001 and first.find("g:desc", space).text == "found, within 8 m"


def test_gpx_without_times_or_without_any_place_is_still_a_document():
    untimed = Track((fix(0, 0.0, taken=False), fix(1, 0.001)))
    assert "<time>" not in render(untimed, "gpx") and render(untimed, "gpx").count("<trkpt") == 2
    lost = Track((fix(0, None), fix(1, None)))
    assert "<trkpt" not in render(lost, "gpx") and stretches(lost) == []
    for form in ("geojson", "kml"):
        assert render(lost, form)


def test_geojson_and_kml_hold_every_photo_and_the_way(flight):
    document = json.loads(render(flight, "geojson"))
    kinds = [feature["properties"]["kind"] for feature in document["features"]]
    assert (kinds.count("fix"), kinds.count("track"), kinds.count("problem")) == (7, 2, 1)
    lost = [feature for feature in document["features"] if feature["properties"]["state"] == "lost"]
    assert len(lost) == 2 and all(feature["geometry"] is None for feature in lost)
    assert document["features"][0]["geometry"]["type"] == "LineString"
    kml = render(flight, "kml").encode()
    layers = {layer: pyogrio.read_dataframe(io.BytesIO(kml), layer=layer) for layer in ("track", "fix")}
    assert {layer: len(rows) for layer, rows in layers.items()} == {"track": 2, "fix": 5}
    assert set(layers["track"].geometry.geom_type) == {"LineString"} and set(layers["fix"].geometry.geom_type) == {
        "Point"
    }


def test_the_way_across_the_180th_meridian_does_not_jump():
    [line] = [
        feature
        for feature in json.loads(render(Track((fix(0, 179.999), fix(1, -179.999))), "geojson"))["features"]
        if feature["properties"]["kind"] == "track"
    ]
    parts = line["geometry"]["coordinates"]
    widths = [
        abs(part[0][0] - part[-1][0]) for part in (parts if line["geometry"]["type"] != "LineString" else [parts])
    ]
    assert max(widths) < 0.01
