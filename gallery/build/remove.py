"""Tiles taken out of a gallery: nothing is embedded, and the old gallery answers until the new one is whole."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gallery.areas import Area, Near, Polygons, tiles_in
from gallery.build.provenance import removed
from gallery.build.swap import locked, swap_in
from gallery.build.write import blocks_of, write_gallery
from gallery.errors import BuildError
from gallery.imagery.raster_io import stem_of
from gallery.store.gallery import Gallery
from gallery.store.manifest import aside


def remove_tiles(folder: str | Path, *, area: Area | None = None, source: str | None = None) -> Gallery:
    """Remove tiles from a gallery and open it again. Killed at any moment, the old one or the new one opens.

    Args:
        area: goes with every tile that touches it.
        source: a raster or folder as the gallery notes it, its name with or without the ending, or the path that the
            build took: goes with its tiles.

    Raises:
        NotAGallery, DamagedGallery: the gallery cannot be read.
        BuildError: neither or both are given, no tile would go, all would, or another build writes here.
    """
    if (area is None) == (source is None):
        raise BuildError("Name what to remove: an area or a source.")
    home = Path(folder).resolve()
    with locked(home):
        gallery = Gallery.open(home)
        gallery.require_intact()
        sources = [] if source is None else named_sources(gallery, source)
        going = _rows_of(gallery, sources) if area is None else tiles_in(gallery.boxes, area)
        what: dict[str, Any] = {"sources": sources} if area is None else {"area": _noted_area(area)}
        count = len(gallery) - int(going.sum())
        if not going.any():
            raise BuildError("No tile of the gallery touches that area. West comes first: W,S,E,N.")
        if not count:
            raise BuildError("That would remove every tile. Delete the gallery's folder, or name less.")
        workplace = aside(home, "removing")  # DIR.building may hold a stopped build, which stays
        shutil.rmtree(workplace, ignore_errors=True)
        workplace.mkdir()
        manifest = gallery.manifest
        build = removed(manifest["build"], what, sources, len(gallery) - count)
        write_gallery(
            workplace,
            "removal",
            blocks_of(gallery, ~going),
            count,
            manifest["model"],
            build,
            manifest["skipped"],
            build.get("index", "auto"),
            rasters=manifest.get("imagery"),
            home=home,
        )
        swap_in(workplace, home)
    return Gallery.open(home)


def named_sources(gallery: Gallery, source: str) -> list[str]:
    """The sources that a user means.

    Raises:
        BuildError: there is none of that name.
    """
    known = gallery.sources
    found = [each for each in known if source in (each, Path(each).name, stem_of(Path(each)))]
    found = found or [each for each in known if (gallery.folder / each).resolve() == Path(source).resolve()]
    if not found:
        names = ", ".join(Path(each).name for each in known[:5]) + (", …" if len(known) > 5 else "")
        raise BuildError(f"The gallery has no source {source}. It has {names}.")
    return found


def _rows_of(gallery: Gallery, sources: list[str]) -> np.ndarray:
    """(N,) bool: which tiles are of some sources."""
    parts = [np.isin(part["source"].to_numpy(), sources) for part in gallery.table.batches("source")]
    return np.concatenate(parts)


def _noted_area(area: Area) -> Mapping[str, Any]:
    """An area as gallery.json notes it."""
    if isinstance(area, Near):
        return {"near": [area.lon, area.lat, area.radius_km]}
    if isinstance(area, Polygons):
        return {"polygons_within": list(area.shape.bounds)}
    return {"bbox": area.as_list()}
