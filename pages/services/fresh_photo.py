"""A photo that was just answered on the first page, as the inspect page shows it: its EXIF position is its truth."""

import math
from functools import partial

import numpy as np
from PIL import Image

from gallery import Answer, Gallery, Localizer, Match
from gallery.errors import GalleryError
from gallery.geo import LonLat, distance_m
from gallery.judge.calibration import percent
from gallery.judge.overlay import overlay_of
from gallery.tiles import Tile, overlap
from pages.common import formatting, widgets
from pages.common.query_view import Mark, Ranked, Sight, sight
from pages.services import heatmaps
from pages.services.heatmaps import PICTURE_PX, RANKED, STRIP_PX, DisplayOptions, uri_of
from pages.services.locate import FreshPhoto

VERDICTS = {
    None: "Nobody knows whether this is right",
    True: "Right, by the photo's EXIF",
    False: "Wrong, if the photo's EXIF is right",
}


def fresh_view(photo: FreshPhoto, how: DisplayOptions) -> str:
    """The photo as every query is shown, and below how it fits, where geometry found a fit.

    Raises:
        NotReady: the model cannot be loaded.
    """
    shown, fit = sight(fresh_sight(photo, how)), photo.answer.fit
    if fit is None:
        return shown
    try:
        return shown + widgets.fit_view(photo.answer, overlay_of(photo.picture, fit, photo.engine.wait().gallery))
    except GalleryError:  # the ground's source is gone since
        return shown


def fresh_sight(photo: FreshPhoto, how: DisplayOptions) -> Sight:
    """The photo with its best tiles, and with the tile that covers the place its EXIF states.

    Raises:
        NotReady: the model cannot be loaded.
    """
    gallery, answer = photo.engine.wait().gallery, photo.answer
    point = None if answer.exif is None else LonLat(answer.exif.lon, answer.exif.lat)
    true = None if point is None else covering(gallery, point)
    ranked = tuple(_ranked(gallery, match, point, true, how.near_m) for match in answer.matches[:RANKED])
    truth = None
    if true is not None:
        held = next((tile for tile in ranked if tile.tile_id == true.id), None)
        rank, score = (held.rank, held.score) if held else (0, math.nan)
        truth = Ranked(rank, true.id, score, "true", None, uri_of(_image(gallery, true, PICTURE_PX)))
    right = None if point is None or not ranked else ranked[0].mark == "true"
    shown = Sight(
        name=answer.photo,
        verdict=VERDICTS[right],
        right=right,
        facts=_facts(answer),
        notes=answer.notes,
        photo=uri_of(photo.picture),
        strip=ranked,
        truth=truth,
        truth_missing="The photo states no position." if point is None else "No tile covers the place in its EXIF.",
    )
    return heatmaps.looked(shown, photo.engine, partial(_pictures, photo, true), how)


def covering(gallery: Gallery, point: LonLat) -> Tile | None:
    """Of the tiles that cover a point, the one whose centre lies next to it."""
    west, south, east, north = gallery.boxes.T
    inside = np.zeros(len(gallery), bool)
    for turn in (0, 360, -360):
        lon = point.lon + turn
        inside |= (west <= lon) & (lon <= east) & (south <= point.lat) & (point.lat <= north)
    tiles = [tile for tile in map(gallery.tile, np.flatnonzero(inside).tolist()) if tile.contains(point)]
    return min(tiles, key=lambda tile: distance_m(point, tile.centre), default=None)


def _ranked(gallery: Gallery, match: Match, point: LonLat | None, true: Tile | None, near_m: float) -> Ranked:
    side_px = PICTURE_PX if match.rank == 1 else STRIP_PX  # the first one is also drawn large
    metres = None if point is None else distance_m(point, match.tile.centre)
    mark: Mark = "wrong"
    if point is None or metres is None:
        mark = "unknown"
    elif match.tile.contains(point):
        mark = "true"
    elif metres <= near_m or (true is not None and overlap(match.tile, true) > 0):
        mark = "near"
    picture = uri_of(_image(gallery, match.tile, side_px), side_px)
    return Ranked(match.rank, match.tile.id, match.score, mark, metres, picture)


def _pictures(photo: FreshPhoto, true: Tile | None, localizer: Localizer) -> tuple:
    """What was searched, the best tile and the true one."""
    gallery, matches = localizer.gallery, photo.answer.matches
    first = _image(gallery, matches[0].tile, PICTURE_PX) if matches else None
    searched = photo.picture if photo.answer.seen is None else photo.answer.seen
    return searched, first, None if true is None else _image(gallery, true, PICTURE_PX)


def _facts(answer: Answer) -> tuple[tuple[str, str, str], ...]:
    facts = [("Verdict", answer.verdict.capitalize(), "")]
    if answer.matches:
        facts.append(
            ("Score", formatting.similarity(answer.matches[0].score), "Cosine of the photo and the first tile")
        )
    if answer.exif is not None:
        facts.append(
            ("Error", formatting.metres(answer.exif.error_m), "From the place by EXIF to the first tile's centre")
        )
    if answer.confidence is not None:
        facts.append(("Confidence", percent(answer.confidence), "Calibrated"))
    return tuple(facts)


def _image(gallery: Gallery, tile: Tile, max_px: int) -> Image.Image | None:
    try:
        return gallery.image(tile, max_px)
    except GalleryError:
        return None
