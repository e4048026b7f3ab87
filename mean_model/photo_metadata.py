"""What a photo's EXIF and XMP say of where, when and how it was taken."""

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

from .photo_lens import lens
from .photo_pose import attitude, height
from .photo_statement import Statement, number, sane
from .photo_tiff_structure import exif_excess
from .photo_xmp import ALTITUDES, LATITUDES, LONGITUDES, first_named, xmp_values

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
_EXIF_MAKE, _EXIF_MODEL, _EXIF_ORIENTATION, _EXIF_GPS, _EXIF_CAMERA = 0x010F, 0x0110, 0x0112, 0x8825, 0x8769
_EXIF_TAKEN, _EXIF_SUBSECOND, _EXIF_OFFSET = 0x9003, 0x9291, 0x9011  # of DateTimeOriginal

_NOTE_DAMAGED = "The photo's EXIF is damaged and was ignored."
_NOTE_POSITION = "The position in the photo's EXIF makes no sense and was ignored."
_NONSENSE = "makes no sense"


@dataclass(frozen=True)
class PhotoPosition:
    """Where the camera says it was. It may be the take-off point, or wrong: show it, never trust it."""

    lon: float  # degrees east, WGS84
    lat: float  # degrees north, WGS84
    altitude_m: float | None = None  # above sea level


@dataclass(frozen=True)
class StatedPose:
    """How the camera looked, by its own statement: known also where there is no satellite fix. None where unsaid.

    Attributes:
        heading_deg: clockwise from north, 0 to 360, that the photo's up points to.
        pitch_deg: 0 is level, -90 looks straight down.
        height_m: above the take-off point, or above the ground where that is stated.
        focal_35mm: focal length for the diagonal of 36 x 24 mm film, millimetres.
        roll_deg: about the photo's up, positive where its right side dips; None also where it is level.
        other_focals_35mm: what else is stated of the lens, where it disagrees by more than a search bears.
    """

    heading_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    focal_35mm: float | None = None
    roll_deg: float | None = None
    other_focals_35mm: tuple[float, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels; None where it says nothing, or nonsense."""

    orientation: int = 1  # EXIF's number for how the picture is turned or mirrored
    position: PhotoPosition | None = None
    pose: StatedPose | None = None
    taken_at: datetime | None = None
    notes: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()  # what each tag says, and whether it was taken


def metadata_of(image: Image.Image, size: tuple[int, int]) -> Metadata:
    """What EXIF and XMP say; what cannot be read never fails the photo.

    Args: size: width and height in pixels as the file states them: a decoded JPEG may have become smaller.
    """
    try:
        if exif_excess(_exif_of(image)):
            return Metadata(notes=(_NOTE_DAMAGED,))
        exif = image.getexif()
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        make, model = (str(exif.get(tag, "")).strip("\0 ") for tag in (_EXIF_MAKE, _EXIF_MODEL))
        gps: dict[int, Any] = dict(exif.get_ifd(_EXIF_GPS))
        camera: dict[int, Any] = dict(exif.get_ifd(_EXIF_CAMERA))
    except DECODE_FAULTS:
        return Metadata(notes=(_NOTE_DAMAGED,))
    orientation = orientation if isinstance(orientation, int) else 1
    xmp = xmp_values(image.info.get("xmp"))
    looked = attitude(gps, xmp, orientation, make)
    above, heights = height(xmp, looked.pitch_deg)
    optics = lens(camera, xmp, size, make, model)
    pose = StatedPose(looked.heading_deg, looked.pitch_deg, above, optics.focal_35mm, looked.roll_deg, optics.others)
    notes = [*looked.notes]
    try:
        position = _position(gps, xmp)
    except DECODE_FAULTS:
        position = None
    if (2 in gps or 4 in gps) and position is None:
        notes = [_NOTE_POSITION, *notes]
    taken_at = _taken_at(camera)
    said = (*looked.statements, *heights, *optics.statements)
    statements = (*_places(gps, xmp, position), *said, *_times(camera, taken_at))
    return Metadata(orientation, position, None if pose == StatedPose() else pose, taken_at, tuple(notes), statements)


def _exif_of(image: Image.Image) -> bytes:
    """The block of Exif that Pillow would read: of its own, or as digits in a text of a PNG."""
    own, text = image.info.get("exif"), image.info.get("Raw profile type exif")
    if isinstance(own, bytes):
        return own
    return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else b""


def _places(gps: dict[int, Any], xmp: dict[str, str], position: PhotoPosition | None) -> list[Statement]:
    """What became of each statement of where the camera was."""
    by_exif = 2 in gps or 4 in gps
    names = (first_named(xmp, LATITUDES), first_named(xmp, LONGITUDES))
    reason = "" if position is not None else _NONSENSE
    said = []
    if by_exif:
        value = " ".join(str(gps.get(tag, "?")).strip("\0") for tag in (1, 2, 3, 4))
        said.append(Statement("position", "GPSLatitude, GPSLongitude", value, not reason, reason))
    if any(names):
        reason = "the GPS directory comes first" if by_exif else reason
        said.append(Statement("position", ", ".join(names), ", ".join(map(xmp.get, names, "??")), not reason, reason))
    altitude = None if position is None else position.altitude_m
    in_gps = sane(number(gps.get(6)), -500, 20_000) is not None
    name = first_named(xmp, ALTITUDES)
    for tag, stated, first in (("GPSAltitude", gps.get(6), in_gps), (name, xmp.get(name), not in_gps)):
        if stated is not None:
            taken = first and altitude is not None
            said.append(Statement("altitude", tag, str(stated), taken, "" if taken else "not used"))
    return said


def _times(camera: dict[int, Any], taken_at: datetime | None) -> list[Statement]:
    """What became of the statement of when the photo was taken."""
    stated = camera.get(_EXIF_TAKEN)
    reason = "" if taken_at is not None else _NONSENSE
    return [] if stated is None else [Statement("time", "DateTimeOriginal", str(stated), not reason, reason)]


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


def _position(gps: dict[int, Any], xmp: dict[str, str]) -> PhotoPosition | None:
    """The position of the GPS directory, or of the XMP when there is none; None if it makes no sense."""
    if 2 in gps or 4 in gps:
        lat = _angle(gps.get(2), gps.get(1), "N", "S")
        lon = _angle(gps.get(4), gps.get(3), "E", "W")
    else:
        lat, lon = (number(xmp.get(first_named(xmp, names))) for names in (LATITUDES, LONGITUDES))
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180 or (lon == 0 and lat == 0):
        return None  # exactly 0, 0 is what devices write that have no fix
    altitude = sane(number(gps.get(6)), -500, 20_000)
    if altitude is not None and _below_sea(gps.get(5)):
        altitude = -altitude
    return PhotoPosition(
        lon=lon,
        lat=lat,
        altitude_m=altitude
        if altitude is not None
        else sane(number(xmp.get(first_named(xmp, ALTITUDES))), -500, 20_000),
    )


def _below_sea(reference: Any) -> bool:
    """Whether EXIF's altitude counts downwards: 1, or 3 of the ellipsoid, as a number, a byte or a digit."""
    text = reference.decode("latin-1") if isinstance(reference, bytes) else reference
    return reference in (1, 3) or (isinstance(text, str) and text[:1] in ("1", "3", "\1", "\3"))


def _angle(parts: Any, reference: Any, positive: str, negative: str) -> float | None:
    """Degrees from degrees, minutes, seconds and the hemisphere's letter; None without a letter or a sane value."""
    letter = reference.decode("latin-1") if isinstance(reference, bytes) else reference
    letter = letter.strip("\0 ").upper()[:1] if isinstance(letter, str) else ""
    if letter not in (positive, negative) or not isinstance(parts, tuple) or len(parts) not in (2, 3):
        return None
    numbers = [sane(number(part), 0, 1e6) for part in (*parts, 0)[:3]]
    if None in numbers:
        return None
    degrees, minutes, seconds = (each for each in numbers if each is not None)
    if minutes > 60 or seconds > 60:
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return value if letter == positive else -value
