"""The map of an answer, or of several: matched tiles, the searched area, what EXIF says, and the ground shown."""

from collections.abc import Sequence
from dataclasses import replace

import shapely
from PIL import Image

from gallery import Answer, Match, Near
from gallery.geo import LonLat, Position, distance_m
from gallery.registration.heat import heat_patches
from gallery.search.answer import PhotoProblem
from pages.common import formatting, maps

TILE_PX = 256
"""Pixels of a tile picture's longer side on a map."""

MOST_PICTURES = 60
"""Tile pictures drawn on a map of many photos; the others keep their outline."""


def answer_map(
    answer: Answer,
    pictures: Sequence[Image.Image],
    near: Near | None,
    camera: maps.Camera | None,
    heats: Sequence[maps.Heat],
    backdrop: maps.Backdrop,
) -> str:
    """The HTML page of one answer's map.

    Args:
        pictures: of the matched tiles, best first.
        near: the area that was searched; None: the whole gallery.
        heats: as `heats_of` draws them.
        backdrop: what lies under everything.
    """
    spots = [
        _spot(match.rank, match, _match_rows(answer, match), picture)
        for match, picture in zip(answer.matches, pictures, strict=True)
    ]
    shown = _outlines(answer)
    return maps.draw_map(
        spots=spots,
        pins=[] if answer.exif is None else [_pin(answer, camera)],
        rings=_rings(answer, near),
        outlines=shown,
        heats=heats,
        backdrop=backdrop,
        drawable=True,
        focus=shown[0].shape.bounds if shown else _tiles_box(answer),
    )


FAR_M = 20_000
"""A photo whose EXIF lies farther from the best tile does not make the map show all the sea between them."""


def _tiles_box(answer: Answer) -> maps.Box | None:
    """The box around the tiles where the photo's EXIF is far from them; None where all can be shown at once."""
    if answer.exif is None or not answer.matches or answer.exif.error_m < FAR_M:
        return None
    west, south, east, north = shapely.total_bounds([match.tile.footprint for match in answer.matches])
    return float(west), float(south), float(east), float(north)


def photos_map(
    results: Sequence[Answer | PhotoProblem],
    pictures: Sequence[Image.Image | None],
    near: Near | None,
    backdrop: maps.Backdrop,
) -> str:
    """The HTML page of several photos' map: the place of each that was located, and the best tile of the others.

    Args: as for `answer_map`, one picture a result.
    """
    spots: list[maps.Spot] = []
    pins: list[maps.Pin] = []
    area = [] if near is None else [_area_ring(near)]
    for result, picture in zip(results, pictures, strict=True):
        if not isinstance(result, Answer) or not result.matches:
            continue
        best = result.matches[0]
        rows = (("", result.photo), *_match_rows(result, best)[1:])
        spot = _spot(len(spots) + 1, best, rows, picture if len(spots) < MOST_PICTURES else None)
        if result.position is not None:
            spot = replace(spot, lon=result.position.lon, lat=result.position.lat)
            area.append(_found_ring(result.position))
        spots.append(spot)
        if result.exif is not None:
            pins.append(replace(_pin(result, None), text_stays=False))
    return maps.draw_map(spots=spots, pins=pins, rings=area, backdrop=backdrop, every_spot_best=True, drawable=True)


def distance_to_photo_m(answer: Answer, match: Match) -> float | None:
    """Metres from the place that the photo's EXIF gives to a tile's centre, or None when it gives none."""
    if answer.exif is None:
        return None
    return distance_m(LonLat(answer.exif.lon, answer.exif.lat), match.tile.centre)


def _rings(answer: Answer, near: Near | None) -> list[maps.Ring]:
    """The searched area, and the position with its radius when one is claimed."""
    circles = [] if near is None else [_area_ring(near)]
    return circles if answer.position is None else [*circles, _found_ring(answer.position)]


def _found_ring(found: Position) -> maps.Ring:
    text = f"Position, within {formatting.metres(found.radius_m)}"
    return maps.Ring(found.lon, found.lat, found.radius_m, text, found=True)


def heats_of(answer: Answer) -> list[maps.Heat]:
    """The probability of the place over the ground that was searched."""
    if answer.ground is None:
        return []
    patches = heat_patches(answer.ground)
    most = max((float(patch.probability.max()) for patch in patches), default=0.0)
    return [maps.Heat(maps.heat_uri(patch.probability, most), patch.box) for patch in patches]


def _outlines(answer: Answer) -> list[maps.Outline]:
    """The ground that the photo shows, where geometry laid it there."""
    if answer.check is None or answer.fit is None:
        return []
    return [maps.Outline(answer.fit.footprint, f"What the photo shows: {answer.check.reason}")]


def _area_ring(near: Near) -> maps.Ring:
    radius_m = near.radius_km * 1000
    return maps.Ring(near.lon, near.lat, radius_m, f"Searched: {formatting.metres(radius_m)} around here")


def _match_rows(answer: Answer, match: Match) -> tuple[tuple[str, str], ...]:
    """The lines of a match's popup."""
    lines = [
        (f"Match {match.rank}", ""),
        ("Tile", match.tile.id),
        ("Similarity", formatting.similarity(match.score)),
        ("Centre", formatting.coordinates(match.tile.centre.lon, match.tile.centre.lat)),
    ]
    away_m = distance_to_photo_m(answer, match)
    return tuple(lines if away_m is None else [*lines, ("From EXIF place", formatting.metres(away_m))])


def _spot(number: int, match: Match, rows: tuple[tuple[str, str], ...], picture: Image.Image | None) -> maps.Spot:
    uri = None if picture is None else maps.picture_uri(picture, TILE_PX)
    centre = match.tile.centre
    return maps.Spot(number, centre.lon, centre.lat, match.tile.footprint, rows, uri)


def _pin(answer: Answer, camera: maps.Camera | None) -> maps.Pin:
    assert answer.exif is not None
    exif = answer.exif
    rows = (("Place by the photo's EXIF", ""), ("", formatting.coordinates(exif.lon, exif.lat)), ("", answer.photo))
    if not answer.matches:
        return maps.Pin(exif.lon, exif.lat, rows, camera=camera)
    best = answer.fit.point if answer.fit else answer.matches[0].tile.centre
    # The shorter way round, should the 180th meridian lie between.
    lon = best.lon + 360 * round((exif.lon - best.lon) / 360)
    return maps.Pin(exif.lon, exif.lat, rows, (lon, best.lat), formatting.metres(exif.error_m), camera=camera)
