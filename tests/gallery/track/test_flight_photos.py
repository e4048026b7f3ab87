"""Which photos make a flight, or which video."""

import pytest

from gallery.errors import PosesError, TrackError
from gallery.telemetry.pose_files import read_poses
from gallery.track import flight_photos
from tests.gallery.track.test_video import write_video


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


def srt(*pitches: float) -> str:
    """Subtitles, one a second."""
    return "".join(
        f"{n + 1}\n00:00:0{n},000 --> 00:00:0{n},033\n[latitude: 47.5] [longitude: 8.5] [rel_alt: 60.0 abs_alt: 500.0] "
        f"[gb_yaw: 30.0 gb_pitch: {pitch} gb_roll: 0.0]\n\n"
        for n, pitch in enumerate(pitches)
    )


def test_a_folder_with_a_video_and_its_subtitles_is_a_flight(tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "DJI_1.MP4", seconds=4)
    (tmp_path / "DJI_1.SRT").write_text(srt(-90, -80, -70, -60))
    flight = flight_photos.flight_of([tmp_path], 1.0)
    assert not flight.photos and flight.notes[0].startswith("DJI_1.SRT states poses for 5 of 5 photos.")
    for number, frame in enumerate(flight.frames):
        assert frame.poses is not None and frame.time_s is not None
        said = frame.poses.at(frame.time_s)
        assert said is not None and said.pose.pitch_deg == pytest.approx(-90 + 10 * number, abs=3)


def test_subtitles_beside_a_video_that_are_none_are_told_and_others_are_asked_for(tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "a.mp4", seconds=2)
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nGood evening.\n")
    flight = flight_photos.flight_of([tmp_path / "a.mp4"], 1.0)
    assert "asked without it" in flight.notes[0] and all(frame.poses is None for frame in flight.frames)
    with pytest.raises(PosesError, match="speech"):
        flight_photos.flight_of([tmp_path / "a.mp4", tmp_path / "a.srt"], 1.0)
    (tmp_path / "late.srt").write_text(srt(-90).replace("00:00:00", "00:10:00"))
    flight = flight_photos.flight_of([tmp_path / "a.mp4", tmp_path / "late.srt"], 1.0)
    assert "0 of 3 photos. Is it of another flight?" in flight.notes[0]


def test_photos_with_a_table_of_their_poses(tmp_path):
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "poses.csv").write_text("file,yaw,pitch\n1.jpg,10,-90\n")
    poses = read_poses(tmp_path / "poses.csv")
    for flight in (
        flight_photos.flight_of([tmp_path, tmp_path / "poses.csv"]),
        flight_photos.flight_of([tmp_path], poses=poses),
    ):
        assert flight.count == 2 and flight.notes[0] == "poses.csv states poses for 1 of 2 photos."
        assert all(frame.poses is not None and frame.time_s is None for frame in flight.frames)
    assert not flight_photos.flight_of([tmp_path]).notes, "a table in the folder may be anything"
    with pytest.raises(TrackError, match="one file of poses"):
        flight_photos.flight_of([tmp_path, tmp_path / "poses.csv"], poses=poses)
    with pytest.raises(TrackError, match="no photo with that file"):
        flight_photos.flight_of([tmp_path / "poses.csv"])
