"""KML out of a KMZ, and archives that hold none or too much."""

import zipfile

import pytest

from gallery.errors import PosesError, PositionsError
from gallery.georef import archived_kml
from gallery.georef.archived_kml import kml_of_archive
from gallery.telemetry.pose_files import read_poses
from tests.gallery.telemetry.test_tracks import TRACK, kml


def test_archives(tmp_path, monkeypatch):
    for names in (["doc.kml", "other.kml"], ["only.kml"]):
        with zipfile.ZipFile(tmp_path / "a.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, kml(TRACK) if name != "other.kml" else b"x")
        assert kml_of_archive(tmp_path / "a.kmz") == kml(TRACK)
        assert len(read_poses(tmp_path / "a.kmz").records) == 2
    monkeypatch.setattr(archived_kml, "MOST_KML_BYTES", 100)
    with pytest.raises(PositionsError, match="unpacks to more"):
        kml_of_archive(tmp_path / "a.kmz")
    with zipfile.ZipFile(tmp_path / "none.kmz", "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "bad.kmz").write_bytes(b"PK\3\4 no archive")
    for name, words in (("none.kmz", "no KML"), ("bad.kmz", "not a readable KMZ")):
        with pytest.raises(PositionsError, match=words):
            kml_of_archive(tmp_path / name)
        with pytest.raises(PosesError, match=words):
            read_poses(tmp_path / name)
