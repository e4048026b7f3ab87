"""Where every image of a folder lies, settled before anything is embedded: by a list, by names, or by EXIF."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Literal

import mercantile

from gallery.embedder import PhotoPosition
from gallery.errors import AreaError, PositionsError, UnreadablePhoto
from gallery.geo import LonLat, distance_m
from gallery.georef.file_names import TileNames, position_of_tile, positions_in_name, tile_in_path
from gallery.georef.position_lists import PositionList, StatedPosition
from gallery.paths import printable

ReadPosition = Callable[[Path], PhotoPosition | None]
"""Where an image says that it was taken. Raises: UnreadablePhoto."""

Unplaced = Literal["error", "skip"]

NAMED = 5
"""Files that a complaint names; it only counts the rest."""

OTHER_ZOOM = "map tile of another zoom"
DISAGREEING = "with positions that disagree"
UNLISTED = "not in the list of positions"
WITHOUT = "without a position"


@dataclass(frozen=True)
class ImagePositions:
    """The positions of a folder's images, and why some are left out. An image in neither could not be read."""

    positions: Mapping[str, StatedPosition]  # by path below the folder
    left_out: Mapping[str, str]


def assign_positions(
    folder: Path,
    images: Sequence[str],
    known: PositionList | None,
    names: TileNames,
    read_position: ReadPosition,
    *,
    within_m: float,
    unplaced: Unplaced = "error",
) -> ImagePositions:
    """Find the position of every image.

    A list decides alone where there is one. Otherwise the path may name a map tile, the file name a position, and the
    image may state one itself; what says so first in this order counts, and the others must agree with it.

    Args:
        images: paths below the folder, with forward slashes.
        known: the list of positions.
        read_position: looks into an image.
        within_m: positions that lie no farther apart agree: the side of a tile.
        unplaced: what becomes of images without a position, or with several that disagree.

    Raises:
        PositionsError: such images, by name, unless they are to be skipped; or map tiles of several zooms.
    """
    tiles = {} if known is not None else _map_tiles(folder, images, names)
    positions: dict[str, StatedPosition] = {}
    left_out: dict[str, str] = {}
    for image in images:
        tile = tiles.get(image)
        if tile is not None and names.zoom not in (None, tile.z):
            left_out[image] = OTHER_ZOOM
            continue
        found: Sequence[StatedPosition]
        if known is not None:
            found = known.all_of(PurePosixPath(image))
        else:
            try:
                own = _own(folder / image, read_position)
            except UnreadablePhoto:
                continue
            found = own if tile is None else [position_of_tile(tile), *own]
        if not found:
            left_out[image] = WITHOUT if known is None else UNLISTED
        elif any(distance_m(a.centre, b.centre) > within_m for a, b in combinations(found, 2)):
            left_out[image] = DISAGREEING
        else:
            positions[image] = found[0]
    if unplaced == "error":
        _complain(left_out, len(images))
    return ImagePositions(positions, left_out)


def _map_tiles(folder: Path, images: Sequence[str], names: TileNames) -> dict[str, mercantile.Tile]:
    """The images whose path names a map tile.

    Raises:
        PositionsError: they are of several zooms, and nobody said which counts.
    """
    found = {image: tile_in_path(PurePosixPath(image), names) for image in images}
    tiles = {image: tile for image, tile in found.items() if tile is not None}
    zooms = sorted({tile.z for tile in tiles.values()})
    if len(zooms) > 1 and names.zoom is None:
        raise PositionsError(
            f"The folder {folder.name} holds map tiles of the zooms {', '.join(map(str, zooms))}. "
            "Say by --zoom which of them the gallery shall show."
        )
    return tiles


def _own(image: Path, read_position: ReadPosition) -> list[StatedPosition]:
    """The positions that an image's file name and the image itself state.

    Raises:
        UnreadablePhoto: it cannot be read, and its name says nothing.
    """
    named = [*positions_in_name(image.name)]
    try:
        position = read_position(image)
        return (
            named if position is None else [*named, StatedPosition(LonLat(position.lon, position.lat), of_camera=True)]
        )
    except AreaError:
        return named
    except UnreadablePhoto:
        if not named:
            raise
        return named


COMPLAINTS = {
    WITHOUT: "have no position, neither by name nor in their EXIF",
    UNLISTED: "are not in the list of positions",
    DISAGREEING: "have positions that lie more than a tile apart (two in the list, or name and EXIF)",
}


def _complain(left_out: Mapping[str, str], total: int) -> None:
    for reason, words in COMPLAINTS.items():
        files = [image for image, why in left_out.items() if why == reason]
        if files:
            named = ", ".join(map(printable, files[:NAMED]))
            more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
            raise PositionsError(
                f"{len(files)} of {total} images {words}: {named}{more}. Give their positions with --positions FILE "
                "(CSV with file,lon,lat, or KML), or leave them out with --unplaced skip."
            )
