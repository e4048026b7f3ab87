"""Which photos make a flight, or which video."""

import pytest

from gallery.errors import TrackError
from gallery.track import flight_photos


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
