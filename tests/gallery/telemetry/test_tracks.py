"""KML and KMZ: tracks with their times, placemarks that are named like photos, and hostile files."""

import pytest

from gallery.errors import PosesError
from gallery.photo.belief import PoseValues
from gallery.telemetry.poses import CameraPlace
from gallery.telemetry.tracks import read_kml


def kml(body: str) -> bytes:
    spaces = 'xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"'
    return f'<?xml version="1.0" encoding="UTF-8"?><kml {spaces}><Document>{body}</Document></kml>'.encode()


TRACK = """<Placemark><gx:Track><altitudeMode>relativeToGround</altitudeMode>
<when>2024-01-18T10:00:00Z</when><when>2024-01-18T10:00:02Z</when><when>later</when>
<gx:coord>8.5 47.5 100</gx:coord><gx:coord>8.6 47.6 110</gx:coord><gx:coord>8.7 47.7 120</gx:coord>
<gx:angles>30 45 0</gx:angles><gx:angles>370 0 0</gx:angles></gx:Track></Placemark>"""


def test_a_track():
    first, second = read_kml(kml(TRACK), "t.kml").records
    assert (first.time_s, second.time_s) == (0, 2) and second.place == CameraPlace(8.6, 47.6)
    assert first.pose == PoseValues(30, -45, 100) and second.pose == PoseValues(10, -90, 110)


def test_placemarks_and_photo_overlays_by_name():
    body = """<Placemark><name>a.jpg</name><Point><coordinates>8.5,47.5,430</coordinates></Point></Placemark>
    <PhotoOverlay><name>dir/b.jpg</name><Camera><longitude>8.5</longitude><latitude>47.5</latitude>
    <altitude>80</altitude><heading>200</heading><tilt>30</tilt><altitudeMode>relativeToGround</altitudeMode></Camera>
    </PhotoOverlay><Placemark><name>no place</name></Placemark>"""
    first, second = read_kml(kml(body), "p.kml").records
    assert first.place == CameraPlace(8.5, 47.5, 430) and first.pose == PoseValues()
    assert second.file == "b.jpg" and second.pose == PoseValues(200, -60, 80)


BOMB = b'<!DOCTYPE k [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><kml><name>&b;</name></kml>'
OUTSIDE = b'<!DOCTYPE k [<!ENTITY a SYSTEM "file:///etc/hostname">]><kml><name>&a;</name></kml>'


@pytest.mark.parametrize(
    "data", [b"", b"no xml", BOMB, OUTSIDE, b"\xff\xfe\0", b'<?xml version="1.0" encoding="x"?><k/>']
)
def test_what_is_no_kml_or_a_hostile_one(data):
    with pytest.raises(PosesError, match="not a readable KML"):
        read_kml(data, "t.kml")


def test_a_kml_without_poses():
    with pytest.raises(PosesError, match="neither a track"):
        read_kml(kml("<Placemark><name>x</name></Placemark>"), "t.kml")
