"""Subtitles of DJI's videos in every layout, and what is none of them."""

import pytest

from gallery.errors import PosesError
from gallery.telemetry.poses import CameraPlace
from gallery.telemetry.subtitles import read_subtitles


def cue(number: int, text: str, end: str = "00:00:00,033") -> str:
    return f"{number}\n00:00:0{number - 1},000 --> {end}\n{text}\n\n"


NEW = (
    '<font size="28">SrtCnt : 1, DiffTime : 33ms\n2024-01-18 10:23:26.397\n[iso : 150] [shutter : 1/5000.0] '
    "[fnum : 170] [ev : 0] [ct : 5023] [color_md : default] [focal_len : 240] [dzoom_ratio: 10000, delta:0],"
    "[latitude: -22.724555] [longitude: -47.602414] [rel_alt: 60.300 abs_alt: 609.679] "
    "[gb_yaw: 12.3 gb_pitch: -89.9 gb_roll: 0.0] </font>"
)
BETWEEN = (
    "F/6.3, SS 60, ISO 100, EV 0, RTK (120.083799, 30.213635, 28), HOME (120.084146, 30.214243, 103.55m), D 75.36m, "
    "H 76.19m, H.S 0.30m/s, V.S 0.00m/s, F.PRY (-5.3°, 2.1°, 28.3°), G.PRY (-40.0°, 0.0°, 28.2°)"
)
OLD = "HOME(149.0251,-20.2532) 2017.08.05 14:11:51\nGPS(149.0251,-20.2533,16) BAROMETER:1.9\nISO:100 Shutter:60"


def test_the_new_layout():
    [record] = read_subtitles(cue(1, NEW), "a.SRT").records
    assert record.place == CameraPlace(-47.602414, -22.724555, 609.679) and record.time_s == 0
    pose = record.pose
    assert (pose.heading_deg, pose.pitch_deg, pose.height_m, pose.focal_35mm) == (12.3, -89.9, 60.3, 24.0)
    assert set(record.said_by) == {"position", "heading", "pitch", "roll", "height", "focal length"}


def test_the_layouts_before_it():
    [record] = read_subtitles(cue(1, BETWEEN), "a.SRT").records
    assert record.place == CameraPlace(120.083799, 30.213635) and record.pose.height_m == 76.19
    assert (record.pose.heading_deg, record.pose.pitch_deg) == (28.2, -40.0)
    [record] = read_subtitles(cue(1, OLD), "a.SRT").records
    assert record.place == CameraPlace(149.0251, -20.2533) and record.pose.height_m == 1.9
    assert record.pose.heading_deg is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[latitude : 0.000000] [longtitude : 0.000000] [altitude: 0.000000]", None),
        ("[latitude: 39.674253] [longtitude: 118.162311] [altitude: 143.0]", CameraPlace(118.162311, 39.674253, 143.0)),
        ("[latitude: 47,5123] [longitude: 8,5412] [rel_alt: 50,5 abs_alt: 450,5]", CameraPlace(8.5412, 47.5123, 450.5)),
        ("GPS (8,5412, 47,3769, 19), H 50,5m", CameraPlace(8.5412, 47.3769)),
        ("GPS(28.6100,177.2000,19) BAROMETER:55.2", CameraPlace(177.2, 28.61)),  # latitude first, where it must be so
        ("GPS(W: 84.7760, N: 33.9010, 271.90m)", CameraPlace(-84.776, 33.901)),
        ("GPS(n/a) H 20.0m", None),
        ("[latitude: 95.0] [longitude: 10.0] [rel_alt: 5.0]", None),
    ],
)
def test_places_and_what_is_no_fix(text, place):
    assert read_subtitles(cue(1, text) + cue(2, NEW), "a.SRT").records[0].place == place


@pytest.mark.parametrize(
    ("text", "focal"),
    [
        ("[focal_len : 240]", 24.0),
        ("[focal_len: 24.00] [dzoom_ratio: 20000, delta:0]", 48.0),
        ("[focal_len: 166.00] [dzoom_ratio: 1.00]", 166.0),
        ("[focal_len : 224]", 22.4),
        ("[focal_len : 0]", None),
    ],
)
def test_the_lens(text, focal):
    assert read_subtitles(cue(1, text) + cue(2, NEW), "a.SRT").records[0].pose.focal_35mm == focal


def test_angles_of_zeros_are_not_reported_and_the_aircrafts_are_told():
    zeros = "[latitude: 1.5] [longitude: 2.5] [gb_yaw: 0.0 gb_pitch: 0.0 gb_roll: 0.0]"
    aircraft = "[latitude: 1.5] [longitude: 2.5] [Drone: Yaw:-62.1, Pitch:2.7, Roll:1.6]"
    first, second = read_subtitles(cue(1, zeros) + cue(2, aircraft), "a.SRT").records
    assert first.pose.heading_deg is None and second.pose.heading_deg == pytest.approx(297.9)
    assert second.pose.pitch_deg is None and "aircraft" in second.said_by["heading"]


def test_moments_of_one_time_follow_by_their_step():
    text = "".join(f"{n}\n00:00:00,000 --> 00:00:00,033\n{NEW}\n\n" for n in range(1, 4))
    assert [each.time_s for each in read_subtitles(text, "a.SRT").records] == pytest.approx([0, 0.033, 0.066])


def test_what_is_no_telemetry():
    with pytest.raises(PosesError, match="no subtitles"):
        read_subtitles("nothing here", "a.SRT")
    with pytest.raises(PosesError, match="speech"):
        read_subtitles(cue(1, "Good evening."), "a.SRT")
