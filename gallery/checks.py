"""A gallery looked over: files against their checksums, counts, repeated tiles, positions, sources and the model."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely

from gallery.errors import GalleryError
from gallery.raster_files import is_mosaic, lost_members
from gallery.store import INDEX, MANIFEST, VECTORS, Gallery, data_files, sha256


@dataclass(frozen=True)
class Problem:
    """One thing that `check` found wrong."""

    kind: Literal["missing", "checksum", "counts", "duplicate", "position", "source", "model"]
    message: str

    @property
    def damage(self) -> bool:
        """Whether the gallery cannot be trusted; a duplicate (two tiles of open water) is only a remark."""
        return self.kind != "duplicate"


def problems_of(gallery: Gallery, fingerprint: str | None = None) -> list[Problem]:
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
    lons, lats = table.numbers("lon"), table.numbers("lat")
    placed = np.isfinite(lons) & np.isfinite(lats) & (np.abs(lons) <= 180) & (np.abs(lats) <= 90)
    footprints = table.footprints()
    placed &= ~(shapely.is_missing(footprints) | shapely.is_empty(footprints))
    ids = table.read("id")["id"]
    problems = [Problem("position", f"tile {ids[row]} has no position") for row in np.flatnonzero(~placed).tolist()]
    hashes = np.fromiter(map(_hash, gallery.vectors), np.uint64, len(gallery.vectors))
    contents = table.read("content")["content"]
    for what, values in (("name", ids.to_numpy()), ("pixels", contents.to_numpy()), ("vector", hashes)):
        sentences = (f"tile {ids[row]} has the {what} of tile {ids[first]}" for row, first in _repeated(values))
        problems += [Problem("duplicate", sentence) for sentence in sentences]
    for source in gallery.sources:
        file = gallery.folder / source
        lost = [file] if not file.exists() else lost_members(file) if is_mosaic(file) else []
        problems += [Problem("source", f"{each.name} is not where the tiles were cut from") for each in lost]
    return problems


def _hash(vector: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(vector.tobytes(), digest_size=8).digest())


def _repeated(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """Row by row, those whose value an earlier row has, and the first row that has it."""
    codes, distinct = pd.factorize(values)
    first = np.full(len(distinct), len(values))
    np.minimum.at(first, codes, np.arange(len(values)))
    rows = np.flatnonzero(first[codes] < np.arange(len(values)))
    yield from zip(rows.tolist(), first[codes[rows]].tolist(), strict=True)
