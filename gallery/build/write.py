"""A gallery's files written from a stream of its rows, in memory that does not grow with their number."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gallery.build.checkpoint import Block
from gallery.build.swap import KEY
from gallery.errors import BuildError
from gallery.imagery.raster_io import is_mosaic, members_of
from gallery.index.vector_index import write_index
from gallery.paths import write_whole, written_path
from gallery.store.checksums import raster_facts, sealed
from gallery.store.gallery import Gallery
from gallery.store.manifest import FORMAT, INDEX, MANIFEST, TILES, VECTORS, data_files, file_facts
from gallery.store.tile_table import ROW_SCHEMA, TableWriter, TileTable


def write_gallery(
    folder: Path,
    key: str,
    blocks: Iterable[Block],
    count: int,
    model: Mapping[str, Any],
    build: Mapping[str, Any],
    skipped: Mapping[str, int],
    index: str = "auto",
    *,
    rasters: Mapping[str, Any] | None = None,
    home: Path | None = None,
) -> None:
    """Write the files of a gallery into a folder; gallery.json comes last and says that all is there.

    Args:
        key: of the build that is whole then.
        blocks: `count` rows in all.
        model, build, skipped: as gallery.json notes them.
        index: as for `gallery.index.vector_index.write_index`.
        rasters: what is known already of how rasters were when tiles were cut from them, by the names of sources.
        home: the gallery's folder, where rasters lie that the new folder does not have yet.
    """
    dimension = int(model["dimension"])
    with TableWriter(folder / TILES) as table, (folder / VECTORS).open("wb") as stream:
        header = {"descr": "<f2", "fortran_order": False, "shape": (count, dimension)}
        np.lib.format.write_array_header_1_0(stream, header)
        written, sources = 0, set[str]()
        for block in blocks:
            table.add(block.rows)
            sources.update(block.rows["source"].unique().to_pylist())
            stream.write(np.ascontiguousarray(block.vectors, "<f2").tobytes())
            written += len(block.vectors)
    if written != count:
        raise BuildError(f"The build found {written} tiles in place of {count}. Build again.")
    stored = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)

    def places() -> np.ndarray:
        tiles = TileTable(folder / TILES, count)
        return np.stack([tiles.numbers("lon"), tiles.numbers("lat")], axis=1)

    manifest: dict[str, Any] = {
        "format": FORMAT,
        "model": dict(model),
        "build": dict(build),
        "tiles": count,
        "index": write_index(folder / INDEX, stored, index, places),
        "skipped": dict(sorted(skipped.items())),
        "imagery": _imagery(sources, [folder, *([] if home is None else [home])], rasters or {}),
    }
    manifest["files"] = file_facts(folder, data_files(manifest))
    for name in manifest["files"]:
        with (folder / name).open("rb+") as file:
            os.fsync(file.fileno())
    document = json.dumps(sealed(manifest), indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / KEY, lambda path: path.write_text(key, "utf-8"))
    write_whole(folder / MANIFEST, lambda path: path.write_text(document, "utf-8"))


def _imagery(sources: Iterable[str], homes: Sequence[Path], known: Mapping[str, Any]) -> dict[str, Any]:
    """How the rasters of some sources are now, or were, where that is known; those of mosaics one by one."""
    noted: dict[str, Any] = {}
    for home in homes:
        for source in sorted(sources):
            file = home / source
            members = [member for member, _ in members_of(file)] if file.is_file() and is_mosaic(file) else []
            for raster in filter(Path.is_file, [file, *members]):
                name = written_path(raster, home)
                if name not in noted:
                    noted[name] = known.get(name) or raster_facts(raster)
    return noted


def blocks_of(gallery: Gallery, kept: np.ndarray | None = None) -> Iterator[Block]:
    """The rows of a gallery. Args: kept: (N,) bool, of these rows only."""
    first = 0
    for rows in map(_with_scale(gallery), gallery.table.batches()):
        part = slice(first, first + len(rows))
        first += len(rows)
        if kept is None:
            yield Block(rows, gallery.vectors[part])
        elif kept[part].any():
            yield Block(rows.filter(kept[part]), gallery.vectors[part][kept[part]])


def _with_scale(gallery: Gallery) -> Callable[[pa.Table], pa.Table]:
    """A function that fills in the size of tiles where format 1 lacks it: all were cut to one."""
    size_m = gallery.manifest["build"].get("tile_size_m")
    if "scale_m" in gallery.table.columns or not isinstance(size_m, int | float):
        return lambda rows: rows
    at = ROW_SCHEMA.get_field_index("scale_m")

    def filled(rows: pa.Table) -> pa.Table:
        return rows.set_column(at, ROW_SCHEMA.field(at), pc.if_else(rows["col_px"].is_valid(), float(size_m), None))

    return filled
