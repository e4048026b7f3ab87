"""Exact search: all vectors in an index of FAISS, or some rows of the gallery's own vectors."""

from pathlib import Path

import faiss  # its stubs lack the wrappers of faiss/class_wrappers.py
import numpy as np

from gallery.errors import DamagedGallery

TIES_MARGIN = 32
"""Neighbours that are fetched beyond those asked, so that equal scores at the cut can be put in order."""

EXACT_ROWS = 20_000
"""Most allowed rows of which the vectors themselves are read."""

BLOCK = 1 << 15
"""Vectors that are turned into float32 at once."""


SCORED = 1 << 11
"""Vectors at once where each counts for one query: few enough for the processor's cache, many for its cores."""


class ExactIndex:
    """Neighbours by inner product, exact (FAISS, IndexFlatIP); a `VectorIndex`."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def open(cls, path: Path) -> "ExactIndex":
        """Map the index from disk without reading it.

        Raises:
            DamagedGallery: the file is missing or is no exact index.
        """
        index = read_faiss(path)
        if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise DamagedGallery(f"{path.name} is no exact inner-product index. Build the gallery again.")
        return cls(index)

    @staticmethod
    def write(path: Path, vectors: np.ndarray) -> None:
        """Write an exact index over (N, D) vectors, which may be mapped from disk."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            index.add(as_float32(vectors[start : start + BLOCK]))
        faiss.write_index(index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        return int(self._index.d)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Search as `VectorIndex.search` does."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        available = len(self) if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(k, available)
        if wanted == 0:
            return nothing(len(queries))
        parameters = None if allowed is None else faiss.SearchParameters(sel=selector(allowed))  # type: ignore
        fetched = min(wanted + TIES_MARGIN, available)
        while True:
            scores, rows = self._index.search(queries, fetched, params=parameters)
            cut_in_ties = fetched < available and bool(np.any(scores[:, -1] == scores[:, wanted - 1]))
            if not cut_in_ties:
                return best_first(scores, rows, wanted)
            fetched = min(fetched * 2, available)


def are_few(rows: int, k: int, filtered: bool) -> bool:
    """Whether all of these rows are compared, whatever the index: half of them are asked for, or a filter left few."""
    return rows <= (max(EXACT_ROWS, 2 * k) if filtered else 2 * k)


def as_float32(vectors: np.ndarray) -> np.ndarray:
    """(n, D) float16 as float32, by FAISS: three times as quick as numpy."""
    coder = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16)
    return coder.sa_decode(np.ascontiguousarray(vectors, np.float16).view(np.uint8))  # type: ignore[call-arg]


def search_rows(vectors: np.ndarray, rows: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best among some rows, by reading those, block by block.

    Args:
        vectors: (N, D) of the gallery, float16, which may be mapped from disk.
        rows: (R,) int64, ascending.
        queries: (Q, D) float32.

    Returns: scores and rows as `VectorIndex.search`.
    """
    best = nothing(len(queries))
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        scores = queries @ as_float32(vectors[some]).T
        own = np.broadcast_to(some, scores.shape)
        best = best_first(np.hstack([best[0], scores]), np.hstack([best[1], own]), k)
    return best


def scores_of(vectors: np.ndarray, rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Exact scores of each query with its own rows. Args: rows: (Q, R); -1 scores minus infinity. Returns: (Q, R)."""
    scores = np.empty(rows.shape, np.float32)
    step = max(1, SCORED // rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        found = as_float32(vectors[np.maximum(rows[part], 0).ravel()]).reshape(*rows[part].shape, -1)
        scores[part] = np.matmul(found, queries[part, :, None])[..., 0]
    scores[rows < 0] = -np.inf
    return scores


def best_first(scores: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best of (Q, R) scores and their rows, equal scores in the order of their rows."""
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


def nothing(queries: int) -> tuple[np.ndarray, np.ndarray]:
    """The answer where no row may be searched."""
    return np.empty((queries, 0), np.float32), np.empty((queries, 0), np.int64)


def selector(allowed: np.ndarray) -> faiss.IDSelector:
    """What tells FAISS which rows to search. Args: allowed: (N,) bool."""
    return faiss.IDSelectorBitmap(np.packbits(np.asarray(allowed, bool), bitorder="little"))  # type: ignore


def read_faiss(path: Path) -> faiss.Index:
    """An index mapped from disk.

    Raises:
        DamagedGallery: the file is missing or no index.
    """
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise DamagedGallery(f"{path.name} is missing or damaged. Build the gallery again.") from error
