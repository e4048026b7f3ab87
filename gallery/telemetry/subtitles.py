"""The subtitles that DJI's drones write beside a video: pose and position at each moment."""

import re

from gallery.errors import PosesError
from gallery.photo.belief import PoseValues
from gallery.telemetry.angles import Angles, of_gimbal
from gallery.telemetry.poses import CameraPlace, PoseRecord, Poses

MOST_CUES = 1_000_000

_CUE = re.compile(r"(\d{1,3}):(\d\d):(\d\d)[,.](\d{1,3})\s{0,9}-->")
_MARKUP = re.compile(r"<[^<>]{0,80}>")
_NUMBER = r"[+-]?\d{1,9}(?:[.,]\d{1,12})?"
_FIELD = re.compile(rf"([A-Za-z_]{{2,16}})\s{{0,3}}:\s{{0,3}}({_NUMBER})")
_LETTERED = re.compile(rf"([NSEW])\s{{0,3}}:\s{{0,3}}({_NUMBER})")
_TRIPLE = re.compile(r"\b(GPS|RTK|G\.PRY)\s{0,3}\(([^()]{3,80})\)")
_AIRCRAFT = re.compile(rf"\[\s{{0,3}}Drone\s{{0,3}}:\s{{0,3}}Yaw\s{{0,3}}:\s{{0,3}}({_NUMBER})")
_HEIGHT = re.compile(rf"\bH\s{{1,3}}({_NUMBER})\s{{0,3}}m\b|\bBAROMETER\s{{0,3}}:\s{{0,3}}({_NUMBER})")
_STEP = re.compile(r"DiffTime\s{0,3}:\s{0,3}(\d{1,6})\s{0,3}ms")
_WHOLE_ZOOM = 10_000.0
"""DJI's zoom ratio 1, written as a whole number."""


def read_subtitles(text: str, name: str) -> Poses:
    """The poses of a video's subtitles, in DJI's layouts.

    The layouts, as OpenDroneMap's opendm/video/srtparser.py collects them: `[latitude: ..] [rel_alt: .. abs_alt: ..]
    [gb_yaw: .. gb_pitch: .. gb_roll: ..]`, before 2019 `HOME(..) GPS(lon,lat,n) BAROMETER:..`, and between them
    `GPS (lon, lat, n), D .., H 76.19m, G.PRY (pitch°, roll°, yaw°)`.

    Args: name: of the file.

    Raises:
        PosesError: there is no moment in it, or none that states anything.
    """
    cues = list(_CUE.finditer(text))
    if not cues:
        raise PosesError(f"{name} holds no subtitles: choose the SRT file that the drone wrote beside the video.")
    if len(cues) > MOST_CUES:
        raise PosesError(f"{name} holds more than {MOST_CUES} subtitles: choose that of one video.")
    records, before_s = [], -1.0
    for cue, following in zip(cues, [*cues[1:], None], strict=True):
        inside = _MARKUP.sub(" ", text[cue.end() : following.start() if following else len(text)])
        hours, minutes, seconds, part = cue.groups()
        time_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(part) / 10 ** len(part)
        step = _STEP.search(inside)
        if time_s <= before_s and step is not None:  # some files give every moment the same time
            time_s = before_s + int(step[1]) / 1000
        before_s = max(before_s, time_s)
        records.append(_record(inside, time_s))
    if all(record.empty for record in records):
        raise PosesError(f"{name} states neither a position nor how the camera looked. Is it a video's speech?")
    return Poses(name, tuple(records))


def _record(text: str, time_s: float) -> PoseRecord:
    """What one subtitle says."""
    fields = {key.lower(): value for key, value in _FIELD.findall(text)}
    values = {key: _number(value) for key, value in fields.items()}
    triples = {key: _triple(inside) for key, inside in _TRIPLE.findall(text)}
    said: dict[str, str] = {}
    place, tag = _place(values, triples)
    if place is not None:
        said["position"] = tag
    angles, tag = _angles(values, triples)
    aircraft = _AIRCRAFT.search(text)
    heading_deg = pitch_deg = roll_deg = None
    if angles is not None:
        heading_deg, pitch_deg, roll_deg = angles.heading_deg, angles.pitch_deg, angles.roll_deg
        said |= dict.fromkeys(("heading", "pitch", "roll"), tag)
    elif aircraft is not None:
        heading_deg = _number(aircraft[1]) % 360
        said["heading"] = "Drone: Yaw, of the aircraft"
    height = _HEIGHT.search(text)
    height_m = values.get("rel_alt")
    if height_m is not None:
        said["height"] = "rel_alt"
    elif height is not None:
        height_m, said["height"] = _number(height[1] or height[2]), "H" if height[1] else "BAROMETER"
    focal = _focal_35mm(fields, values)
    if focal is not None:
        said["focal length"] = "focal_len"
    pose = PoseValues(heading_deg, pitch_deg, height_m, focal, roll_deg)
    return PoseRecord(time_s=time_s, pose=pose, place=place, whole_sensor=True, said_by=said)


def _place(
    values: dict[str, float], triples: dict[str, tuple[float, float, float] | None]
) -> tuple[CameraPlace | None, str]:
    """Where the camera was, and the field that says so; None without a fix, which is written as 0, 0."""
    lon, lat, tag = values.get("longitude", values.get("longtitude")), values.get("latitude"), "latitude, longitude"
    altitude_m = values.get("abs_alt", values.get("altitude"))
    for key in ("GPS", "RTK"):
        triple = triples.get(key)
        if triple is not None:  # the third is a number of satellites, or an altitude
            lon, lat, tag = triple[0], triple[1], key
            lon, lat = (lat, lon) if abs(lat) > 90 else (lon, lat)
    if lon is None or lat is None or abs(lon) > 180 or abs(lat) > 90 or (lon == 0 and lat == 0):
        return None, ""
    return CameraPlace(lon, lat, altitude_m), tag


def _angles(
    values: dict[str, float], triples: dict[str, tuple[float, float, float] | None]
) -> tuple[Angles | None, str]:
    """How the gimbal was turned, and the field that says so; None where it is not reported, which is written as 0s."""
    triple = triples.get("G.PRY")
    if triple is not None:
        pitch, roll, yaw = triple
        return (of_gimbal(yaw, pitch, roll), "G.PRY") if any(triple) else (None, "")
    for prefix in ("gb", "gimbal"):
        yaw_key, pitch_key = f"{prefix}_yaw", f"{prefix}_pitch"
        if yaw_key in values and pitch_key in values:
            angles = values[yaw_key], values[pitch_key], values.get(f"{prefix}_roll", 0.0)
            return (of_gimbal(*angles), f"{yaw_key}, {pitch_key}") if any(angles) else (None, "")
    return None, ""


def _focal_35mm(fields: dict[str, str], values: dict[str, float]) -> float | None:
    """The focal length for 35 mm film with the digital zoom; whole numbers from 100 on are tenths of millimetres."""
    focal = values.get("focal_len")
    if focal is None or focal <= 0:
        return None
    if focal >= 100 and re.fullmatch(r"\d+", fields["focal_len"]):
        focal /= 10
    zoom = values.get("dzoom_ratio", 1.0)
    zoom = zoom / _WHOLE_ZOOM if zoom >= 1000 else zoom
    focal *= zoom if 1 <= zoom <= 100 else 1.0
    return focal if 5 <= focal <= 1000 else None


def _triple(inside: str) -> tuple[float, float, float] | None:
    """Three numbers, separated by a comma and a space where the comma is also the decimal sign."""
    parts = re.split(r",\s+", inside.strip())
    parts = parts if len(parts) >= 3 else inside.split(",")
    letters = {letter: _number(value) for letter, value in _LETTERED.findall(inside)}  # as Autel writes
    if letters:
        lon, lat = letters.get("E", -letters.get("W", 0.0)), letters.get("N", -letters.get("S", 0.0))
        return lon, lat, 0.0
    numbers = [re.search(_NUMBER, part) for part in parts]
    if len(numbers) < 3 or any(number is None for number in numbers[:3]):
        return None
    first, second, third = (_number(number[0]) for number in numbers[:3] if number is not None)
    return first, second, third


def _number(text: str) -> float:
    return float(text.replace(",", "."))
