"""What a photo's EXIF and XMP say of where, when and how it was taken."""

import math
import re
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

# What Pillow's decoders raise on broken data, as met by feeding them mutated files.
DECODE_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    MemoryError,
    AssertionError,
    struct.error,
    Image.DecompressionBombError,
)
_EXIF_ORIENTATION, _EXIF_GPS, _EXIF_CAMERA, _EXIF_FOCAL_35MM = 0x0112, 0x8825, 0x8769, 0xA405
_EXIF_TAKEN, _EXIF_SUBSECOND, _EXIF_OFFSET = 0x9003, 0x9291, 0x9011  # of DateTimeOriginal

_NOTE_POSITION = "The position in the photo's EXIF makes no sense and was ignored."


@dataclass(frozen=True)
class PhotoPosition:
    """Where the camera says it was. It may be the take-off point, or wrong: show it, never trust it."""

    lon: float  # degrees east, WGS84
    lat: float  # degrees north, WGS84
    altitude_m: float | None = None  # above sea level


@dataclass(frozen=True)
class StatedPose:
    """How the camera looked, by its own statement: known also where there is no satellite fix. None where unsaid."""

    heading_deg: float | None = None  # clockwise from north, 0 to 360
    pitch_deg: float | None = None  # 0 is level, -90 looks straight down
    height_m: float | None = None  # above the take-off point
    focal_35mm: float | None = None  # focal length for the diagonal of 36 x 24 mm film, millimetres


_XMP_BYTES = 200_000


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels; None where it says nothing, or nonsense."""

    orientation: int = 1  # EXIF's number for how the picture is turned or mirrored
    position: PhotoPosition | None = None
    pose: StatedPose | None = None
    taken_at: datetime | None = None
    notes: tuple[str, ...] = ()


def metadata_of(image: Image.Image) -> Metadata:
    """What EXIF and XMP say; what cannot be read never fails the photo."""
    try:
        exif = image.getexif()
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        gps: dict[int, Any] = dict(exif.get_ifd(_EXIF_GPS))
        camera: dict[int, Any] = dict(exif.get_ifd(_EXIF_CAMERA))
    except DECODE_FAULTS:
        return Metadata(notes=("The photo's EXIF is damaged and was ignored.",))
    orientation = orientation if isinstance(orientation, int) else 1
    xmp = _dji_values(image.info.get("xmp"))
    pose = _pose(gps, xmp, _number(camera.get(_EXIF_FOCAL_35MM)))
    try:
        position = _position(gps, xmp)
    except DECODE_FAULTS:
        position = None
    given = 2 in gps or 4 in gps
    notes = (_NOTE_POSITION,) if given and position is None else ()
    return Metadata(orientation, position, pose, _taken_at(camera), notes)


def _taken_at(camera: dict[int, Any]) -> datetime | None:
    """DateTimeOriginal with its fraction of a second and its offset from UTC; None if it makes no sense."""
    taken, fraction, offset = (
        value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else str(value or "").strip("\0 ")
        for value in map(camera.get, (_EXIF_TAKEN, _EXIF_SUBSECOND, _EXIF_OFFSET))
    )
    zone = offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else ""
    try:
        at = datetime.strptime(taken + zone, f"%Y:%m:%d %H:%M:%S{'%z' if zone else ''}")
    except ValueError:
        return None
    return at.replace(microsecond=int(f"{fraction[:6]:0<6}")) if re.fullmatch(r"[0-9]{1,9}", fraction) else at


def _pose(gps: dict[int, Any], xmp: dict[str, float], focal_35mm: float | None) -> StatedPose | None:
    """Heading of the GPS directory, or of DJI's XMP when there is none; pitch and height of the XMP."""
    heading = _sane(_number(gps.get(17)), 0, 360)
    if heading is None:
        heading = _sane(xmp.get("GimbalYawDegree"), -360, 360)
    pitch = _sane(xmp.get("GimbalPitchDegree"), -100, 90)  # gimbals report up to -90.1 looking straight down
    pose = StatedPose(
        heading_deg=None if heading is None else heading % 360,
        pitch_deg=None if pitch is None else max(pitch, -90.0),
        height_m=_sane(xmp.get("RelativeAltitude"), -1_000, 20_000),
        focal_35mm=_sane(focal_35mm, 1, 5_000),  # 0 is how EXIF writes 'unknown'
    )
    return None if pose == StatedPose() else pose


def _position(gps: dict[int, Any], xmp: dict[str, float]) -> PhotoPosition | None:
    """The position of the GPS directory, or of DJI's XMP when there is none; None if it makes no sense."""
    if 2 in gps or 4 in gps:
        lat = _angle(gps.get(2), gps.get(1), "N", "S")
        lon = _angle(gps.get(4), gps.get(3), "E", "W")
    else:
        lat = xmp.get("GpsLatitude")
        lon = xmp.get("GpsLongitude", xmp.get("GpsLongtitude"))  # DJI's own spelling
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180 or (lon == 0 and lat == 0):
        return None  # exactly 0, 0 is what devices write that have no fix
    altitude = _sane(_number(gps.get(6)), -500, 20_000)
    if altitude is not None and gps.get(5) in (1, b"\x01", "\x01"):
        altitude = -altitude
    return PhotoPosition(
        lon=lon,
        lat=lat,
        altitude_m=altitude if altitude is not None else _sane(xmp.get("AbsoluteAltitude"), -500, 20_000),
    )


def _angle(parts: Any, reference: Any, positive: str, negative: str) -> float | None:
    """Degrees from degrees, minutes, seconds and the hemisphere's letter; None without a letter or a sane value."""
    letter = reference.decode("latin-1") if isinstance(reference, bytes) else reference
    letter = letter.strip("\0 ").upper()[:1] if isinstance(letter, str) else ""
    if letter not in (positive, negative) or not isinstance(parts, tuple) or len(parts) != 3:
        return None
    numbers = [_number(part) for part in parts]
    if any(number is None or number < 0 for number in numbers):
        return None
    degrees, minutes, seconds = (float(number) for number in numbers if number is not None)
    if minutes > 60 or seconds > 60:
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return value if letter == positive else -value


def _number(value: Any) -> float | None:
    """A finite float, or None; 0/0 is how EXIF writes 'unknown'."""
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def _sane(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def _dji_values(xmp: Any) -> dict[str, float]:
    """The numbers of DJI's XMP, by name. Found as text: an XML parser would have to be armed against bombs."""
    if isinstance(xmp, bytes):
        xmp = xmp[:_XMP_BYTES].decode("utf-8", errors="replace")
    if not isinstance(xmp, str):
        return {}
    values = {}
    for name, quoted, inner in re.findall(
        r"drone-dji:(\w{1,40})\s{0,4}(?:=\s{0,4}[\"']([^\"'<]{1,40})[\"']|>([^<]{1,40})<)", xmp[:_XMP_BYTES]
    ):
        number = _number((quoted or inner).strip())
        if number is not None:
            values[name] = number
    return values
