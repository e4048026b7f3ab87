"""The command `photo`: what was read, from which tag, and what was refused and why."""

import json

from gallery.__main__ import main
from tests.helpers.bad_files import gps_exif, jpeg_bytes, picture

XMP = (
    b'<x:xmpmeta><rdf:Description drone-dji:GimbalYawDegree="+60.0" drone-dji:GimbalPitchDegree="-90.0" '
    b'drone-dji:FlightYawDegree="-30.0" drone-dji:GimbalRollDegree="+0.00"/></x:xmpmeta>'
)


def photo_file(folder):
    file = folder / "one.jpg"
    file.write_bytes(jpeg_bytes(picture(), exif=gps_exif(7.5, 47.5, gps_16="M", gps_17=330.0), xmp=XMP))
    return file


def test_a_photo_is_told_tag_by_tag(tmp_path, capsys, caplog):
    assert main(["photo", str(photo_file(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "heading_deg: 60" in out and "read: heading +60.0 of drone-dji:GimbalYawDegree" in out
    assert "refused: heading 330.0 of GPSImgDirection: the camera's own is stated in XMP" in out
    assert "refused: heading -30.0 of drone-dji:FlightYawDegree: of the aircraft and not of the camera" in out
    assert not caplog.records, "positions are told to who asks, and logged nowhere"


def test_as_json_also_of_what_is_no_photo(tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    bare = tmp_path / "bare.jpg"
    bare.write_bytes(jpeg_bytes(picture()))
    assert main(["photo", str(photo_file(tmp_path)), str(bare), str(tmp_path / "text.jpg"), "--json"]) == 2
    said = capsys.readouterr()
    first, second, third = json.loads(said.out)
    assert first["pose"]["heading_deg"] == 60.0 and first["position"]["lon"] == 7.5 and first["error"] is None
    assert {each["tag"] for each in first["statements"] if each["taken"]} >= {"drone-dji:GimbalPitchDegree"}
    assert second["pose"] is None and second["statements"] == []
    assert "text" in third["error"] and said.err.count("\n") == 1


def test_what_a_file_states_in_place_of_the_photo(tmp_path, capsys):
    photo, poses = photo_file(tmp_path), tmp_path / "p.csv"
    poses.write_text("file,lat,lon,yaw,pitch\none.jpg,46.5,8.25,120,-70\n")
    assert main(["photo", str(photo), "--poses", str(poses)]) == 0
    out = capsys.readouterr().out
    assert "heading_deg: 120" in out and "pitch_deg: -70" in out and "lon: 8.25" in out
    assert "read: heading 120.0 of yaw in p.csv" in out and "read: position 46.5, 8.25 of lat, lon in p.csv" in out
    assert "refused: heading +60.0 of drone-dji:GimbalYawDegree: p.csv comes first" in out
    assert "refused: roll +0.00 of drone-dji:GimbalRollDegree: p.csv comes first" in out
    poses.write_text("file,yaw\nother.jpg,120\n")
    assert main(["photo", str(photo), "--poses", str(poses)]) == 0
    out = capsys.readouterr().out
    assert "heading_deg: 60" in out and "p.csv does not tell this photo from others." in out
    assert main(["photo", str(photo), "--poses", str(tmp_path / "gone.csv")]) == 2
    assert "no file gone.csv" in capsys.readouterr().err
