"""A track for reading, and the files that the command writes."""

import pytest

from gallery.cli import track_text
from gallery.cli.output import check_out
from gallery.cli.track import FILE_ENDINGS
from gallery.errors import GalleryError
from gallery.track.export import render
from gallery.track.track import Track
from tests.helpers.tracks import fix, made_track


def test_the_track_for_reading():
    told = track_text.text(made_track())
    assert "0.jpg" in told and "\x00" not in told and "bad.jpg is empty." in told
    assert "7 photos: 5 found, 0 bridged, 2 lost; median 0 m" in told
    assert "EXIF puts" not in track_text.summary(Track((fix(0, None),)))


def test_a_track_is_written_as_the_ending_says(tmp_path):
    flight = made_track()
    for ending in ("gpx", "kml", "geojson"):
        check_out(tmp_path / f"way.{ending}", FILE_ENDINGS)
        track_text.write(flight, tmp_path / f"way.{ending}")
        assert (tmp_path / f"way.{ending}").read_text() == render(flight, ending)
    for bad, words in ((tmp_path / "way.txt", "ends in none of"), (tmp_path / "gone" / "way.gpx", "no folder gone")):
        with pytest.raises(GalleryError, match=words):
            check_out(bad, FILE_ENDINGS)
    assert not list(tmp_path.glob("unfinished-*"))
