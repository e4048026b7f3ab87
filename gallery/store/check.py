"""A gallery looked over: files against their checksums, counts, repeated tiles, positions, sources and the model."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from gallery.errors import DamagedGallery, GalleryError
from gallery.imagery.raster_io import is_mosaic, lost_members, members_of
from gallery.paths import written_path
from gallery.store.checksums import raster_changes, sha256
from gallery.store.gallery import Gallery
from gallery.store.manifest import INDEX, MANIFEST, TILES, VECTORS, data_files


@dataclass(frozen=True)
class Problem:
    """One thing that `check` found wrong."""

    kind: Literal["missing", "checksum", "counts", "duplicate", "position", "source", "touched", "model"]
    message: str

    @property
    def damage(self) -> bool:
        """Whether the gallery cannot be trusted; two tiles of open water, or a raster copied, are only remarks."""
        return self.kind not in ("duplicate", "touched")


def check_gallery(gallery: Gallery, fingerprint: str | None = None) -> list[Problem]:
    """What is wrong or remarkable; empty when nothing is. Never raises for a damaged file.

    Args: fingerprint: of the model that shall have embedded the gallery.
    """
    problems = _file_problems(gallery.folder, gallery.manifest)
    if fingerprint is not None and fingerprint != gallery.fingerprint:
        problems.append(Problem("model", f"embedded by {gallery.fingerprint}, not by {fingerprint}"))
    try:
        problems += _count_problems(gallery)
        problems += _tile_problems(gallery)
    except GalleryError as error:
        problems.append(Problem("counts", str(error)))
    return problems


def _file_problems(folder: Path, manifest: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for name in data_files(manifest):
        if not (folder / name).is_file():
            problems.append(Problem("missing", f"{name} is missing"))
        elif sha256(folder / name) != manifest["files"][name]["sha256"]:
            problems.append(Problem("checksum", f"{name} does not have the checksum that {MANIFEST} states"))
    return problems


def _count_problems(gallery: Gallery) -> list[Problem]:
    problems = []
    counts = {VECTORS: len(gallery.vectors), INDEX: len(gallery.index), MANIFEST: len(gallery)}
    if len(set(counts.values())) > 1:
        stated = ", ".join(f"{name} {count}" for name, count in counts.items())
        problems.append(Problem("counts", f"the files hold different counts: {stated}"))
    if not gallery.vectors.shape[1:] == (gallery.index.dimension,) == (gallery.dimension,):
        problems.append(Problem("counts", "the files hold vectors of different lengths"))
    return problems


def _tile_problems(gallery: Gallery) -> list[Problem]:
    """Tiles without a place, repeated tiles, lost sources."""
    table = gallery.table
    ids = table.read("id")["id"]
    placed = np.concatenate([_placed(rows) for rows in table.batches("lon", "lat", "geometry")] or [np.empty(0, bool)])
    problems = [Problem("position", f"tile {ids[row]} has no position") for row in np.flatnonzero(~placed).tolist()]
    contents = chain.from_iterable(rows["content"].to_pylist() for rows in table.batches("content"))
    for what, values in (
        ("name", map(str, ids)),
        ("pixels", map(str, contents)),
        ("vector", (vector.tobytes() for vector in gallery.vectors)),
    ):
        sentences = (f"tile {ids[row]} has the {what} of tile {ids[first]}" for row, first in _repeated(values))
        problems += [Problem("duplicate", sentence) for sentence in sentences]
    for source in gallery.sources:
        file = gallery.folder / source
        lost = [file] if not file.exists() else lost_members(file) if is_mosaic(file) else []
        problems += [Problem("source", f"{each.name} is not where the tiles were cut from") for each in lost]
        problems += _changed(gallery, [file, *(member for member, _ in _members(file))])
    return problems


def _members(file: Path) -> list[tuple[Path, int]]:
    return members_of(file) if file.is_file() and is_mosaic(file) else []


def _changed(gallery: Gallery, rasters: Iterable[Path]) -> Iterator[Problem]:
    """Rasters that are not as they were when the tiles were cut, as far as the gallery notes how they were."""
    noted = gallery.manifest.get("imagery", {})
    for raster in rasters:
        facts = noted.get(written_path(raster, gallery.folder))
        if isinstance(facts, dict):
            for damage, sentence in raster_changes(raster, facts):
                yield Problem("source" if damage else "touched", sentence)


def _placed(rows: pa.Table) -> np.ndarray:
    """(n,) bool: whether tiles have a centre on the Earth and a footprint.

    Raises:
        DamagedGallery: a footprint is no shape.
    """
    lons, lats = (rows[name].to_numpy().astype(np.float64) for name in ("lon", "lat"))
    there = np.isfinite(lons) & np.isfinite(lats) & (np.abs(lons) <= 180) & (np.abs(lats) <= 90)
    try:
        footprints = shapely.from_wkb(rows["geometry"].to_numpy())
    except shapely.errors.ShapelyError as error:
        raise DamagedGallery(f"{TILES} is damaged. Build the gallery again.") from error
    return np.asarray(there & ~(shapely.is_missing(footprints) | shapely.is_empty(footprints)))


def _repeated(values: Iterable[str | bytes]) -> Iterator[tuple[int, int]]:
    """Row by row, those whose value an earlier row has, and the first row that has it.

    Values are compared by 8 bytes of a hash, which keeps a million of them in 8 MB.
    """
    hashes = np.fromiter(map(_hash, values), np.uint64)
    codes, distinct = pd.factorize(hashes)
    first = np.full(len(distinct), len(hashes))
    np.minimum.at(first, codes, np.arange(len(hashes)))
    rows = np.flatnonzero(first[codes] < np.arange(len(hashes)))
    yield from zip(rows.tolist(), first[codes[rows]].tolist(), strict=True)


def _hash(value: str | bytes) -> int:
    data = value if isinstance(value, bytes) else value.encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())
