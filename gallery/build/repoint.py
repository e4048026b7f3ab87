"""A gallery told where its imagery lies now: nothing is embedded, and only the same pixels are taken."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gallery.build.checkpoint import Block
from gallery.build.remove import named_sources
from gallery.build.swap import locked, swap_in
from gallery.build.write import blocks_of, write_gallery
from gallery.embedder import Embedder, read_photo
from gallery.errors import BuildError
from gallery.geo import distance_m
from gallery.imagery.images import content_of
from gallery.imagery.raster_cache import open_raster
from gallery.imagery.raster_io import is_mosaic
from gallery.paths import noted_path
from gallery.store.gallery import Gallery, image_file
from gallery.store.manifest import aside
from gallery.store.tile_table import ROW_SCHEMA

LOOKED_AT = 9
"""Tiles whose place and pixels are compared, evenly spread over the source."""


def repoint(folder: str | Path, imagery: str | Path, embedder: Embedder, source: str | None = None) -> Gallery:
    """Note another place for one source of a gallery, and open it again. Killed at any moment, one of both opens.

    Args:
        imagery: the raster, or the folder of images, where it lies now.
        embedder: the gallery's own: tiles were read for its input size.
        source: which source moved, as `remove` takes it; None: the one of that name, else the only one that is gone.

    Raises:
        NotAGallery, DamagedGallery, WrongModel: the gallery cannot be read, or is of another model.
        BuildError: it is not clear which source moved, or the imagery shows other ground or other pixels.
        SourceError, NotGeoreferenced: the imagery cannot be read.
    """
    home, moved = Path(folder).resolve(), Path(imagery).resolve()
    if not moved.exists():
        raise BuildError(f"There is no raster or folder {moved.name}. Check the path.")
    with locked(home):
        gallery = Gallery.open(home)
        gallery.require_model(embedder.fingerprint, embedder.name)
        gallery.require_intact()
        old = _moved_source(gallery, moved, source)
        if is_mosaic(home / old):
            raise BuildError(
                f"{Path(old).name} shows several rasters as one. Put them back, or give the build command again with "
                "their new paths: what is embedded is not embedded again."
            )
        rows = np.concatenate([part["source"].to_numpy() == old for part in gallery.table.batches("source")])
        _require_same(gallery, np.flatnonzero(rows).tolist(), moved, embedder)
        new = noted_path(moved, home)
        workplace = aside(home, "repointing")
        shutil.rmtree(workplace, ignore_errors=True)
        workplace.mkdir()
        manifest = gallery.manifest
        build = {**manifest["build"], "sources": _replaced(manifest["build"].get("sources") or [], old, new)}
        index = build.get("index", "auto")
        blocks = _renamed(blocks_of(gallery), old, new)
        rasters = {name: facts for name, facts in manifest.get("imagery", {}).items() if name != old}
        write_gallery(
            workplace,
            "repointing",
            blocks,
            len(gallery),
            manifest["model"],
            build,
            manifest["skipped"],
            index,
            rasters=rasters,
            home=home,
        )
        swap_in(workplace, home)
    return Gallery.open(home)


def _moved_source(gallery: Gallery, moved: Path, source: str | None) -> str:
    """The source that moved, as the gallery notes it."""
    if source is not None:
        found = named_sources(gallery, source)
    else:
        known = gallery.sources
        found = [each for each in known if Path(each).name == moved.name]
        found = found or [each for each in known if not (gallery.folder / each).exists()]
        found = found or known
    if len(found) != 1:
        names = ", ".join(Path(each).name for each in found[:5])
        raise BuildError(f"Which source moved? Say so by --source NAME; it could be {names}.")
    return found[0]


def _require_same(gallery: Gallery, rows: Sequence[int], moved: Path, embedder: Embedder) -> None:
    """Compare some tiles with what the imagery shows there: the place within a pixel, the pixels as they are."""
    contents = gallery.table.read("content")["content"]
    chosen = sorted({rows[at] for at in np.linspace(0, len(rows) - 1, LOOKED_AT).round().astype(int).tolist()})
    for row in chosen:
        tile = gallery.tile(row)
        if tile.window is None:
            if not moved.is_dir():
                raise BuildError(f"{moved.name} is no folder, but the tiles are images of one.")
            picture = read_photo(embedder, image_file(moved, replace(tile, source="."))).image
        else:
            raster = open_raster(moved, gallery.assumed_crs)
            left, top, width_px, height_px = tile.window
            if left + width_px > raster.width_px or top + height_px > raster.height_px:
                raise BuildError(
                    f"{moved.name} has fewer pixels than the raster of the gallery. Build the gallery again."
                )
            there = raster.tile(tile.id, tile.window, tile.source)
            if distance_m(there.centre, tile.centre) > tile.metres_per_px:
                raise BuildError(f"{moved.name} lies elsewhere than the tiles. Build the gallery again.")
            picture = raster.image(tile.window, embedder.image_size)
        if content_of(picture) != contents[row].as_py():
            raise BuildError(f"{moved.name} shows other pixels than tile {tile.id}. Build the gallery again.")


def _renamed(blocks: Iterator[Block], old: str, new: str) -> Iterator[Block]:
    at = ROW_SCHEMA.get_field_index("source")
    for block in blocks:
        sources = pc.if_else(pc.equal(block.rows["source"], old), new, block.rows["source"])
        yield Block(block.rows.set_column(at, ROW_SCHEMA.field(at), sources.cast(pa.string())), block.vectors)


def _replaced(sources: Sequence[str], old: str, new: str) -> list[str]:
    return [new if source == old else source for source in sources]
