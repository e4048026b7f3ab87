"""What cameras of every maker say of how they looked, and what of it is believed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from mean_model.photo import load_photo, read_metadata
from mean_model.photo_metadata import Metadata, StatedPose
from mean_model.photo_statement import number
from tests.helpers.bad_files import gps_exif, jpeg_bytes, picture

DJI = {
    "RelativeAltitude": "+150.00",
    "GimbalRollDegree": "+0.00",
    "GimbalYawDegree": "+60.00",
    "GimbalPitchDegree": "-90.00",
    "FlightYawDegree": "+60.00",
}
FULL = StatedPose(pytest.approx(60.0), -90.0, 150.0, 24.0)
ADDRESSES = {
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "drone-parrot": "http://www.parrot.com/drone-parrot/1.0/",
    "drone-skydio": "https://www.skydio.com/drone-skydio/1.0/",
    "drone-autel": "http://www.autelrobotics.com/drone-autel/1.0/",
    "Camera": "http://pix4d.com/camera/1.0/",
}


def xmp_of(values: dict[str, str | None], usual: str = "drone-dji", prefix: str = "", inside: str = "") -> bytes:
    """An XMP packet with the values as attributes of one vocabulary."""
    prefix = prefix or usual
    body = " ".join(f'{prefix}:{name}="{value}"' for name, value in values.items() if value is not None)
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:{prefix}="{ADDRESSES[usual]}" {body}>'
        f"{inside}</rdf:Description></x:xmpmeta>"
    ).encode()


def said_by(
    xmp: bytes = b"",
    camera: dict | None = None,
    gps: Image.Exif | None = None,
    size: tuple[int, int] = (640, 480),
    make: str = "DJI",
    model: str = "",
) -> Metadata:
    """What is read of a made picture; its lens is 24 mm where `camera` says nothing."""
    exif = gps or Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    exif[0x8769] = {0xA405: 24} if camera is None else camera
    return read_metadata(jpeg_bytes(picture(*size), exif=exif, **({"xmp": xmp} if xmp else {})))


def dji(**changes: str | None) -> bytes:
    return xmp_of({**DJI, **changes})


def taken(metadata: Metadata, quantity: str) -> list[str]:
    return [each.tag for each in metadata.statements if each.quantity == quantity and each.taken]


def test_a_gimbal_of_zeros_is_not_reported():
    zeros = {"GimbalYawDegree": "+0.00", "GimbalPitchDegree": "+0.00"}
    metadata = said_by(dji(**zeros))
    assert metadata.pose == FULL
    assert "not reported" in metadata.notes[0] and taken(metadata, "heading") == ["drone-dji:FlightYawDegree"]
    level = said_by(dji(**zeros, FlightYawDegree="+0.00"))
    assert level.pose == StatedPose(0.0, 0.0, 150.0, 24.0) and not level.notes, "flown and looking due north"
    assert said_by(dji(GimbalYawDegree="+0.00")).pose == StatedPose(0.0, -90.0, 150.0, 24.0), "the pitch is reported"
    directed = said_by(dji(**zeros), gps=gps_exif(7.5, 47.5, gps_17=61.0))
    assert directed.pose is not None and directed.pose.heading_deg == 61.0, "the photo's own direction comes first"


@pytest.mark.parametrize("roll", ["+180.00", "-180.00", "179.2"])
def test_a_gimbal_that_flipped_over_is_turned_round(roll):
    metadata = said_by(dji(GimbalYawDegree="-120.00", GimbalRollDegree=roll))
    heading = pytest.approx((float(roll) - 120) % 360)
    assert metadata.pose == replace(FULL, heading_deg=heading) and "turned round" in metadata.notes[0]
    upright = Image.Exif()
    upright[0x0112] = 3
    stored = said_by(dji(GimbalRollDegree="+180.00"), gps=upright)
    assert stored.pose == FULL and not stored.notes, "the file's orientation says it already"


def test_a_picture_upside_down_says_nothing_of_its_pitch():
    oblique = said_by(dji(GimbalRollDegree="180", GimbalPitchDegree="-40")).pose
    assert oblique == StatedPose(pytest.approx(240.0), None, 150.0, 24.0)


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """(3, 3): forward, right and down of a body, as columns north, east and down; yaw, then pitch, then roll."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    return yaw @ pitch @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])


@pytest.mark.parametrize(("pitch", "roll"), [(-90, 12), (-90, -7), (-60, 5), (-45, -9), (-88.5, 20), (-21, 3)])
def test_a_gimbals_roll_is_read_as_heading_pitch_and_roll_of_the_picture(pitch, roll):
    pose = said_by(dji(GimbalRollDegree=f"{roll}", GimbalPitchDegree=f"{pitch}")).pose
    assert pose is not None and pose.heading_deg is not None and pose.pitch_deg is not None
    ahead, right, down = rotation(60, pitch, roll).T  # a gimbal's camera looks forward
    forward, right_wing, below = rotation(pose.heading_deg, pose.pitch_deg + 90, pose.roll_deg or 0).T
    assert np.allclose([forward, right_wing, below], [-down, right, ahead]), "a body's camera looks down"


def test_the_roll_of_a_view_near_the_horizon_is_not_used():
    metadata = said_by(dji(GimbalRollDegree="5", GimbalPitchDegree="-10"))
    assert metadata.pose == replace(FULL, pitch_deg=-10.0) and taken(metadata, "roll") == []


def test_the_roll_of_an_aircraft_is_handed_on():
    metadata = said_by(xmp_of({"Yaw": "60", "Pitch": "4", "Roll": "-7.5"}, "Camera"))
    assert metadata.pose == StatedPose(60.0, -86.0, None, 24.0, -7.5) and taken(metadata, "roll") == ["Camera:Roll"]


def test_sense_fly_rolls_the_other_way_and_has_an_address_of_its_own():
    xmp = xmp_of({"Yaw": "60", "Pitch": "4", "Roll": "-7.5"}, "Camera", "sf")
    xmp = xmp.replace(b"http://pix4d.com/camera/1.0/", b"http://ns.sensefly.com/Camera/1.0/")
    assert said_by(xmp, make="senseFly").pose == StatedPose(60.0, -86.0, None, 24.0, 7.5)


def test_a_gimbal_of_a_picture_that_was_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert said_by(dji(GimbalRollDegree="+90.00"), gps=exif).pose == FULL


def test_the_gimbal_says_where_the_camera_looked_and_not_the_gps_direction():
    metadata = said_by(dji(), gps=gps_exif(7.5, 47.5, gps_16="T", gps_17=330.0))
    assert metadata.pose == FULL and taken(metadata, "heading") == ["drone-dji:GimbalYawDegree"]
    refused = next(each for each in metadata.statements if each.tag == "GPSImgDirection")
    assert not refused.taken and refused.reason


def test_magnetic_north_is_noted():
    for reference, notes in (("M", 1), ("T", 0)):
        metadata = said_by(gps=gps_exif(7.5, 47.5, gps_16=reference, gps_17=60.0))
        assert metadata.pose == StatedPose(60.0, focal_35mm=24.0) and len(metadata.notes) == notes


RATIO = TiffImagePlugin.IFDRational


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"camera": {0xA405: 24, 0xA404: RATIO(2, 1)}}, 48.0),
        ({"camera": {0xA405: 24, 0xA404: RATIO(0, 0)}}, 24.0),
        ({"camera": {0xA405: 52, 0xA404: RATIO(2, 1)}, "make": "Apple"}, 52.0),  # holds the zoom in its 35 mm figure
        ({"size": (640, 360)}, 24 * 800 / math.hypot(640, 360)),
        ({"size": (360, 640)}, 24 * 800 / math.hypot(640, 360)),
        ({"size": (640, 360), "model": "FC6310"}, 24 * math.hypot(3, 2) / math.hypot(3, 27 / 16)),
        ({"size": (640, 360), "make": "Canon"}, 24.0),
        # a sensor 13.2 x 9.9 mm behind a lens of 8.8 mm, in inches, centimetres, millimetres; then a wrong unit
        *(
            ({"camera": {0x920A: 8.8, 0xA20E: x, 0xA20F: x, 0xA210: unit}}, 8.8 * math.hypot(36, 24) / 16.5)
            for unit, x in ((2, 640 / 13.2 * 25.4), (3, 640 / 1.32), (4, 640 / 13.2), (3, 640 / 13.2))
        ),
        ({"camera": {0x920A: 8.8, 0xA20E: 10.0, 0xA210: 2}}, None),
        (
            {"camera": {0x920A: 8.8, 0xA20E: 1280 / 1.32, 0xA210: 3, 0xA002: 1280, 0xA003: 960}},
            8.8 * math.hypot(36, 24) / 16.5,
        ),  # made smaller after it was taken
        ({"camera": {0xA405: 0, 0x920A: 8.8}}, None),
        (
            {"xmp": dji(CalibratedFocalLength="3666.67", CalibratedOpticalCenterX="2736.0"), "camera": {0xA405: 24}},
            3666.67 / 5472 * 640 * math.hypot(36, 24) / 800,
        ),
        ({"xmp": dji(CalibratedFocalLength="900", CalibratedOpticalCenterX="2736.0"), "camera": {0xA405: 24}}, 24.0),
        ({"xmp": dji(CalibratedFocalLength="3666.67"), "camera": {0xA405: 24}}, 24.0),
    ],
)
def test_the_lens(case, expected):
    pose = said_by(**{"xmp": dji(), **case}).pose
    assert pose is not None
    assert pose.focal_35mm == (None if expected is None else pytest.approx(expected, rel=1e-4))


RATIOS = (0xA20E, 0xA20F)


@pytest.mark.parametrize(
    ("case", "focal", "others"),
    [
        # the calibration speaks of 43 mm, the 35 mm figure of 24: too far apart to be one lens
        (
            {"xmp": dji(CalibratedFocalLength="6830", CalibratedOpticalCenterX="2736.0")},
            24.0,
            (6830 / 5472 * 640 * math.hypot(36, 24) / 800,),
        ),
        ({"xmp": dji(CalibratedFocalLength="3666.67", CalibratedOpticalCenterX="2736.0")}, 23.194, ()),  # alike
        # the focal plane says 48 mm
        ({"camera": {0xA405: 24, 0x920A: 17.6, **dict.fromkeys(RATIOS, 640 / 1.32), 0xA210: 3}}, 24.0, (46.15,)),
        ({"camera": {0xA405: 24, 0xA404: RATIO(2, 1)}}, 48.0, (24.0,)),  # with the zoom and without
        ({"camera": {0xA405: 52, 0xA404: RATIO(2, 1)}, "make": "Apple"}, 52.0, (104.0,)),
        ({"camera": {0xA405: 52, 0xA404: RATIO(11, 10)}, "make": "Apple"}, 52.0, ()),  # a search bears a tenth
    ],
)
def test_where_statements_of_the_lens_disagree_both_are_kept(case, focal, others):
    metadata = said_by(**{"xmp": dji(), "camera": {0xA405: 24}, **case})
    assert metadata.pose is not None and metadata.pose.focal_35mm == pytest.approx(focal, rel=1e-3)
    assert metadata.pose.other_focals_35mm == pytest.approx(others, rel=1e-3)
    tried = [each for each in metadata.statements if "tried where" in each.reason]
    assert bool(tried) == (bool(others) and 0xA404 not in case.get("camera", {}))


@pytest.mark.parametrize(
    ("source", "model", "camera", "focal"),
    [
        ("InfraredCamera", "M30T", {}, 40.0),
        ("InfraredCamera", "ZH20T", {0x920A: 13.5}, 58.0),
        ("InfraredCamera", "640T", {0x920A: 9.1}, 40.0),  # by 640 x 512 pixels of 12 micrometres
        ("InfraredCamera", "XT2", {0x920A: 19.0}, 59.0),  # of 17
        (None, "MAVIC2-ENTERPRISE-ADVANCED", {}, 38.0),  # by its model and shape
        ("InfraredCamera", "unheard of", {}, None),
        ("WideCamera", "ZH20T", {}, None),
        ("ZoomCamera", "ZH20T", {0xA405: 119}, 119.0),
    ],
)
def test_thermal_and_other_cameras_of_one_drone(source, model, camera, focal):
    metadata = said_by(dji(ImageSource=source), camera, size=(640, 512), model=model)
    assert metadata.pose is not None
    assert metadata.pose.focal_35mm == (None if focal is None else pytest.approx(focal, rel=0.01))


def test_a_thermal_picture_that_states_the_wide_cameras_lens():
    metadata = said_by(dji(ImageSource="InfraredCamera"), {0xA405: 24}, size=(640, 512), model="M3T")
    assert metadata.pose is not None
    assert (metadata.pose.focal_35mm, metadata.pose.other_focals_35mm) == (24.0, (40.0,))
    said = next(each for each in metadata.statements if each.tag == "drone-dji:ImageSource")
    assert not said.taken and said.value == "InfraredCamera of M3T"


def test_the_lens_is_the_same_however_small_the_photo_is_decoded():
    exif = Image.Exif()
    exif[0x8769] = {0x920A: 8.8, 0xA20E: 640 / 1.32, 0xA20F: 640 / 1.32, 0xA210: 3}
    data = jpeg_bytes(picture(640, 480), exif=exif)
    assert load_photo(data, 32).pose == load_photo(data).pose == read_metadata(data).pose


@pytest.mark.parametrize(
    ("xmp", "expected"),
    [
        (xmp_of(DJI, prefix="dji"), FULL),
        (dji(RelativeAltitude="+150,00", GimbalYawDegree="+60,00", GimbalPitchDegree="-90,00"), FULL),
        (xmp_of({"Yaw": "60.0", "Pitch": "0.0", "Roll": "0.0", "AboveGroundAltitude": "150.0"}, "Camera"), FULL),
        (xmp_of({"Yaw": "60.0", "Pitch": "-90", "Roll": "0.0", "AboveGroundAltitude": "300/2"}, "Camera"), FULL),
        (xmp_of({"Yaw": "60", "Pitch": "30"}, "Camera"), StatedPose(60.0, -60.0, None, 24.0)),
        (xmp_of({"Yaw": "60", "Pitch": "-30"}, "Camera"), StatedPose(60.0, None, None, 24.0)),
        (
            xmp_of({"CameraYawDegree": "60", "CameraPitchDegree": "-90", "CameraRollDegree": "0"}, "drone-parrot"),
            StatedPose(60.0, -90.0, None, 24.0),
        ),
        (
            xmp_of(
                {"RelativeAltitude": "150", "CameraOrientationNEDYaw": "60", "CameraOrientationNEDPitch": "-90"},
                "drone-skydio",
            ),
            FULL,
        ),
        (
            xmp_of(
                {"RelativeAltitude": "150"},
                "drone-skydio",
                inside='<drone-skydio:CameraOrientationNED drone-skydio:Yaw="60" drone-skydio:Pitch="-90" '
                'drone-skydio:Roll="0"/><drone-skydio:VehicleOrientationNED drone-skydio:Yaw="99"/>',
            ),
            FULL,
        ),
        (dji(GimbalYawDegree="nan"), StatedPose(None, -90.0, 150.0, 24.0)),
        (dji(LRFTargetDistance="171.5", LRFStatus="Normal"), StatedPose(60.0, -90.0, 171.5, 24.0)),
        (
            dji(LRFTargetDistance="200", GimbalPitchDegree="-30"),
            StatedPose(60.0, -30.0, pytest.approx(100.0), 24.0),
        ),
        (dji(LRFTargetDistance="0.0", LRFStatus="TooFar"), FULL),
        (dji(LRFTargetAbsAlt="469.3", AbsoluteAltitude="+592.502"), replace(FULL, height_m=pytest.approx(123.202))),
        (dji(LRFTargetAlt="30", LRFTargetDistance="140"), replace(FULL, height_m=140.0)),  # the distance comes first
        (dji(LRFTargetAlt="-12.5"), replace(FULL, height_m=162.5)),
        (dji(LRFTargetAbsAlt="800", AbsoluteAltitude="+592.502"), FULL),  # above the camera
        (
            xmp_of({"RelativeAltitude": "28", "GimbalYawDegree": "60", "GimbalPitchDegree": "-45"}, "drone-autel"),
            StatedPose(60.0, -45.0, 28.0, 24.0),
        ),
    ],
)
def test_the_names_of_other_makers(xmp, expected):
    assert said_by(xmp).pose == expected


@pytest.mark.parametrize("names", [("GpsLatitude", "GpsLongitude"), ("Latitude", "Longitude")])
def test_a_position_that_only_the_xmp_states(names):
    position = said_by(dji(**{names[0]: "46,5", names[1]: "-91.25", "AbsoluteAltitude": "+210,5"})).position
    assert position is not None and (position.lon, position.lat, position.altitude_m) == (-91.25, 46.5, 210.5)


@pytest.mark.parametrize(
    ("reference", "altitude_m"),
    [(b"\0", 12.0), (b"\1", -12.0), (b"1", -12.0), (b"0", 12.0), (b"\2", 12.0), (b"\3", -12.0)],
)
def test_altitude_reference_as_byte_and_as_digit(reference, altitude_m):
    exif = gps_exif(7.5, 47.5, gps_5=reference, gps_6=12.0)
    data = jpeg_bytes(picture(), exif=exif)
    for order in ("little", "big"):  # a digit is text in some files: the entry's type becomes ASCII

        def entry(kind: int, order=order) -> bytes:
            return (5).to_bytes(2, order) + kind.to_bytes(2, order) + (1).to_bytes(4, order) + reference

        data = data.replace(entry(1), entry(2)) if reference in b"01" else data
    position = read_metadata(data).position
    assert position is not None and position.altitude_m == altitude_m


def test_degrees_and_decimal_minutes():
    position = said_by(gps=gps_exif(7.5, 47.5, gps_2=(47.0, 30.6))).position
    assert position is not None and position.lat == pytest.approx(47.51)


def test_every_tag_is_told_and_what_was_not_taken_has_a_reason():
    metadata = said_by(
        dji(LRFTargetDistance="0"), {0xA405: 0, 0x920A: 8.8}, gps_exif(7.5, 47.5, gps_2=(95.0, 0.0, 0.0), gps_17=720.0)
    )
    assert metadata.statements and all(each.value and each.tag for each in metadata.statements)
    assert all(each.taken or each.reason for each in metadata.statements)
    refused = {each.tag for each in metadata.statements if not each.taken}
    assert refused >= {"GPSLatitude, GPSLongitude", "GPSImgDirection", "FocalLengthIn35mmFilm", "FocalLength"}
    assert metadata.notes == ("The position in the photo's EXIF makes no sense and was ignored.",)


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1,5", 1.5), ("3/2", 1.5), ("1/0", None), ("1,234,5", None), ("nan", None), (b"2.5\0", 2.5), (None, None)],
)
def test_numbers(text, value):
    assert number(text) == value
