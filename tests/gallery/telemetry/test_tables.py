"""Tables of poses as other programs write them. The values are made up in their documented layouts."""

import pytest

from gallery.errors import PosesError
from gallery.photo.belief import PoseValues
from gallery.telemetry.poses import CameraPlace
from gallery.telemetry.tables import read_pose_table


def table(*lines: str, name: str = "poses.csv"):
    return read_pose_table("\n".join(lines), name)


def test_exiftool():
    poses = table(
        "SourceFile,GPSLatitude,GPSLongitude,GPSAltitude,RelativeAltitude,GimbalYawDegree,GimbalPitchDegree,"
        "GimbalRollDegree,FlightYawDegree,FocalLengthIn35mmFormat",
        './100MEDIA/DJI_0001.JPG,"47 deg 22\' 36.84"" N","8 deg 32\' 28.30"" W",512.3 m Above Sea Level,+60.50,'
        "-120.10,-75.00,+0.00,+58.00,24 mm",
        '2.JPG,47.5,8.5,3 m Below Sea Level,60,"10",-90,,,',
    )
    first, second = poses.records
    assert first.file == "DJI_0001.JPG"
    assert first.place is not None and first.place.lon == pytest.approx(-(8 + 32 / 60 + 28.30 / 3600))
    assert first.place.lat == pytest.approx(47.3769) and first.place.altitude_m == 512.3
    assert first.pose == PoseValues(pytest.approx(239.9), -75.0, 60.5, 24.0, 0.0)
    assert second.place == CameraPlace(8.5, 47.5, -3.0) and second.pose.focal_35mm is None
    assert first.said_by["heading"] == "GimbalYawDegree" and first.said_by["height"] == "RelativeAltitude"


def test_pix4d_with_and_without_a_header():
    line = "IMG_3165.JPG,46.2345612,6.5611445,539.931,38.6,3.5,8.3"  # from Pix4D's page of the format
    for lines in ([line], ["#imagename,latitude,longitude,z,yaw,pitch,roll", line], [f"{line},0.02,0.04"]):
        [record] = table(*lines).records
        assert record.place == CameraPlace(6.5611445, 46.2345612, 539.931)
        assert record.pose == PoseValues(38.6, -86.5, roll_deg=8.3), "a pitch of 0 looks straight down"
    [bare] = table("a.jpg,46.2,6.5,539.9,0.02,0.04").records
    assert bare.pose == PoseValues() and bare.place is not None, "accuracies are no angles"


def test_omega_phi_kappa():
    [record] = table("imagename,latitude,longitude,altitude,omega,phi,kappa", "a.tif,46.2,6.5,900,0,0,-30").records
    assert record.pose.heading_deg == pytest.approx(30) and record.pose.pitch_deg == pytest.approx(-90)


def test_pitch_of_a_gimbal_under_a_plain_name():
    first, second = table("file;lat;lon;yaw;pitch", "a.jpg;46,2;6,5;10,5;-90", "b.jpg;46,2;6,5;11;-60,5").records
    assert (first.pose.heading_deg, first.pose.pitch_deg, second.pose.pitch_deg) == (10.5, -90, -60.5)
    assert first.place == CameraPlace(6.5, 46.2)


def test_uav_visloc():
    [record] = table(
        "num,filename,date,lat,lon,height,Omega,Kappa,Phi1,Phi2", "1,01_0001.JPG,2018-01-01,29.8,115.9,466,2,-1,170,171"
    ).records
    assert record.pose == PoseValues(170, -88, roll_deg=-1) and record.place == CameraPlace(115.9, 29.8, 466)


@pytest.mark.parametrize(
    ("projection", "x", "y"),
    [
        ("EPSG:4326", "9", "47.5"),
        ("WGS84 UTM 32N", "500000", "5260729.7"),
        ("+proj=utm +zone=32 +datum=WGS84", "5e5", "5260729.7"),
    ],
)
def test_open_drone_maps_list(projection, x, y):
    lines = (f"a.jpg {x} {y}", f"b/c.jpg {x} {y} 500 30 5 -2 0.1 0.1", f"d.jpg {x} {y} 500 0 0 0", "# a remark")
    plain, turned, zeros = table(projection, *lines, name="geo.txt").records
    assert plain.place is not None
    assert (plain.place.lon, plain.place.lat) == pytest.approx((9, 47.5), abs=1e-5)
    assert turned.file == "c.jpg" and turned.pose == PoseValues(30, -85, roll_deg=-2)
    assert zeros.pose == PoseValues(), "angles of 0 are not available"


AIRDATA = (
    "time(millisecond),datetime(utc),latitude,longitude,height_above_takeoff(feet),"
    "height_above_ground_at_drone_location(feet), compass_heading(degrees), pitch(degrees),isVideo,"
    "gimbal_heading(degrees),gimbal_pitch(degrees),altitude(feet)"
)


def test_airdata():
    poses = table(
        AIRDATA,
        "0,2024-01-18 10:00:00,47.5,8.5,0,0,10,3,0,0,0,0",
        "1000,2024-01-18 10:00:01,47.5,8.5,328.084,0,10,3,1,200,-60,328",
        "3000,2024-01-18 10:00:03,47.5,8.5,328.084,0,10,3,1,220,-70,328",
    )
    assert [each.time_s for each in poses.records] == [0, 1, 3]
    assert poses.records[1].pose.height_m == pytest.approx(100), "feet, and of the column that is filled"
    assert poses.records[0].pose.pitch_deg is None, "a gimbal at 0, 0 is not reported"
    film = poses.of_video(2.0)
    assert [each.time_s for each in film.records] == [0, 2]
    between = film.at(1.0)
    assert between is not None and (between.pose.heading_deg, between.pose.pitch_deg) == (210, -65)


def test_litchi_counts_tenths_of_degrees_and_a_log_without_gimbal_has_the_aircrafts_heading():
    [record] = table(
        "latitude,longitude,altitude(feet),time(millisecond),yaw(deg),gimbalPitchRaw,gimbalRollRaw,gimbalYawRaw",
        "47.5,8.5,164.042,2500,90,-900,0,-1200",
    ).records
    assert record.pose == PoseValues(240, -90, pytest.approx(50), roll_deg=0.0) and record.time_s == 2.5
    poses = table("time,latitude,longitude,yaw(deg),pitch(deg)", "0,47.5,8.5,90,4")
    assert poses.records[0].pose == PoseValues(90) and "aircraft" in poses.notes[0]


def test_times_of_day_count_from_the_first():
    poses = table("CUSTOM.updateTime,OSD.latitude,OSD.longitude,OSD.height [m],GIMBAL.yaw,GIMBAL.pitch",
                  "2024/01/18 10:00:00.5,47.5,8.5,50,10,-90", "2024/01/18 10:00:02.0,47.5,8.5,50,10,-90")  # fmt: skip
    assert [each.time_s for each in poses.records] == [0, 1.5] and poses.records[0].pose.height_m == 50


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([""], "empty"),
        (["a,b", "1,2"], "neither photos nor times"),
        (["file,colour", "a.jpg,red"], "nothing of any pose"),
        (["EPSG:999999", "a.jpg 1 2"], "projection"),
        (["EPSG:4326", "a.jpg"], "no photo"),
        (["file,lat", '"' + "x" * 200_000 + "\n"], "too long"),
    ],
)
def test_what_states_no_poses(lines, words):
    with pytest.raises(PosesError, match=words):
        table(*lines)


def test_cells_that_make_no_sense_state_nothing():
    first, _ = table("file,lat,lon,yaw,pitch", "a.jpg,195,8,nan,-", "b.jpg,1,2,3,4").records
    assert first.empty
