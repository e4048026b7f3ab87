"""A track as a document: gaps where it is lost, hostile names as text, and the command that writes it."""

import io
import json
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import pyogrio
import pytest

from gallery.errors import TrackError
from gallery.geo import Position
from gallery.search.answer import ExifCheck, PhotoProblem
from gallery.track import flight_photos
from gallery.track.export import render, stretches
from gallery.track.track import Fix, Sighting, Track

HOSTILE = "<b>&\x00.jpg"
BEGIN = datetime(2026, 6, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def fix(number: int, lon: float | None, name: str = "", taken: bool = True, state: str = "found") -> Fix:
    position = None if lon is None else Position(lon, 1.0, 8.0)
    taken_at = BEGIN + timedelta(seconds=4 * number) if taken else None
    sighting = Sighting(name or f"{number}.jpg", stated=ExifCheck(0.001 * number, 1.0, 5.0))
    state = "lost" if lon is None else state
    return Fix(sighting.name, 4.0 * number, taken_at, state, 0.97, position, sighting)


@pytest.fixture
def flight() -> Track:
    lons = [0.0, 0.001, 0.002, None, None, 0.005, 0.006]
    fixes = [fix(number, lon, HOSTILE if number == 1 else "") for number, lon in enumerate(lons)]
    return Track(tuple(fixes), (PhotoProblem("bad.jpg", "bad.jpg is empty."),))


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
    kml = pyogrio.read_dataframe(io.BytesIO(render(flight, "kml").encode()))
    assert len(kml) == 2 + 5 and set(kml.geometry.geom_type) == {"LineString", "Point"}


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


def test_the_track_for_reading(flight):
    told = flight_photos.text(flight)
    assert "0.jpg" in told and "\x00" not in told and "bad.jpg is empty." in told
    assert "7 photos: 5 found, 0 bridged, 2 lost; median 0 m" in told
    assert "EXIF puts" not in flight_photos.summary(Track((fix(0, None),)))


def test_a_flight_is_photos_or_one_video(tmp_path):
    for name in ("b.jpg", "a.JPG", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    flight = flight_photos.flight_of([tmp_path])
    assert [frame.name for frame in flight.frames] == ["a.JPG", "b.jpg"] and flight.count == 2 and flight.photos
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    (tmp_path / "empty").mkdir()
    for paths, words in (
        ([tmp_path / "clip.mp4", tmp_path / "b.jpg"], "one at a time"),
        ([tmp_path / "gone.jpg"], "no file or folder gone.jpg"),
        ([tmp_path / "empty"], "no photo"),
        ([tmp_path / "clip.mp4"], "not a video"),
    ):
        with pytest.raises(TrackError, match=words):
            flight_photos.flight_of(paths)


def test_a_track_is_written_as_the_ending_says(flight, tmp_path):
    for ending in ("gpx", "kml", "geojson"):
        flight_photos.check_out(tmp_path / f"way.{ending}")
        flight_photos.write(flight, tmp_path / f"way.{ending}")
        assert (tmp_path / f"way.{ending}").read_text() == render(flight, ending)
    for bad, words in ((tmp_path / "way.txt", "ends neither"), (tmp_path / "gone" / "way.gpx", "no folder gone")):
        with pytest.raises(TrackError, match=words):
            flight_photos.check_out(bad)
    assert not list(tmp_path.glob("*.part"))
