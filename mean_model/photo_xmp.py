"""The XMP of the makers of drones and of their cameras: its values by name, and which name says what."""

import re
from dataclasses import dataclass
from typing import Any

_XMP_BYTES = 200_000
_ADDRESSES = {
    "dji.com/drone-dji": "drone-dji",
    "skydio.com/drone-skydio": "drone-skydio",
    "parrot.com/drone-parrot": "drone-parrot",
    "autelrobotics.com/drone-autel": "drone-autel",
    "pix4d.com/camera": "Camera",
    "sensefly.com/camera": "Camera",
    "flyingfishtechs.com/camera": "Camera",
}
"""What the addresses of the vocabularies hold, and the usual prefix of each: a file may use any other prefix."""

_VALUE = r"(?:\s{0,4}=\s{0,4}[\"']([^\"'<]{1,40})[\"']|>([^<]{1,40})<)"
_DECLARED = re.compile(r"xmlns:([\w-]{1,40})\s{0,4}=\s{0,4}[\"']([^\"'<]{1,200})[\"']")
_NESTED = re.compile(r"<([\w-]{1,40}):(\w{1,30}OrientationNED)\b(.{0,600}?)(?:/>|</\1:\2)", re.DOTALL)
_ANGLE = re.compile(r":(Yaw|Pitch|Roll)" + _VALUE)


@dataclass(frozen=True)
class Vocabulary:
    """The names by which one maker's XMP says how the camera looked. An empty name is one that it does not have."""

    yaw: str
    pitch: str
    roll: str
    vehicle_yaw: str = ""
    down_deg: float = -90.0  # the pitch of a camera that looks straight down; 90 degrees more is level


VOCABULARIES = (
    Vocabulary(
        "drone-dji:GimbalYawDegree",
        "drone-dji:GimbalPitchDegree",
        "drone-dji:GimbalRollDegree",
        "drone-dji:FlightYawDegree",
    ),
    Vocabulary(
        "drone-skydio:CameraOrientationNEDYaw",
        "drone-skydio:CameraOrientationNEDPitch",
        "drone-skydio:CameraOrientationNEDRoll",
        "drone-skydio:VehicleOrientationNEDYaw",
    ),
    Vocabulary(
        "drone-parrot:CameraYawDegree",
        "drone-parrot:CameraPitchDegree",
        "drone-parrot:CameraRollDegree",
        "drone-parrot:DroneYawDegree",
    ),
    Vocabulary(
        "drone-autel:GimbalYawDegree",
        "drone-autel:GimbalPitchDegree",
        "drone-autel:GimbalRollDegree",
        "drone-autel:FlightYawDegree",
    ),
    # Pix4D's names ("Specifications of xmp.camera tags", support.pix4d.com), which senseFly, Sequoia, MicaSense,
    # Sentera and Autel write. 0 looks straight down and 90 ahead: OpenDroneMap's opendm/photo.py, and of Autel
    # OpenAthena's parseImage.py.
    Vocabulary("Camera:Yaw", "Camera:Pitch", "Camera:Roll", down_deg=0.0),
)
HEIGHTS = (
    "Camera:AboveGroundAltitude",  # where the flight follows the terrain, of the ground below
    "drone-dji:RelativeAltitude",
    "drone-skydio:RelativeAltitude",
    "drone-autel:RelativeAltitude",
)
ALTITUDES = ("drone-dji:AbsoluteAltitude", "drone-skydio:AbsoluteAltitude")
LATITUDES = ("drone-dji:GpsLatitude", "drone-dji:Latitude", "drone-skydio:Latitude")
LONGITUDES = (
    "drone-dji:GpsLongitude",
    "drone-dji:GpsLongtitude",  # DJI's own spelling
    "drone-dji:Longitude",
    "drone-skydio:Longitude",
)


def xmp_values(xmp: Any) -> dict[str, str]:
    """The values of the known vocabularies as they stand, by `prefix:Name` with the usual prefix.

    Found as text: an XML parser would have to be armed against bombs.
    """
    if isinstance(xmp, bytes):
        xmp = xmp[:_XMP_BYTES].decode("utf-8", errors="replace")
    if not isinstance(xmp, str):
        return {}
    text = xmp[:_XMP_BYTES]
    prefixes = {usual: usual for usual in _ADDRESSES.values()}
    for prefix, address in _DECLARED.findall(text):
        meant = next((usual for part, usual in _ADDRESSES.items() if part in address.lower()), "")
        if meant:
            prefixes[prefix] = meant
    known = "|".join(map(re.escape, prefixes))
    found = {
        f"{prefixes[prefix]}:{name}": (quoted or inner).strip()
        for prefix, name, quoted, inner in re.findall(rf"\b({known}):(\w{{1,40}}){_VALUE}", text)
    }
    for prefix, group, inside in _NESTED.findall(text):
        if prefix in prefixes:
            found |= {
                f"{prefixes[prefix]}:{group}{angle}": (quoted or inner).strip()
                for angle, quoted, inner in _ANGLE.findall(inside)
            }
    return found


def first_named(values: dict[str, str], names: tuple[str, ...]) -> str:
    """The first of the names that the values hold; empty where they hold none."""
    return next((name for name in names if name in values), "")
