"""A photo that was just answered on the first page, for the inspect page: its EXIF position is its truth."""

import math
from functools import partial

from PIL import Image

from gallery import Gallery, Localizer, Match
from gallery.errors import GalleryError
from gallery.geo import LonLat, distance_m
from gallery.judge.overlay import Overlay, overlay_of
from gallery.tiles import Tile, overlap
from pages.services import heatmaps
from pages.services.heatmaps import DisplayOptions, Trio
from pages.services.kept import FreshPhoto
from pages.services.query_pictures import LARGE_PX, STRIP_PX, STRIP_TILES, Mark, QueryPictures, RankedTile, uri_of


def fit_overlay(photo: FreshPhoto) -> Overlay | None:
    """The photo over its ground; None where geometry found no fit, or the ground's source is gone since.

    Raises:
        NotReady: the model cannot be loaded.
    """
    if photo.answer.fit is None:
        return None
    try:
        return overlay_of(photo.picture, photo.answer.fit, photo.engine.wait().gallery)
    except GalleryError:
        return None


def fresh_pictures(photo: FreshPhoto, options: DisplayOptions) -> QueryPictures:
    """The photo with its best tiles, and with the tile that covers the place its EXIF states.

    Raises:
        NotReady: the model cannot be loaded.
    """
    gallery, answer = photo.engine.wait().gallery, photo.answer
    point = None if answer.exif is None else LonLat(answer.exif.lon, answer.exif.lat)
    true = None if point is None else gallery.tile_at(point)
    ranked = tuple(_ranked(gallery, match, point, true, options.near_m) for match in answer.matches[:STRIP_TILES])
    truth = None
    if true is not None:
        held = next((tile for tile in ranked if tile.tile_id == true.id), None)
        rank, score = (held.rank, held.score) if held else (0, math.nan)
        truth = RankedTile(rank, true.id, score, "true", None, uri_of(_image(gallery, true, LARGE_PX)))
    query = QueryPictures(
        name=answer.photo,
        right=None if point is None or not ranked else ranked[0].mark == "true",
        photo=uri_of(photo.picture),
        strip=ranked,
        truth=truth,
        truth_missing="The photo states no position." if point is None else "No tile covers the place in its EXIF.",
    )
    return heatmaps.with_network_view(query, photo.engine, partial(_searched, photo, true), options)


def _ranked(gallery: Gallery, match: Match, point: LonLat | None, true: Tile | None, near_m: float) -> RankedTile:
    side_px = LARGE_PX if match.rank == 1 else STRIP_PX  # the first one is also drawn large
    metres = None if point is None else distance_m(point, match.tile.centre)
    mark: Mark = "wrong"
    if point is None or metres is None:
        mark = "unknown"
    elif match.tile.contains(point):
        mark = "true"
    elif metres <= near_m or (true is not None and overlap(match.tile, true) > 0):
        mark = "near"
    picture = uri_of(_image(gallery, match.tile, side_px), side_px)
    return RankedTile(match.rank, match.tile.id, match.score, mark, metres, picture)


def _searched(photo: FreshPhoto, true: Tile | None, localizer: Localizer) -> tuple[Trio, tuple[str, ...]]:
    """What was searched, the best tile and the true one; nothing is to be said about them."""
    gallery, matches = localizer.gallery, photo.answer.matches
    first = _image(gallery, matches[0].tile, LARGE_PX) if matches else None
    searched = photo.picture if photo.searched is None else photo.searched.open()
    return (searched, first, None if true is None else _image(gallery, true, LARGE_PX)), ()


def _image(gallery: Gallery, tile: Tile, max_px: int) -> Image.Image | None:
    try:
        return gallery.image(tile, max_px)
    except GalleryError:
        return None
