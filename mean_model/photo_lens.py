"""The lens, from what EXIF and XMP state of it, and what became of each statement."""

import math
from dataclasses import dataclass
from typing import Any

from .photo_statement import Statement, number, sane

FILM_DIAGONAL_MM = math.hypot(36, 24)
_FOCAL_MM, _FOCAL_35MM, _ZOOM = 0x920A, 0xA405, 0xA404
_PLANE_X, _PLANE_Y, _PLANE_UNIT, _WIDTH, _HEIGHT = 0xA20E, 0xA20F, 0xA210, 0xA002, 0xA003
_UNIT_MM = {1: 25.4, 2: 25.4, 3: 10.0, 4: 1.0}  # 1 means 'none' and is written for inches
_SENSOR_DIAGONAL_MM = (3.0, 60.0)
_DRONES = ("dji", "hasselblad", "autel", "parrot", "skydio", "sensefly", "yuneec")
"""Makers whose 35 mm figure is of the lens alone; those of phones hold the digital zoom in it already."""
_SENSORS_3_TO_2 = ("fc6310", "fc6310s", "fc6310r", "fc6510", "fc6540", "l1d-20c", "fc3411", "zenmusep1")
_SENSORS_NOT_KNOWN = ("fc3305",)
"""Models of DJI, in lower case. All others have a sensor of 4:3."""

_CALIBRATED, _SOURCE = "drone-dji:CalibratedFocalLength", "drone-dji:ImageSource"
_THERMAL_35MM = {"zh20t": 58.0, "zh30t": 52.0, "m30t": 40.0, "m3t": 40.0, "m3td": 40.0, "m4t": 53.0, "m4td": 53.0,
                 "mavic2-enterprise-advanced": 38.0}  # fmt: skip
"""Equivalent focal lengths of thermal cameras, by model in lower case, as DJI's pages of specifications give them."""
_THERMAL_PITCH_MM, _COARSE_PITCH_MM, _COARSE = 0.012, 0.017, ("xt2", "zxt2")
_THERMAL_DIAGONAL_PX = math.hypot(640, 512)
"""Pixels of thermal sensors: of 12 micrometres, of 17 those of the older models; pictures may be enlarged from them."""

ALIKE = (0.8, 1.25)
"""Ratios of two focal lengths between which a search for the scale bears the difference."""
MOST_OTHERS = 3


@dataclass(frozen=True)
class Lens:
    """What is known of a lens.

    Attributes:
        focal_35mm: for the diagonal of 36 x 24 mm film, as the picture's own diagonal shows it; None: not stated.
        others: the same by statements that disagree with it by more than `ALIKE`, the likeliest first.
        statements: what became of each tag.
    """

    focal_35mm: float | None
    others: tuple[float, ...] = ()
    statements: tuple[Statement, ...] = ()


def lens(camera: dict[int, Any], xmp: dict[str, str], size: tuple[int, int], make: str, model: str) -> Lens:
    """The lens by the calibration, else the 35 mm figure, else the focal plane, else what the camera is known to have.

    Args:
        camera: EXIF's camera directory.
        size: width and height in pixels of the picture as it is stored.
        make, model: of the camera, by EXIF.
    """
    film = sane(number(camera.get(_FOCAL_35MM)), 1, 5_000)  # 0 is how EXIF writes 'unknown'
    crop = crop_of_sensor(size, make, model) if film is not None else 1.0
    film = None if film is None else film * crop
    calibrated, plane = _calibrated(xmp, size), _by_focal_plane(camera, xmp, size)
    of_thermal = _of_thermal(camera, xmp, size, model)
    strange = film is not None and calibrated is not None and not 0.75 < calibrated / film < 1.33
    ranked = {_CALIBRATED: None if strange else calibrated, "FocalLengthIn35mmFilm": film, "FocalLength": plane}
    ranked |= {_SOURCE: of_thermal}
    first = next((tag for tag, value in ranked.items() if value is not None), "")
    chosen = ranked.get(first)
    zoom = sane(number(camera.get(_ZOOM)), 1, 200) or 1.0
    held = not make.lower().startswith(_DRONES) and first in (_CALIBRATED, "FocalLengthIn35mmFilm")
    others = [film, calibrated, plane, of_thermal]
    if chosen is not None and zoom > 1:
        others = [None if other is None or held else other * zoom for other in others]
        others.insert(0, chosen * zoom if held else chosen)
        chosen = chosen if held else chosen * zoom
    disagreeing = _disagreeing(sane(chosen, 1, 5_000), others)
    values = {_CALIBRATED: calibrated, "FocalLengthIn35mmFilm": film, "FocalLength": plane, _SOURCE: of_thermal}
    said = _statements(camera, xmp, values, first, crop, model)
    if _ZOOM in camera and zoom > 1:
        reason = "the 35 mm figure of this maker may hold it already" if held else ""
        said.append(Statement("zoom", "DigitalZoomRatio", str(camera[_ZOOM]), not held, reason))
    return Lens(sane(chosen, 1, 5_000), disagreeing, tuple(said))


def _disagreeing(chosen: float | None, others: list[float | None]) -> tuple[float, ...]:
    """Those of the other statements that are not alike the chosen one, nor each other."""
    kept: list[float] = []
    for other in others if chosen is not None else []:
        known = [chosen, *kept]
        if (
            other is not None
            and 1 <= other <= 5_000
            and all(one is None or not ALIKE[0] <= other / one <= ALIKE[1] for one in known)
        ):
            kept.append(other)
    return tuple(kept[:MOST_OTHERS])


def _statements(
    camera: dict[int, Any], xmp: dict[str, str], values: dict[str, float | None], first: str, crop: float, model: str
) -> list[Statement]:
    """What became of each statement of the lens. Args: values: by tag; first: the tag that is believed."""
    stated = {
        "FocalLengthIn35mmFilm": camera.get(_FOCAL_35MM),
        _CALIBRATED: xmp.get(_CALIBRATED),
        "FocalLength": camera.get(_FOCAL_MM),
        _SOURCE: f"{xmp.get(_SOURCE, 'thermal picture')} of {model}" if values[_SOURCE] is not None else None,
    }
    unknown = {
        "FocalLengthIn35mmFilm": "0 means unknown",
        _CALIBRATED: "it has no scale",
        "FocalLength": "the sensor's size is not stated",
    }
    how = {
        "FocalLengthIn35mmFilm": f"for the whole sensor: times {crop:.3f} for the part that the picture shows"
        if crop != 1
        else "",
        "FocalLength": "with the resolution of the focal plane",
        _SOURCE: "by the camera's specification",
    }
    said = []
    for tag, text in stated.items():
        if text is None:
            continue
        value, believed = values[tag], values.get(first)
        if tag == first:
            reason = how.get(tag, "")
        elif value is None or believed is None:
            reason = unknown.get(tag, _OTHER)
        else:
            reason = _OTHER if ALIKE[0] <= value / believed <= ALIKE[1] else _TRIED
        said.append(Statement("focal length", tag, str(text), tag == first, reason))
    return said


_OTHER = "another is stated"
_TRIED = "disagrees with the one that is taken: tried where that one finds no place"


def _of_thermal(camera: dict[int, Any], xmp: dict[str, str], size: tuple[int, int], model: str) -> float | None:
    """Of a drone's thermal camera, by its focal length in millimetres or by its model; None for other pictures."""
    kind = model.strip("\0 ").lower().removeprefix("dji ")
    source = xmp.get(_SOURCE, "").lower()
    thermal = source.startswith("infrared") if source else kind in _THERMAL_35MM and _is_5_to_4(size)
    if not thermal:
        return None
    focal_mm = sane(number(camera.get(_FOCAL_MM)), 2, 200)
    if kind in _THERMAL_35MM or focal_mm is None:
        return _THERMAL_35MM.get(kind)
    pitch_mm = _COARSE_PITCH_MM if kind in _COARSE else _THERMAL_PITCH_MM
    return focal_mm * FILM_DIAGONAL_MM / (_THERMAL_DIAGONAL_PX * pitch_mm)


def _is_5_to_4(size: tuple[int, int]) -> bool:
    return abs(max(size) / max(1, min(size)) - 1.25) < 0.01


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
