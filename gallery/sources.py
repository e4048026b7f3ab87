"""What a gallery is built from: rasters and folders of images, opened as sources of candidate tiles."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from PIL import Image, ImageOps

from gallery.candidates import Candidate, ReadPhoto, Skipped, Source
from gallery.errors import GalleryError, PositionsError, SourceError
from gallery.handles import open_raster
from gallery.image_folder import ImageFolder
from gallery.positions import Positions, read_positions
from gallery.raster import Raster
from gallery.raster_files import states_its_place
from gallery.tiles import Tile

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic")
"""Names that are taken for images of a folder."""

MAX_IMAGE_PX = 250_000_000
"""Pictures of more pixels are not decoded when shown."""

MIN_DATA_SHARE = 0.5
"""A raster tile with less than this share of data is left out; overlapping neighbours hold its rest."""


@dataclass(frozen=True)
class Tiling:
    """How rasters are cut."""

    sizes_m: tuple[float, ...]  # sides of the tiles on the ground, one for each scale
    overlap: float  # share of a tile that its neighbour shows too, in [0, 0.95]
    tile_px: int  # longer side of the picture that is embedded


@dataclass(frozen=True)
class RasterSource:
    """The tiles of a raster as a `Source`."""

    path: Path
    total: int
    prefix: str  # of tile ids
    noted: str  # the raster as the gallery names it
    tiling: Tiling
    crs: str | None = None  # of a raster that states none

    def candidates(self) -> Iterator[Candidate]:
        """The windows of each scale, row by row."""
        several = len(self.tiling.sizes_m) > 1
        with Raster(self.path, crs=self.crs) as raster:
            for size_m in self.tiling.sizes_m:
                prefix = f"{self.prefix}/{size_m:g}m" if several else self.prefix
                for window in raster.windows(size_m, self.tiling.overlap):
                    tile_id = f"{prefix}/{window.row_px:06d}_{window.col_px:06d}"
                    yield Candidate(tile_id, window=window, scale_m=size_m)

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Any]:
        """The window as a tile, and its picture."""
        raster, window = open_raster(self.path, self.crs), candidate.window
        if window is None:
            raise ValueError(f"Candidate {candidate.id} is of no raster.")
        if raster.data_share(window) < MIN_DATA_SHARE:
            raise Skipped("empty (no data or transparent)")
        return raster.tile(candidate.id, window, self.noted), raster.image(window, self.tiling.tile_px)


def open_sources(paths: Sequence[Path], home: Path, tiling: Tiling, positions: Path | None = None) -> list[Source]:
    """Look at rasters and folders, without reading their pixels.

    Args:
        paths: GeoTIFF files and folders of images. A GeoTIFF with a CRS inside a folder without `positions` is cut
            like one that is named itself.
        home: the gallery's folder, which sources are noted relative to.
        tiling: how rasters are cut; its first size is also that of the square that is assumed for an image whose
            extent is unknown.
        positions: CSV or KML for the folders' images; None: file names (`@lon@lat@`), then EXIF.

    Raises:
        SourceError, PositionsError: with what to do about it.
    """
    if positions is not None and not any(path.is_dir() for path in paths):
        raise PositionsError("Positions belong to a folder of images, but no folder is among the sources.")
    sources: list[Source] = []
    taken: set[str] = set()
    for path in {path.resolve(): path for path in paths}.values():
        if path.is_dir():
            sources += _folder_sources(path, home, tiling, positions, taken)
        elif path.is_file():
            sources.append(_raster_source(path, home, tiling, taken))
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


def _raster_source(path: Path, home: Path, tiling: Tiling, taken: set[str]) -> RasterSource:
    with Raster(path) as raster:
        total = sum(1 for size_m in tiling.sizes_m for _ in raster.windows(size_m, tiling.overlap))
    return RasterSource(path, total, _prefix(path.stem, taken), noted_path(path, home), tiling)


def _folder_sources(
    folder: Path, home: Path, tiling: Tiling, positions: Path | None, taken: set[str]
) -> Iterator[Source]:
    images = list(images_below(folder))
    rasters: list[Path] = []
    if positions is None:
        rasters = [image for image in images if states_its_place(image)]
    yield from (_raster_source(raster, home, tiling, taken) for raster in rasters)
    plain = [image for image in images if image not in set(rasters)]
    if plain:
        named = tuple(image.relative_to(folder).as_posix() for image in plain)
        prefix = _prefix(folder.resolve().name, taken) if taken else _prefix("", taken)
        known = None if positions is None else _known_places(positions, folder, named)
        yield ImageFolder(folder, named, prefix, noted_path(folder, home), tiling.sizes_m[0], known)


def _known_places(positions: Path, folder: Path, images: Sequence[str]) -> Positions:
    """The list of positions of a folder's images, with a warning of what in it is of no use."""
    known = read_positions(positions, folder)
    if known.unplaced:
        log.warning("%d entries of the list of positions have no position.", known.unplaced)
    found = sum(known.of(PurePosixPath(image)) is not None for image in images)
    if found < len(known):
        log.warning("%d of the %d listed positions belong to no image of the folder.", len(known) - found, len(known))
    return known


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
