"""Imagery kept inside a gallery's folder, so that the folder alone can be moved or given away."""

from collections.abc import Sequence
from pathlib import Path

from gallery.errors import SourceError
from gallery.imagery.raster_io import driver_of, sidecars_of
from gallery.paths import linked

IMAGERY = "imagery"
"""The folder within a gallery that holds imagery that was fetched or packed for it."""

Folder = tuple[Path, list[Path]]
"""A folder, and those of its images that are tiles."""


def packed(
    rasters: Sequence[Path], folders: Sequence[Folder], home: Path, workplace: Path
) -> tuple[list[Path], list[Folder]]:
    """The same sources as they lie in the folder that becomes the gallery: second names, or copies across disks.

    Args:
        home: the gallery's folder; what lies in it already travels anyway.
        workplace: the folder beside it that becomes it.

    Raises:
        SourceError: a raster is a VRT, which names other files.
    """
    names: dict[str, Path] = {}
    into = workplace / IMAGERY
    inside: list[Path] = []
    for raster in rasters:
        owner = next((folder for folder, _ in folders if raster.is_relative_to(folder)), None)
        if raster.is_relative_to(workplace) or raster.resolve().is_relative_to(home):
            inside.append(raster)
            continue
        if driver_of(raster) == "VRT":
            raise SourceError(
                f"{raster.name} names other files and cannot be packed. Name those, or save it as GeoTIFF."
            )
        if owner is None:
            place = into / _free_name(raster, names, home / IMAGERY)
        else:
            place = into / _free_name(owner, names, home / IMAGERY) / raster.relative_to(owner)
        for file in sidecars_of(raster):
            linked(file, place.with_name(file.name))
        inside.append(linked(raster, place))
    kept: list[Folder] = []
    for folder, images in folders:
        if folder.resolve().is_relative_to(home):
            kept.append((folder, images))
            continue
        root = into / _free_name(folder, names, home / IMAGERY)
        kept.append((root, [linked(image, root / image.relative_to(folder)) for image in images]))
    return inside, kept


def _free_name(source: Path, names: dict[str, Path], standing: Path) -> str:
    """A name for a source that no other one has, in this build or in the gallery that it adds to."""
    name, number = source.name, 2
    while names.setdefault(name, source) != source or _is_other(standing / name, source):
        name, number = f"{source.stem}-{number}{source.suffix}", number + 1
    return name


def _is_other(standing: Path, source: Path) -> bool:
    """Whether a file stands there that is not this one; folders are told apart by their names alone."""
    if not standing.is_file() or not source.is_file():
        return False
    facts, others = source.stat(), standing.stat()
    return (facts.st_size, facts.st_mtime_ns) != (others.st_size, others.st_mtime_ns)
