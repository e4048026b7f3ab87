"""What a gallery is built from: rasters and folders of images, opened as sources of candidate tiles."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import shapely

from gallery.build.candidates import Source
from gallery.build.image_folder import ImageFolder
from gallery.build.packing import IMAGERY, packed
from gallery.build.raster_source import RasterSource, Tiling
from gallery.errors import PositionsError, SourceError
from gallery.geo import Bounds, bounds_of, size_m
from gallery.georef.assign import ReadPosition, Unplaced, assign_positions
from gallery.georef.file_names import TileNames
from gallery.georef.position_lists import PositionList, read_positions
from gallery.imagery.images import images_below
from gallery.imagery.mbtiles import PMTILES_SUFFIX, OnTile, archive_of_pmtiles
from gallery.imagery.mosaic import MosaicSheet, clusters, look_at, write_mosaic
from gallery.imagery.raster import Raster
from gallery.imagery.raster_io import sidecars_of, states_its_place, stem_of
from gallery.imagery.xyz_server import FetchJob, TileServer, fetch
from gallery.paths import linked, noted_path

log = logging.getLogger(__name__)


MOSAICS = "mosaics"
"""The folder within a gallery that holds the indexes of its mosaics."""


@dataclass(frozen=True)
class ImagerySettings:
    """What a user says of sources that do not say it themselves."""

    positions: Path | None = None  # CSV or KML for the images of folders; None: file names, then EXIF
    unplaced: Unplaced = "error"  # what becomes of images without a position, or with several that disagree
    tile_names: TileNames = field(default_factory=TileNames)
    crs: str | None = None  # of rasters and world files that state none, such as "EPSG:32633"
    bounds: Bounds | None = None  # what is fetched of a tile server
    licence: str | None = None  # of the imagery, in words; a tile server's must be stated
    rate: float = 4.0  # tiles a second that a server is asked for at most

    def order(self, template: str) -> FetchJob:
        """What is fetched of a tile server.

        Raises:
            SourceError: its address is none, or something is not stated that must be.
        """
        server, zoom = TileServer(template), self.tile_names.zoom
        if self.bounds is None or zoom is None:
            raise SourceError(f"Say which part of {server.host} the gallery shall show: --bounds W,S,E,N --zoom Z.")
        if not (self.licence or "").strip():
            raise SourceError(
                f"Say by --licence TEXT on which terms the imagery of {server.host} may be used: many servers "
                "forbid to keep their tiles."
            )
        return FetchJob(server, self.bounds, zoom, str(self.licence), self.rate, self.tile_names.tms)

    def noted(self, home: Path) -> dict[str, Any]:
        """The settings as the gallery in the folder `home` notes them; `crs` is needed to read such rasters."""
        noted: dict[str, Any] = {"positions": None if self.positions is None else noted_path(self.positions, home)}
        options = {
            "unplaced": self.unplaced,
            "zoom": self.tile_names.zoom,
            "tms": self.tile_names.tms,
            "crs": self.crs,
            "bounds": None if self.bounds is None else self.bounds.as_list(),
            "licence": self.licence,
        }
        return noted | {name: value for name, value in options.items() if value not in (None, False, "error")}


def noted_source(source: str | Path, home: Path) -> str:
    """A source as the gallery in the folder `home` notes it: without the key that an address may hold."""
    return TileServer(source).public if isinstance(source, str) else noted_path(source, home)


def open_sources(
    sources: Sequence[str | Path],
    home: Path,
    workplace: Path,
    tiling: Tiling,
    read_position: ReadPosition,
    stated: ImagerySettings,
    taken: Iterable[str] = (),
    on_tile: OnTile | None = None,
    pack: bool = False,
) -> list[Source]:
    """Look at rasters and folders, without reading their pixels. Rasters that touch or overlap become one mosaic.

    Args:
        sources: rasters and folders of images by their paths, and tile servers by their templates, as text. A raster
            that says where it lies inside a folder without positions is cut like one that is named itself.
        home: the gallery's folder, which sources are noted relative to.
        workplace: a folder beside it that becomes it in the end; fetched imagery and indexes of mosaics are put there.
        tiling: how rasters are cut; its first size is also that of the square that is assumed for an image whose
            extent is unknown.
        read_position: what an image of a folder states of where it was taken.
        stated: what the sources do not say themselves.
        taken: beginnings of tile ids that are in use already.
        on_tile: told after each tile of a server or archive that is fetched.
        pack: read rasters and folders from copies in the workplace (links where the disk allows), which go with it.

    Raises:
        SourceError, PositionsError: with what to do about it.
    """
    if stated.positions is not None and not any(isinstance(source, Path) and source.is_dir() for source in sources):
        raise PositionsError("Positions belong to a folder of images, but no folder is among the sources.")
    rasters, folders = _rasters_and_folders(sources, (workplace / IMAGERY, home / IMAGERY), stated, on_tile)
    if pack:
        rasters, folders = packed(rasters, folders, home, workplace)
    used = set(taken)
    opened: list[Source] = [*_raster_sources(rasters, home, workplace, tiling, stated.crs, used)]
    opened += [
        _folder_source(folder, images, home, workplace, tiling, read_position, stated, used)
        for folder, images in folders
        if images
    ]
    if not any(source.total for source in opened):
        raise SourceError("The sources hold no image. Give a GeoTIFF or a folder of images with positions.")
    return opened


def _rasters_and_folders(
    sources: Sequence[str | Path], archives: tuple[Path, Path], stated: ImagerySettings, on_tile: OnTile | None
) -> tuple[list[Path], list[tuple[Path, list[Path]]]]:
    """The rasters among some sources, those to be fetched or converted too; and each folder with its other images.

    Args: archives: the folders for fetched imagery, of the build and of the gallery that it replaces.
    """
    rasters: list[Path] = []
    folders: list[tuple[Path, list[Path]]] = []
    fetched, earlier = archives
    for source in {source.resolve() if isinstance(source, Path) else source: source for source in sources}.values():
        if isinstance(source, str):
            rasters += fetch(stated.order(source), fetched, earlier, on_tile)
        elif source.is_dir():
            images = list(images_below(source))
            placed = [] if stated.positions is not None else [image for image in images if states_its_place(image)]
            rasters += placed
            folders.append((source, [image for image in images if image not in set(placed)]))
        elif not source.is_file():
            raise SourceError(f"There is no raster or folder {source.name}. Check the path.")
        elif source.suffix.lower() == PMTILES_SUFFIX:
            rasters.append(archive_of_pmtiles(source, fetched, earlier, stated.tile_names.zoom, on_tile))
        else:
            rasters.append(source)
    return rasters, folders


def _prefix(name: str, taken: set[str]) -> str:
    """A start for tile ids that no other source uses."""
    prefix, number = name, 2
    while prefix in taken:
        prefix, number = f"{name}-{number}", number + 1
    taken.add(prefix)
    return prefix


def _raster_sources(
    rasters: Sequence[Path], home: Path, workplace: Path, tiling: Tiling, crs: str | None, taken: set[str]
) -> Iterator[RasterSource]:
    """Each raster that stands alone, and a mosaic of those that touch, in the order of the first of each."""
    found = clusters([look_at(raster, crs) for raster in rasters])
    if found:
        _require_room(found, max(tiling.sizes_m))
    for cluster in found:
        path = cluster[0].path
        if len(cluster) > 1:
            within = [replace(sheet, path=_in_workplace(sheet.path, home, workplace)) for sheet in cluster]
            path = write_mosaic(within, workplace / MOSAICS)
        with Raster(path, crs=crs) as raster:
            total = sum(1 for side_m in tiling.sizes_m for _ in raster.windows(side_m, tiling.overlap))
        noted = noted_path(path, workplace if path.is_relative_to(workplace) else home)
        yield RasterSource(path, total, _prefix(stem_of(path), taken), noted, tiling, crs)


def _require_room(found: Sequence[Sequence[MosaicSheet]], tile_m: float) -> None:
    """Refuse tiles that no raster fills to half their side: they would be stretched, or one for all of the ground."""
    boxes = [bounds_of(shapely.union_all([sheet.outline for sheet in cluster])) for cluster in found]
    (width_m, height_m), first = max(
        (size_m(box), cluster[0].path.name) for box, cluster in zip(boxes, found, strict=True)
    )
    if max(width_m, height_m) < tile_m / 2:
        raise SourceError(
            f"Tiles of {tile_m:g} m are too large: {first} shows {width_m:,.0f} x {height_m:,.0f} m of ground. A tile "
            "should be about as wide as the ground that a photo shows: give a smaller --tile-size-m."
        )


def _in_workplace(raster: Path, home: Path, workplace: Path) -> Path:
    """Where a mosaic finds a raster; one of the old gallery's folder moves on with it, and what describes it too."""
    if not raster.resolve().is_relative_to(home):
        return raster
    below = raster.resolve().relative_to(home)
    for file in (raster, *sidecars_of(raster)):
        linked(file, workplace / below.with_name(file.name))
    return workplace / below


def _folder_source(
    folder: Path,
    images: Sequence[Path],
    home: Path,
    workplace: Path,
    tiling: Tiling,
    read_position: ReadPosition,
    stated: ImagerySettings,
    taken: set[str],
) -> ImageFolder:
    named = tuple(image.relative_to(folder).as_posix() for image in images)
    prefix = _prefix(folder.resolve().name, taken) if taken else _prefix("", taken)
    known = None if stated.positions is None else _listed_positions(stated.positions, folder, named)
    assumed_m = tiling.sizes_m[0]
    placing = assign_positions(
        folder, named, known, stated.tile_names, read_position, within_m=assumed_m, unplaced=stated.unplaced
    )
    noted = noted_path(folder, workplace if folder.is_relative_to(workplace) else home)
    return ImageFolder(folder, named, prefix, noted, assumed_m, placing)


def _listed_positions(positions: Path, folder: Path, images: Sequence[str]) -> PositionList:
    """The list of positions of a folder's images, with a warning of what in it is of no use."""
    known = read_positions(positions, folder)
    if known.unplaced:
        log.warning("%d entries of the list of positions have no position.", known.unplaced)
    found = sum(bool(known.all_of(PurePosixPath(image))) for image in images)
    if found < len(known) and not known.by_name:
        log.warning("%d of the %d listed positions belong to no image of the folder.", len(known) - found, len(known))
    return known
