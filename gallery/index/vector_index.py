"""VectorIndex: which vectors of a gallery are nearest to a query; exact, approximate, or by a server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gallery.constants import EXACT_INDEX, INDEX_KINDS
from gallery.errors import BuildError, DamagedGallery
from gallery.index.approximate import LEAST_TILES, ApproximateIndex
from gallery.index.exact import ExactIndex
from gallery.index.milvus import MilvusIndex, check_uri, is_address
from gallery.paths import noted_path

MILVUS = "milvus:"

EXACT_NUMBERS = 64_000_000
"""Tiles times dimension up to which "auto" searches exactly: the 25 views of a photo then take 150 ms on two cores."""


class VectorIndex(Protocol):
    """Neighbours by inner product; scores are exact, equal ones stand in the order of their rows."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        ...

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k best rows for each query, best first; fewer only when the index (or what is allowed) holds fewer.

        Args:
            queries: (Q, D) float32.
            k: how many rows, at least 1.
            allowed: (N,) bool; only these rows are searched. None: all.

        Returns:
            scores (Q, K) float32 and rows (Q, K) int64 with K = min(k, number of searched rows).
        """
        ...


def check_kind(kind: str) -> None:
    """Refuse what `write_index` could not write, before a gallery is built.

    Raises:
        BuildError: says what is possible, or what is missing.
    """
    if kind.startswith(MILVUS):
        check_uri(kind.removeprefix(MILVUS))
    elif kind not in INDEX_KINDS:
        raise BuildError(f"There is no index {kind!r}: {', '.join(INDEX_KINDS)}, milvus:URI are possible.")


def noted_kind(kind: str, folder: Path) -> str:
    """A kind for `write_index` into a folder or one beside it: the path of a file of Milvus counts from there."""
    uri = kind.removeprefix(MILVUS)
    return kind if uri == kind or is_address(uri) else MILVUS + noted_path(Path(uri), folder)


def write_index(
    path: Path, vectors: np.ndarray, kind: str = "auto", places: Callable[[], np.ndarray] | None = None
) -> dict[str, Any]:
    """Write the index of a gallery; the same bytes for the same vectors on the same number of cores.

    Args:
        path: of the file to write, in the gallery's folder or beside that; with Milvus there is none.
        vectors: (N, D) float16 unit rows, which may be mapped from disk: they are read block by block.
        kind: "exact", "approximate" (exact where the tiles are too few, or the recall is not reached), "auto", which
            is approximate above EXACT_NUMBERS, or as `noted_kind` returns it.
        places: gives (N, 2) longitudes and latitudes of the tiles' centres; Milvus holds them too.

    Returns: facts for gallery.json and `open_index`: "kind", and how an index is searched, or where it is.

    Raises:
        BuildError: the kind does not exist.
        IndexServerError: Milvus does not answer.
    """
    if kind.startswith(MILVUS):
        assert places is not None
        uri = kind.removeprefix(MILVUS)
        return {"kind": "milvus", **MilvusIndex.write(path.parent, uri, vectors, places())}
    check_kind(kind)
    large = vectors.size > EXACT_NUMBERS if kind == "auto" else kind == "approximate"
    if large and len(vectors) >= LEAST_TILES and (facts := ApproximateIndex.write(path, vectors)) is not None:
        return {"kind": "approximate", **facts}
    ExactIndex.write(path, vectors)
    return dict(EXACT_INDEX)


def bytes_per_vector(tiles: int, dimension: int, kind: str) -> float:
    """Bytes that a tile takes in vectors.npy (half precision) and in the index (floats, or short codes).

    Args: kind: as for `write_index`.
    """
    if kind.startswith(MILVUS):
        return 2 * dimension
    codes = kind == "approximate" or (kind == "auto" and tiles * dimension > EXACT_NUMBERS)
    return 2 * dimension + (dimension / 8 + 8 if codes else 4 * dimension)


def open_index(
    path: Path, vectors: np.ndarray, facts: Mapping[str, Any], places: Callable[[], np.ndarray] | None = None
) -> VectorIndex:
    """Open what `write_index` wrote; nothing is read that is not asked for.

    Args:
        vectors: (N, D) float16 of the gallery, mapped.
        facts: what `write_index` returned.
        places: as for `write_index`; asked when Milvus needs them for a filter.

    Raises:
        DamagedGallery: the file is missing, or is no such index.
        IndexServerError: Milvus does not answer, or lacks the vectors.
    """
    kind = facts["kind"]
    if kind == "exact":
        return ExactIndex.open(path)
    if kind == "approximate":
        return ApproximateIndex.open(path, vectors, facts)
    if kind == "milvus":
        assert places is not None
        return MilvusIndex.open(path.parent, vectors, facts, places)
    raise DamagedGallery(f"The gallery has an index of the unknown kind {kind!r}. Build it again.")
