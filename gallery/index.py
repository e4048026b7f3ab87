"""VectorIndex: exact inner-product search over a gallery's vectors (FAISS, IndexFlatIP)."""

from collections.abc import Iterable
from pathlib import Path

import faiss  # its stubs lack the wrappers of faiss/class_wrappers.py
import numpy as np

from gallery.errors import DamagedGallery

TIES_MARGIN = 32
"""How many more neighbours than asked are fetched, so that equal scores at the cut can be put in order."""


def write_index(path: Path, blocks: Iterable[np.ndarray], dimension: int) -> int:
    """Write an exact index over blocks of (n, dimension) vectors. Returns: how many vectors it holds."""
    index = faiss.IndexFlatIP(dimension)
    for block in blocks:
        index.add(np.ascontiguousarray(block, dtype=np.float32))
    faiss.write_index(index, str(path))
    return int(index.ntotal)


class VectorIndex:
    """Neighbours by inner product, exact; equal scores stand in the order of their rows."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def open(cls, path: Path) -> "VectorIndex":
        """Map the index from disk without reading it.

        Raises:
            DamagedGallery: the file is missing or is no FAISS index.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DamagedGallery(f"{path.name} is missing or damaged. Build the gallery again.") from error
        if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise DamagedGallery(f"{path.name} is no exact inner-product index. Build the gallery again.")
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        return int(self._index.d)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k best rows for each query, best first; fewer when the index (or what is allowed) holds fewer.

        Args:
            queries: (Q, D) float32.
            k: how many rows, at least 1.
            allowed: (N,) bool; only these rows are searched. None: all.

        Returns:
            scores (Q, K) float32 and rows (Q, K) int64 with K = min(k, number of searched rows).
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        available = len(self) if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(k, available)
        if wanted == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        selection = None
        if allowed is not None:
            bitmap = np.packbits(np.asarray(allowed, bool), bitorder="little")
            selection = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))  # type: ignore[call-arg, arg-type]
        fetched = min(wanted + TIES_MARGIN, available)
        while True:
            scores, rows = self._index.search(queries, fetched, params=selection)
            cut_in_ties = fetched < available and bool(np.any(scores[:, -1] == scores[:, wanted - 1]))
            if not cut_in_ties:
                break
            fetched = min(fetched * 2, available)
        order = np.lexsort((rows, -scores), axis=1)[:, :wanted]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
