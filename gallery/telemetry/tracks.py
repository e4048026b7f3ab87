"""Poses in KML: tracks with their times, and placemarks that are named like photos."""

import math
from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from gallery.errors import PosesError
from gallery.photo.belief import PoseValues
from gallery.telemetry.angles import Angles
from gallery.telemetry.poses import CameraPlace, PoseRecord, Poses


def read_kml(data: bytes, name: str) -> Poses:
    """The tracks (gx:Track) of a KML as moments, else its placemarks and photo overlays by name.

    The elements are those of the KML Reference (Google; OGC 12-007r2): tilt 0 looks straight down, 90 level.

    Args: name: of the file.

    Raises:
        PosesError: it is no KML, or holds neither.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise PosesError(f"{name} is not a readable KML file: save it again.") from error
    moments = [moment for track in _all(root, "Track") for moment in _moments(track)]
    if moments:
        begin = min(at for at, _, _ in moments)
        records = [
            PoseRecord("", (at - begin).total_seconds(), pose, place, said_by=_said(pose, place, "gx:Track"))
            for at, pose, place in moments
        ]
        return Poses(name, tuple(records))
    named = [record for kind in ("Placemark", "PhotoOverlay") for each in _all(root, kind) if (record := _named(each))]
    if not named:
        raise PosesError(f"{name} holds neither a track with times nor placemarks that are named like photos.")
    return Poses(name, tuple(named))


def _moments(track: Element) -> Iterator[tuple[datetime, PoseValues, CameraPlace | None]]:
    """Times, poses and places of one track; what is not paired is left out."""
    relative = _text(track, "altitudeMode") == "relativeToGround"
    angles = [_numbers(each.text) for each in _all(track, "angles")]
    pairs = zip(_all(track, "when"), _all(track, "coord"), strict=False)
    for number, (when, coord) in enumerate(pairs):
        try:
            at = datetime.fromisoformat((when.text or "").strip().replace("Z", "+00:00"))
        except ValueError:
            continue
        at = at.replace(tzinfo=None)
        place, height_m = _placed(_numbers(coord.text), relative)
        turned = angles[number] if number < len(angles) else []
        yield at, _pose(_looked(turned), height_m), place


def _named(placemark: Element) -> PoseRecord | None:
    """What a placemark or a photo overlay says of the photo that it is named after."""
    name = _text(placemark, "name")
    camera = next(_all(placemark, "Camera"), None)
    source = camera
    if camera is not None:
        parts = [_text(camera, key) for key in ("longitude", "latitude", "altitude")]
        angles = _looked(_numbers(" ".join(_text(camera, key) or "0" for key in ("heading", "tilt", "roll"))))
    else:
        source = next(_all(placemark, "Point"), None)
        parts, angles = ([] if source is None else _text(source, "coordinates").split(",")), None
    if not name or source is None:
        return None
    relative = _text(source, "altitudeMode") == "relativeToGround"
    place, height_m = _placed(_numbers(" ".join(parts)), relative)
    pose = _pose(angles, height_m)
    said = _said(pose, place, "Point" if camera is None else "Camera")
    return PoseRecord(name.replace("\\", "/").rsplit("/", 1)[-1], pose=pose, place=place, said_by=said)


def _placed(numbers: list[float], relative: bool) -> tuple[CameraPlace | None, float | None]:
    """A place, and the height above ground where the altitude counts from there."""
    if len(numbers) < 2 or abs(numbers[0]) > 180 or abs(numbers[1]) > 90 or numbers[0] == numbers[1] == 0:
        return None, None
    third = numbers[2] if len(numbers) > 2 and abs(numbers[2]) <= 20_000 else None
    return CameraPlace(numbers[0], numbers[1], None if relative else third), third if relative and third else None


def _looked(angles: list[float]) -> Angles | None:
    """Args: angles: heading, tilt from straight down, and roll, which is left out: viewers of KML write none."""
    if len(angles) < 2 or not any(angles):  # as a viewer writes angles that nobody gave
        return None
    heading_deg, tilt_deg = angles[:2]
    return Angles(heading_deg % 360, max(tilt_deg - 90, -90.0)) if -1 <= tilt_deg <= 180 else None


def _pose(angles: Angles | None, height_m: float | None) -> PoseValues:
    if angles is None:
        return PoseValues(height_m=height_m)
    return PoseValues(angles.heading_deg, angles.pitch_deg, height_m, roll_deg=angles.roll_deg or None)


def _said(pose: PoseValues, place: CameraPlace | None, tag: str) -> dict[str, str]:
    values = {"heading": pose.heading_deg, "pitch": pose.pitch_deg, "height": pose.height_m, "position": place}
    return {quantity: tag for quantity, value in values.items() if value is not None}


def _all(element: Element, kind: str) -> Iterator[Element]:
    """The elements of a kind below another one, whatever their namespace."""
    return (each for each in element.iter() if isinstance(each.tag, str) and each.tag.rsplit("}", 1)[-1] == kind)


def _text(element: Element, kind: str) -> str:
    return next((each.text or "" for each in _all(element, kind)), "").strip()


def _numbers(text: str | None) -> list[float]:
    """The finite numbers of a text; empty where a part of it is none."""
    try:
        numbers = [float(part) for part in (text or "").split()]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
