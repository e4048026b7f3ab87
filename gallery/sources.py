"""What a gallery is built from: rasters and folders of images, as one stream of candidate tiles."""

import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from PIL import ExifTags, Image, ImageOps

from gallery.errors import AreaError, GalleryError, PositionsError, SourceError, UnreadablePhoto
from gallery.geo import LonLat, area_m2
from gallery.positions import Camera, Place, Positions, footprint_of_photo, place_in_name, read_positions
from gallery.raster import DRIVERS as RASTER_SUFFIXES
from gallery.raster import Raster, is_georeferenced
from gallery.tiles import Tile

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic")
"""Names that are taken for images of a folder."""

MAX_IMAGE_PX = 250_000_000
"""Pictures of more pixels are not decoded when shown."""

MIN_DATA_SHARE = 0.5
"""A raster tile with less than this share of data is left out; overlapping neighbours hold its rest."""


class ReadPhoto(Protocol):
    """Reads an image file into an object with .image, .name and .position."""

    def __call__(self, source: Path) -> Any: ...


class Skipped(Exception):
    """This candidate becomes no tile; the message is the reason, the same words for the same reason."""


@dataclass(frozen=True)
class Candidate:
    """A tile to be: its id is known, the rest when it is loaded."""

    id: str
    load: Callable[[], tuple[Tile, Any]]
    """Returns the tile and what the embedder takes (a PIL image or a photo). Raises: Skipped."""


@dataclass(frozen=True)
class Source:
    """One raster or folder."""

    path: Path
    total: int  # candidates that it will yield
    candidates: Callable[[], Iterator[Candidate]]


def open_sources(
    paths: Sequence[Path],
    home: Path,
    read_photo: ReadPhoto,
    *,
    tile_size_m: float,
    overlap: float,
    positions: Path | None,
    tile_px: int,
) -> list[Source]:
    """Look at rasters and folders, without reading their pixels.

    Args:
        paths: GeoTIFF files and folders of images. A GeoTIFF with a CRS inside a folder without `positions` is cut
            like one that is named itself.
        home: the gallery's folder, which sources are noted relative to.
        read_photo: reads the images of folders.
        tile_size_m: side of a raster's tile on the ground, and of the square that is assumed for an image whose
            extent is unknown.
        overlap: share of a tile that its neighbour shows too, in [0, 0.95].
        positions: CSV or KML for the folders' images; None: file names (`@lon@lat@`), then EXIF.
        tile_px: longer side of the picture that is embedded.

    Raises:
        SourceError, PositionsError: with what to do about it.
    """
    if positions is not None and not any(path.is_dir() for path in paths):
        raise PositionsError("Positions belong to a folder of images, but no folder is among the sources.")
    sources: list[Source] = []
    taken: set[str] = set()
    for path in {path.resolve(): path for path in paths}.values():
        if path.is_dir():
            sources += _folder_sources(path, home, read_photo, tile_size_m, overlap, positions, tile_px, taken)
        elif path.suffix.lower() in RASTER_SUFFIXES or path.is_file():
            sources.append(_raster_source(path, home, tile_size_m, overlap, tile_px, taken))
        else:
            raise SourceError(f"There is no raster or folder {path.name}. Check the path.")
    if not any(source.total for source in sources):
        raise SourceError("The sources hold no image. Give a GeoTIFF or a folder of images with positions.")
    return sources


def noted_path(path: Path, home: Path) -> str:
    """A path as the gallery notes it: relative to the gallery's folder, absolute only across drives."""
    try:
        return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _prefix(name: str, taken: set[str]) -> str:
    """A start for tile ids that no other source uses."""
    prefix, number = name, 2
    while prefix in taken:
        prefix, number = f"{name}-{number}", number + 1
    taken.add(prefix)
    return prefix


def _raster_source(path: Path, home: Path, tile_size_m: float, overlap: float, tile_px: int, taken: set[str]) -> Source:
    prefix = _prefix(path.stem, taken)
    noted = noted_path(path, home)
    with Raster(path) as raster:
        total = sum(1 for _ in raster.windows(tile_size_m, overlap))

    def candidates() -> Iterator[Candidate]:
        with Raster(path) as raster:
            for window in raster.windows(tile_size_m, overlap):
                tile_id = f"{prefix}/{window.row_px:06d}_{window.col_px:06d}"

                def load(tile_id=tile_id, window=window):
                    if raster.data_share(window) < MIN_DATA_SHARE:
                        raise Skipped("empty (no data or transparent)")
                    return raster.tile(tile_id, window, noted), raster.image(window, tile_px)

                yield Candidate(tile_id, load)

    return Source(path, total, candidates)


def _folder_sources(
    folder: Path,
    home: Path,
    read_photo: ReadPhoto,
    tile_size_m: float,
    overlap: float,
    positions: Path | None,
    tile_px: int,
    taken: set[str],
) -> list[Source]:
    images = list(images_below(folder))
    rasters: list[Path] = []
    if positions is None:
        rasters = [image for image in images if image.suffix.lower() in RASTER_SUFFIXES and is_georeferenced(image)]
    plain = [image for image in images if image not in set(rasters)]
    sources = [_raster_source(raster, home, tile_size_m, overlap, tile_px, taken) for raster in rasters]
    if plain:
        known = read_positions(positions, folder) if positions is not None else None
        if known is not None and known.unplaced:
            log.warning("%d entries of the list of positions have no position.", known.unplaced)
        prefix = _prefix(folder.resolve().name, taken) if taken else _prefix("", taken)
        sources.append(_images_source(folder, plain, prefix, home, read_photo, tile_size_m, known))
    return sources


def _images_source(
    folder: Path,
    images: Sequence[Path],
    prefix: str,
    home: Path,
    read_photo: ReadPhoto,
    assumed_size_m: float,
    known: Positions | None,
) -> Source:
    noted = noted_path(folder, home)
    if known is not None:
        found = sum(known.of(PurePosixPath(path.relative_to(folder).as_posix())) is not None for path in images)
        if found < len(known):
            log.warning(
                "%d of the %d listed positions belong to no image of the folder.", len(known) - found, len(known)
            )

    def candidates() -> Iterator[Candidate]:
        for path in images:
            below = PurePosixPath(path.relative_to(folder).as_posix())
            tile_id = f"{prefix}/{below}" if prefix else str(below)

            def load(path=path, below=below, tile_id=tile_id):
                return _image_tile(path, below, tile_id, noted, read_photo, assumed_size_m, known)

            yield Candidate(tile_id, load)

    return Source(folder, len(images), candidates)


def _image_tile(
    path: Path,
    below: PurePosixPath,
    tile_id: str,
    noted: str,
    read_photo: ReadPhoto,
    assumed_size_m: float,
    known: Positions | None,
) -> tuple[Tile, Any]:
    """A whole image of a folder as one tile."""
    if not str(below).isprintable():
        raise Skipped("file name with characters that cannot be written")
    place = known.of(below) if known is not None else place_in_name(path.name)
    if known is not None and place is None:
        raise Skipped("not in the list of positions")
    try:
        photo = read_photo(path)
    except UnreadablePhoto as error:
        log.warning("Left out %s: %s", path.name, error)
        raise Skipped("unreadable") from error
    place = place or _place_of(photo.position)
    if place is None:
        raise Skipped("without a position")
    width_px, height_px = _size_px(photo)
    if place.footprint is not None:
        footprint, placed = place.footprint, "stated extent"
    else:
        camera = _camera(photo.position, path)
        footprint, placed = footprint_of_photo(place.centre, width_px, height_px, camera, assumed_size_m)
    metres_per_px = math.sqrt(area_m2(footprint) / (width_px * height_px))
    return Tile(tile_id, place.centre, footprint, metres_per_px, noted, image=str(below), placed=placed), photo


def _size_px(photo: Any) -> tuple[int, int]:
    """Original size of what was read, upright."""
    size = getattr(photo, "width_px", None), getattr(photo, "height_px", None)
    return (size[0], size[1]) if size[0] and size[1] else photo.image.size


def _place_of(position: Any) -> Place | None:
    """The place that a photo states in its EXIF."""
    if position is None:
        return None
    try:
        return Place(LonLat(position.lon, position.lat))
    except AreaError:
        return None


def _camera(position: Any, path: Path) -> Camera:
    """What a photo says about its view; heights above the sea are of no use here."""
    return Camera(
        height_m=getattr(position, "relative_altitude_m", None),
        focal_35mm=_focal_35mm(path),
        heading_deg=getattr(position, "heading_deg", None),
        pitch_deg=getattr(position, "pitch_deg", None),
    )


def _focal_35mm(path: Path) -> float | None:
    """Focal length for 35 mm film from EXIF; None when the file does not state it."""
    try:
        with Image.open(path) as picture:
            value = picture.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLengthIn35mmFilm)
        return float(value) if value else None
    except (OSError, ValueError, TypeError, SyntaxError, ZeroDivisionError):
        return None


def images_below(folder: Path) -> Iterator[Path]:
    """Images of a folder and its subfolders, in a fixed order; hidden names are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(root, name)


def read_picture(source: Path | BinaryIO, max_px: int) -> Image.Image:
    """An image file, or what was read of one, as an upright RGB picture whose longer side has at most max_px pixels.

    Raises:
        GalleryError: the file is missing, unreadable, or larger than `MAX_IMAGE_PX`.
    """
    name = getattr(source, "name", "A picture")
    try:
        with Image.open(source) as picture:
            if picture.width * picture.height > MAX_IMAGE_PX:
                raise GalleryError(f"{name} has too many pixels to be shown.")
            picture.draft("RGB", (2 * max_px, 2 * max_px))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GalleryError(f"{name} cannot be shown: the file is missing or damaged.") from error
    upright.thumbnail((max_px, max_px), Image.Resampling.BICUBIC)
    return upright
