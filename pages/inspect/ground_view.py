"""Where on the ground a query may lie: the map of its probability, with the true place and the most probable one."""

import html
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from gallery.geo import Bounds, LonLat
from gallery.registration.placement import RIGHT_WITHIN_M
from gallery.report.ground import GroundHeat
from pages.common import formatting, maps
from pages.services.kept import FreshPhoto

LEAST_KM = 0.15
"""Kilometres around the places that the map shows first."""


def of_row(row: "pd.Series[Any]", heat: GroundHeat | None, ground: maps.GroundImage | None) -> str:
    """The map of a report's query as HTML; nothing where the report does not say what the ground said.

    Args:
        row: of an inspection's table.
        heat: as the report keeps it.
        ground: the gallery's imagery.
    """
    if math.isnan(row["ground_probability"]) or math.isnan(row["ground_lon"]) or math.isnan(row["ground_lat"]):
        return ""
    found = LonLat(row["ground_lon"], row["ground_lat"])
    known = not (math.isnan(row["true_lon"]) or math.isnan(row["true_lat"]))
    truth = LonLat(row["true_lon"], row["true_lat"]) if known else None
    heats = [] if heat is None else [maps.Heat(maps.heat_uri(heat.probability, 1.0), _box(heat.box))]
    return _drawn(found, truth, "True place", heats, ground)


def of_photo(photo: FreshPhoto) -> str:
    """The same of a fresh photo, whose truth is the place in its EXIF."""
    if photo.said is None:
        return ""
    exif = photo.answer.exif
    truth = None if exif is None else LonLat(exif.lon, exif.lat)
    return _drawn(photo.said.point, truth, "Place by the photo's EXIF", photo.said.heats, photo.ground)


def _drawn(
    found: LonLat, truth: LonLat | None, named: str, heats: Sequence[maps.Heat], ground: maps.GroundImage | None
) -> str:
    ring = maps.Ring(found.lon, found.lat, RIGHT_WITHIN_M, "Most probable place by the ground", found=True)
    pins = []
    if truth is not None:
        rows = ((named, ""), ("", formatting.coordinates(truth.lon, truth.lat)))
        beside = found.lon + 360 * round((truth.lon - found.lon) / 360)
        pins = [maps.Pin(truth.lon, truth.lat, rows, (beside, found.lat), text_stays=False)]
    around = [_box(Bounds.around(place, LEAST_KM)) for place in (found, truth) if place is not None]
    focus = tuple(pick(sides) for pick, sides in zip((min, min, max, max), zip(*around, strict=True), strict=True))
    page = maps.draw_map(
        pins=pins, rings=[ring], heats=heats, heats_shown=True, backdrop=maps.Backdrop(ground), focus=focus
    )
    signs = '<span class="found">most probable place</span>'
    if truth is not None:
        signs += f'<span class="stated">{html.escape(named[0].lower() + named[1:])}</span>'
    return (
        f"<h4>Where on the ground</h4>{maps.iframe(page, title='Probability of the place')}"
        f'<p class="legend">{signs}</p><p class="told">The redder, the more probable; its square root is drawn.</p>'
    )


def _box(box: Bounds) -> maps.Box:
    return box.west, box.south, box.west + box.width_deg, box.north
