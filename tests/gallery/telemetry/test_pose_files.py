"""Which reader a file of poses gets, and files that none takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.errors import PosesError
from gallery.telemetry import pose_files
from gallery.telemetry.pose_files import beside, read_poses
from gallery.telemetry.subtitles import read_subtitles
from gallery.telemetry.tables import read_pose_table
from gallery.telemetry.tracks import read_kml
from tests.gallery.telemetry.test_subtitles import NEW, cue
from tests.gallery.telemetry.test_tracks import TRACK, kml


def test_by_its_ending(tmp_path):
    (tmp_path / "a.SRT").write_text(cue(1, NEW), "utf-8")
    (tmp_path / "a.csv").write_bytes("file,lat,lon\nü.jpg,1,2\n".encode("cp1252"))
    (tmp_path / "geo.txt").write_text("EPSG:4326\na.jpg 2 1\n")
    (tmp_path / "a.kml").write_bytes(kml(TRACK))
    for name in ("a.SRT", "a.csv", "geo.txt", "a.kml"):
        poses = read_poses(tmp_path / name)
        assert poses.records and poses.source == name
    assert read_poses(tmp_path / "a.csv").of_photo("ü.jpg") is not None


def test_what_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.doc").write_text("x")
    (tmp_path / "a.csv").write_bytes(bytes(range(256)))
    (tmp_path / "large.srt").write_text("x" * 20)
    with pytest.raises(PosesError, match="no file gone"):
        read_poses(tmp_path / "gone.srt")
    with pytest.raises(PosesError, match="ends in none"):
        read_poses(tmp_path / "a.doc")
    with pytest.raises(PosesError, match="no text"):
        read_poses(tmp_path / "a.csv")
    monkeypatch.setattr(pose_files, "MOST_BYTES", 10)
    with pytest.raises(PosesError, match="larger than"):
        read_poses(tmp_path / "large.srt")


def test_the_subtitles_beside_a_video(tmp_path):
    assert beside(tmp_path / "DJI_1.MP4") is None
    (tmp_path / "DJI_1.SRT").write_text("x")
    found = beside(tmp_path / "DJI_1.MP4")
    assert found is not None and found.name == "DJI_1.SRT"


WORDS = [
    "00:00:01,000 --> ",
    "latitude: ",
    "GPS (",
    ")",
    ",",
    "file",
    "lat",
    "lon",
    "yaw",
    "\n",
    "1.5",
    "-900",
]
text = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=40).map("".join)


@given(text)
@settings(max_examples=50)
def test_any_text_is_poses_or_one_sentence(content):
    for read in (read_subtitles, read_pose_table):
        try:
            assert read(content, "f").records
        except PosesError as error:
            assert "\n" not in str(error)
    with pytest.raises(PosesError):
        read_kml(content.encode(), "f")
