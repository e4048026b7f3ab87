"""Heading, pitch, roll and height, from what EXIF and XMP state, and what became of each statement."""

import math
from dataclasses import dataclass, replace
from typing import Any

from .photo_statement import Statement, number, sane
from .photo_xmp import HEIGHTS, VOCABULARIES

_DIRECTION_REFERENCE, _DIRECTION = 16, 17

_FLIPPED_BELOW_DEG, _FLIPPED_ROLL_DEG = -75.0, 150.0

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


def attitude(gps: dict[int, Any], xmp: dict[str, str], orientation: int = 1, make: str = "") -> Attitude:
    """How the camera was turned: what its gimbal says goes before the direction in the GPS directory.

    Args:
        orientation: EXIF's number for how the picture is turned or mirrored.
        make: of the camera, by EXIF.
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
        # senseFly's roll is positive where the left wing dips: OpenDroneMap's opendm/photo.py turns its sign.
        roll = -roll if of_body and make.lower().startswith("sensefly") else roll
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
    result, said = _ranged(xmp, pitch_deg)
    for name in HEIGHTS:
        value = sane(number(xmp.get(name)), -1_000, 20_000)
        if name in xmp:
            reason = "another is nearer to the truth" if result is not None else _NONSENSE if value is None else ""
            said.append(Statement("height", name, xmp[name], not reason, reason))
            result = value if result is None else result
    return result, said


def _ranged(xmp: dict[str, str], pitch_deg: float | None) -> tuple[float | None, list[Statement]]:
    """Metres above the ground that DJI's rangefinder met: by its distance, else by that ground's altitude."""
    result, said = None, []
    normal = xmp.get("drone-dji:LRFStatus", "Normal") == "Normal"
    tag = "drone-dji:LRFTargetDistance"
    if tag in xmp:
        distance = sane(number(xmp[tag]), 1, 5_000)
        if distance is not None and normal and pitch_deg is not None and pitch_deg <= -20:
            result = distance * math.sin(math.radians(-pitch_deg))
        reason = "" if result is not None else "measured nothing, or the pitch is not known"
        said.append(Statement("height", tag, xmp[tag], result is not None, reason))
    for tag, own in (("LRFTargetAbsAlt", "AbsoluteAltitude"), ("LRFTargetAlt", "RelativeAltitude")):
        ground, camera = (number(xmp.get(f"drone-dji:{name}")) for name in (tag, own))
        above = None if ground is None or camera is None or not normal else sane(camera - ground, 1, 5_000)
        if f"drone-dji:{tag}" in xmp:
            taken = result is None and above is not None
            reason = f"{own} less that of the ground" if taken else "the distance is taken, or it makes no sense"
            said.append(Statement("height", f"drone-dji:{tag}", xmp[f"drone-dji:{tag}"], taken, reason))
            result = above if result is None else result
    return result, said
