"""How the camera looked, from what its EXIF and XMP state, and what became of each statement."""

import math
from dataclasses import dataclass, replace
from typing import Any

from .photo_statement import Statement, number, sane
from .photo_xmp import HEIGHTS, VOCABULARIES

FILM_DIAGONAL_MM = math.hypot(36, 24)
_FOCAL_MM, _FOCAL_35MM, _ZOOM = 0x920A, 0xA405, 0xA404
_PLANE_X, _PLANE_Y, _PLANE_UNIT, _WIDTH, _HEIGHT = 0xA20E, 0xA20F, 0xA210, 0xA002, 0xA003
_UNIT_MM = {1: 25.4, 2: 25.4, 3: 10.0, 4: 1.0}  # 1 means 'none' and is written for inches
_DIRECTION_REFERENCE, _DIRECTION = 16, 17

_FLIPPED_BELOW_DEG, _FLIPPED_ROLL_DEG = -75.0, 150.0
_SENSOR_DIAGONAL_MM = (3.0, 60.0)
_DRONES = ("dji", "hasselblad", "autel", "parrot", "skydio", "sensefly", "yuneec")
"""Makers whose 35 mm figure is of the lens alone; those of phones hold the digital zoom in it already."""
_SENSORS_3_TO_2 = ("fc6310", "fc6310s", "fc6310r", "fc6510", "fc6540", "l1d-20c", "fc3411", "zenmusep1")
_SENSORS_NOT_KNOWN = ("fc3305",)
"""Models of DJI, in lower case. All others have a sensor of 4:3."""

NOTE_ZEROS = (
    "The gimbal's angles are all 0, which means that they are not reported: the heading is the aircraft's and only "
    "approximate, and the camera is taken to look straight down."
)
NOTE_FLIPPED = "The gimbal reports a roll of 180 degrees: the picture is upside down, and the heading was turned round."
_FLIPPED = "the picture is upside down: the heading is turned round"
_TOO_FLAT = "not used of so flat a view"
_OF_BODY = "of the aircraft, whose camera looks straight down"
_FROM_DOWN = "counts from straight down"
NOTE_MAGNETIC = "The heading refers to magnetic north: it is off from true north by the local declination."

_LEAST_DOWN_DEG = 20.0
"""Degrees below the horizon; of a flatter view the roll says nothing of where the picture's upper side points."""
_UPRIGHT_DEG = {3: 180.0, 6: 90.0, 8: -90.0}
"""Degrees clockwise that a picture of this EXIF orientation is turned by to stand upright: so much less is the roll."""

_NONSENSE = "makes no sense"


@dataclass(frozen=True)
class Attitude:
    """How the camera was turned; None where that is not stated.

    Attributes:
        heading_deg: clockwise from north, in [0, 360), that the upright picture's up points to.
        pitch_deg: 0 is level, -90 straight down.
        roll_deg: about the direction of the picture's up, positive where its right side dips; None also where level.
        statements: what became of each tag.
        notes: a sentence each.
    """

    heading_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None
    statements: tuple[Statement, ...] = ()
    notes: tuple[str, ...] = ()


def attitude(gps: dict[int, Any], xmp: dict[str, str], orientation: int = 1) -> Attitude:
    """How the camera was turned: what its gimbal says goes before the direction in the GPS directory.

    Args: orientation: EXIF's number for how the picture is turned or mirrored.
    """
    names = next((each for each in VOCABULARIES if each.yaw in xmp or each.pitch in xmp), VOCABULARIES[0])
    yaw, roll, vehicle = (sane(number(xmp.get(name)), -360, 360) for name in (names.yaw, names.roll, names.vehicle_yaw))
    pitch, how = _pitch(number(xmp.get(names.pitch)), names.down_deg)
    of_body = how == _FROM_DOWN
    said = [
        Statement("heading", names.yaw, xmp.get(names.yaw, ""), yaw is not None, "" if yaw is not None else _NONSENSE),
        Statement("pitch", names.pitch, xmp.get(names.pitch, ""), pitch is not None, how),
        Statement("roll", names.roll, xmp.get(names.roll, ""), roll is not None, "" if roll is not None else _NONSENSE),
    ]
    direction = sane(number(gps.get(_DIRECTION)), 0, 360)
    vehicle_said = Statement(
        "heading", names.vehicle_yaw, xmp.get(names.vehicle_yaw, ""), False, "of the aircraft and not of the camera"
    )
    notes: list[str] = []
    if yaw == 0 and number(xmp.get(names.pitch)) == 0 and roll in (0, None) and vehicle:
        said = [replace(each, taken=False, reason="all angles are 0, which means not reported") for each in said]
        notes.append(NOTE_ZEROS)
        yaw, pitch, roll = None, -90.0, None
        if not direction:
            yaw, vehicle_said = vehicle, replace(vehicle_said, taken=True, reason="nothing states the camera's")
    elif roll and yaw is not None and pitch is not None:
        read = (yaw, pitch, roll, _OF_BODY) if of_body else _of_gimbal(yaw, pitch, roll, orientation)
        yaw, pitch, roll, reason = read
        said[2] = replace(said[2], taken=reason != _TOO_FLAT, reason=reason)
        notes += [NOTE_FLIPPED] if reason == _FLIPPED else []
    heading = direction if yaw is None else yaw
    said = [each for each in (*said, vehicle_said) if each.value]
    if gps.get(_DIRECTION) is not None:
        said.append(_direction(gps, direction, heading_from_xmp=yaw is not None))
        if yaw is None and direction is not None and _letter(gps.get(_DIRECTION_REFERENCE)) == "M":
            notes.append(NOTE_MAGNETIC)
    return Attitude(None if heading is None else heading % 360, pitch, roll or None, tuple(said), tuple(notes))


def _of_gimbal(
    yaw_deg: float, pitch_deg: float, roll_deg: float, orientation: int
) -> tuple[float, float | None, float | None, str]:
    """Heading, pitch and roll as `Attitude` counts them, of a gimbal's, whose roll turns about the line of sight.

    A gimbal's yaw is where it looks; near straight down its roll says as much of where the picture's up points to.

    Returns: degrees; the pitch is None where the picture is upside down. Last, how the roll was read.
    """
    if pitch_deg > -_LEAST_DOWN_DEG:
        return yaw_deg, pitch_deg, None, _TOO_FLAT
    left_deg = (roll_deg - _UPRIGHT_DEG.get(orientation, 0.0) + 180) % 360 - 180
    roll_deg = left_deg if abs(left_deg) < abs(roll_deg) else roll_deg
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    ahead, up_ahead = -math.sin(pitch), -math.sin(pitch) * math.cos(roll)
    heading_deg = yaw_deg + math.degrees(math.atan2(math.sin(roll), up_ahead))
    own_pitch_deg = math.degrees(math.asin(math.cos(pitch) * math.cos(roll))) - 90
    own_roll_deg = math.degrees(math.atan2(math.cos(pitch) * math.sin(roll), ahead))
    if abs(roll_deg) < _FLIPPED_ROLL_DEG:
        return heading_deg, max(own_pitch_deg, -90.0), own_roll_deg, ""
    down = pitch_deg <= _FLIPPED_BELOW_DEG
    return heading_deg, -90.0 if down else None, None, _FLIPPED


def _direction(gps: dict[int, Any], direction: float | None, heading_from_xmp: bool) -> Statement:
    """What became of the direction in the GPS directory."""
    reason = "the camera's own is stated in XMP" if heading_from_xmp else ""
    reason = reason if direction is not None else _NONSENSE
    if not reason and _letter(gps.get(_DIRECTION_REFERENCE)) == "M":
        return Statement("heading", "GPSImgDirection", str(gps[_DIRECTION]), True, "from magnetic north")
    return Statement("heading", "GPSImgDirection", str(gps[_DIRECTION]), not reason, reason)


def _letter(value: Any) -> str:
    """The first letter of an EXIF text, in upper case."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.strip("\0 ").upper()[:1] if isinstance(text, str) else ""


def _pitch(stated: float | None, down_deg: float) -> tuple[float | None, str]:
    """Degrees from level, and how it was read. Gimbals report up to -90.1 looking straight down."""
    how = ""
    if stated is not None and down_deg == 0:
        if stated > -45:  # some makers write a gimbal's pitch under the name that counts from straight down
            stated, how = stated - 90, _FROM_DOWN
        else:
            how = "counts from level, as a gimbal's"
    pitch = sane(stated, -100, 90)
    return (None, _NONSENSE) if pitch is None else (max(pitch, -90.0), how)


def height(xmp: dict[str, str], pitch_deg: float | None) -> tuple[float | None, list[Statement]]:
    """Metres above the ground by the rangefinder, else above the ground or the take-off point by the altitude."""
    said = []
    tag = "drone-dji:LRFTargetDistance"
    ranged = None
    if tag in xmp:
        distance = sane(number(xmp[tag]), 1, 5_000)
        normal = xmp.get("drone-dji:LRFStatus", "Normal") == "Normal"
        if distance is not None and normal and pitch_deg is not None and pitch_deg <= -20:
            ranged = distance * math.sin(math.radians(-pitch_deg))
        reason = "" if ranged is not None else "measured nothing, or the pitch is not known"
        said.append(Statement("height", tag, xmp[tag], ranged is not None, reason))
    result = ranged
    for name in HEIGHTS:
        value = sane(number(xmp.get(name)), -1_000, 20_000)
        if name in xmp:
            reason = "another is nearer to the truth" if result is not None else _NONSENSE if value is None else ""
            said.append(Statement("height", name, xmp[name], not reason, reason))
            result = value if result is None else result
    return result, said


def focal_35mm(
    camera: dict[int, Any], xmp: dict[str, str], size: tuple[int, int], make: str, model: str
) -> tuple[float | None, list[Statement]]:
    """The focal length for the diagonal of 36 x 24 mm film, as the picture's own diagonal shows it, millimetres.

    Args:
        camera: EXIF's camera directory.
        size: width and height in pixels of the picture as it is stored.
        make, model: of the camera, by EXIF.
    """
    film = sane(number(camera.get(_FOCAL_35MM)), 1, 5_000)  # 0 is how EXIF writes 'unknown'
    zoom = sane(number(camera.get(_ZOOM)), 1, 200) or 1.0
    drone = make.lower().startswith(_DRONES)
    crop = crop_of_sensor(size, make, model) if film is not None else 1.0
    calibrated = _calibrated(xmp, size)
    plane = _by_focal_plane(camera, xmp, size)
    if film is not None and calibrated is not None and not 0.75 < calibrated / (film * crop) < 1.33:
        calibrated = None
    plane_taken = film is None and calibrated is None and plane is not None
    said = []
    if _FOCAL_35MM in camera:
        reason = "" if film is not None else "0 means unknown"
        reason = reason or ("the calibrated focal length is finer" if calibrated is not None else "")
        how = f"for the whole sensor: times {crop:.3f} for the part that the picture shows" if crop != 1 else ""
        said.append(
            Statement("focal length", "FocalLengthIn35mmFilm", str(camera[_FOCAL_35MM]), not reason, reason or how)
        )
    if "drone-dji:CalibratedFocalLength" in xmp:
        reason = "" if calibrated is not None else "it has no scale, or disagrees with the 35 mm figure"
        tag = "drone-dji:CalibratedFocalLength"
        said.append(Statement("focal length", tag, xmp[tag], not reason, reason))
    if _FOCAL_MM in camera:
        reason = "" if plane_taken else "the sensor's size is not stated" if plane is None else "another is stated"
        how = reason or "with the resolution of the focal plane"
        said.append(Statement("focal length", "FocalLength", str(camera[_FOCAL_MM]), not reason, how))
    lens = calibrated if calibrated is not None else film * crop if film is not None else plane
    if _ZOOM in camera and zoom > 1:
        held = not drone and not plane_taken
        reason = "the 35 mm figure of this maker may hold it already" if held else ""
        said.append(Statement("zoom", "DigitalZoomRatio", str(camera[_ZOOM]), not held, reason))
        zoom = 1.0 if held else zoom
    return sane(None if lens is None else lens * zoom, 1, 5_000), said


def crop_of_sensor(size: tuple[int, int], make: str, model: str) -> float:
    """By how much a 16:9 picture's diagonal is shorter than that of the sensor, whose 35 mm figure is stated."""
    long, short = max(size), max(1, min(size))
    kind = model.strip("\0 ").lower()
    if not make.lower().startswith("dji") or kind in _SENSORS_NOT_KNOWN or abs(long / short - 16 / 9) > 0.01:
        return 1.0
    return math.hypot(1, 2 / 3 if kind in _SENSORS_3_TO_2 else 3 / 4) / math.hypot(1, 9 / 16)


def _calibrated(xmp: dict[str, str], size: tuple[int, int]) -> float | None:
    """DJI's calibrated focal length, which is in pixels of a picture twice as wide as its optical centre lies."""
    focal_px = sane(number(xmp.get("drone-dji:CalibratedFocalLength")), 100, 100_000)
    centre = sane(number(xmp.get("drone-dji:CalibratedOpticalCenterX")), 100, 50_000)
    if focal_px is None or centre is None:
        return None
    return focal_px * max(size) / (2 * centre) * FILM_DIAGONAL_MM / math.hypot(*size)


def _by_focal_plane(camera: dict[int, Any], xmp: dict[str, str], size: tuple[int, int]) -> float | None:
    """From the focal length in millimetres and the pixels per unit of the sensor."""
    focal_mm = sane(number(camera.get(_FOCAL_MM)), 0.5, 3_000)
    if focal_mm is None:
        focal_mm = sane(number(xmp.get("Camera:PerspectiveFocalLength")), 0.5, 3_000)
    per_unit = [sane(number(camera.get(tag)), 1e-3, 1e9) for tag in (_PLANE_X, _PLANE_Y)]
    if focal_mm is None or per_unit[0] is None:
        return None
    # The resolution is that of the picture as it was taken: one that was made smaller still states its size then.
    taken = [sane(number(camera.get(tag)), 16, 1e6) for tag in (_WIDTH, _HEIGHT)]
    width, height = (stated or own for stated, own in zip(taken, size, strict=True))
    diagonal = math.hypot(width / per_unit[0], height / (per_unit[1] or per_unit[0]))
    unit_mm = _UNIT_MM.get(int(number(camera.get(_PLANE_UNIT)) or 2))
    # Some cameras state centimetres and mean millimetres: a unit without sense gives way to the only one with sense.
    possible = [each for each in dict.fromkeys(_UNIT_MM.values()) if sane(diagonal * each, *_SENSOR_DIAGONAL_MM)]
    unit_mm = unit_mm if unit_mm in possible else possible[0] if len(possible) == 1 else None
    return None if unit_mm is None else focal_mm * FILM_DIAGONAL_MM / (diagonal * unit_mm)
