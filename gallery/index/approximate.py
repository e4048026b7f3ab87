"""Approximate search, re-ranked exactly: for galleries that are too large to be compared whole with every photo.

Chosen by measurement (two EPYC cores, clustered vectors of 768, 25 queries at a time; `train_scripts.benchmark gallery`
measures again): what costs time is the width of a row. On the directions that hold most of the vectors' energy, four
bits each suffice to find the hundred best among twice as many, which the float16 vectors then put in order. FAISS scans
such codes in the CPU's registers (product quantiser, "fast scan"), a million in tens of milliseconds. One byte for each
number, at full width, was as good and twenty times slower; the same codes without the projection need five times as
many rows to be re-ranked; lists of neighbours (IVF) save up to half of the work at this recall, for a photo differs
much from its tile, and take a filter. A graph (HNSW) would keep every vector in memory. The codes, a fifteenth of the
vectors' bytes at 768 numbers, are read when a gallery is opened; the vectors stay on disk, mapped.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from gallery.errors import DamagedGallery
from gallery.index.exact import (
    BLOCK,
    are_few,
    as_float32,
    best_first,
    nothing,
    read_faiss,
    scores_of,
    search_rows,
    selector,
)

log = logging.getLogger(__name__)

LEAST_TILES = 1000
"""Least tiles of an approximate index: fewer cannot train the codes, and need none."""

RECALL = 0.99
"""Share of the exact best one, and of the exact ten best, that must be found."""

TRAINED_ON = 1 << 16
"""Rows that projection, lists and codes are learnt from."""

ENERGY = 0.985
"""Share of the vectors' squared length that the projection keeps at first; more when the recall is not reached."""

ASKED = 100
"""Results asked that `reranked` counts for; it grows with more."""

RERANKED = (200, 400, 800, 1600)

QUERIES = 512
"""Held-out queries, which measure the recall to half a percent."""

LIKENESS = 0.7
"""Cosine of a held-out query to its tile; of the starter's photos, to their best tiles, it is 0.64 to 0.90."""

SEED = 6


@dataclass(frozen=True)
class Tuning:
    """How an index is searched, and what that was measured to find."""

    lists: int  # that the vectors are divided into
    directions: int  # that are kept of each vector
    nprobe: int  # lists that are searched
    reranked: int  # rows whose exact scores are computed when up to ASKED are asked for
    recall: Mapping[str, float]  # by "1", "10", "100": share of the exact best that is found
    queries: int  # held-out ones that measured it

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Tuning":
        """Read what `ApproximateIndex.write` returned.

        Raises:
            DamagedGallery: something is missing, or no count.
        """
        for name in ("lists", "directions", "nprobe", "reranked", "queries"):
            if type(facts.get(name)) is not int or facts[name] < 1:
                raise DamagedGallery(f"The gallery does not state its index's {name!r}. Build it again.")
        return cls(**{field.name: facts.get(field.name, {}) for field in fields(cls)})


class ApproximateIndex:
    """Neighbours by inner product: found by codes of the vectors, scored and ordered exactly; a `VectorIndex`."""

    def __init__(self, index: faiss.Index, vectors: np.ndarray, tuning: Tuning) -> None:
        self._index = index
        self._vectors = vectors
        self.tuning = tuning

    @classmethod
    def open(cls, path: Path, vectors: np.ndarray, facts: Mapping[str, Any]) -> "ApproximateIndex":
        """Read the codes.

        Args:
            vectors: (N, D) float16 of the gallery, mapped.
            facts: what `write` returned.

        Raises:
            DamagedGallery: the file is missing or no such index.
        """
        index = read_faiss(path)
        if not (
            isinstance(index, faiss.IndexPreTransform)
            and isinstance(faiss.downcast_index(index.index), faiss.IndexIVFPQFastScan)
        ):
            raise DamagedGallery(f"{path.name} is no approximate index. Build the gallery again.")
        return cls(index, vectors, Tuning.of(facts))

    @staticmethod
    def write(path: Path, vectors: np.ndarray) -> dict[str, Any] | None:
        """Write an index over vectors, searched as widely as the recall asks for.

        The same vectors give the same bytes again, on the same number of cores.

        Args: vectors: (N, D) float16 unit rows, at least LEAST_TILES, which may be mapped from disk.

        Returns: how it is searched and what that finds, for `open`; None where no setting finds enough.
        """
        generator = np.random.default_rng(SEED)
        rows = np.sort(generator.choice(len(vectors), min(TRAINED_ON, len(vectors)), replace=False))
        sample = as_float32(vectors[rows])
        energies, axes = np.linalg.eigh(sample.T @ sample)
        kept = int(np.searchsorted(np.cumsum(energies[::-1]) / energies.sum(), ENERGY)) + 1
        queries, _ = held_out_queries(vectors, min(QUERIES, len(vectors)))
        truth = nearest(vectors, queries, ASKED)
        while True:
            directions = min(32 * math.ceil(kept / 32), vectors.shape[1])
            index = _trained(sample, axes[:, ::-1][:, :directions], lists_for(len(vectors)))
            for start in range(0, len(vectors), BLOCK):
                index.add(as_float32(vectors[start : start + BLOCK]))
            tuning = _tuned(index, directions, vectors, queries, truth)
            if tuning is not None:
                faiss.write_index(index, str(path))
                return asdict(tuning)
            if directions == vectors.shape[1]:
                log.warning("No approximate index finds %.0f %% of the best tiles.", 100 * RECALL)
                return None
            kept = 2 * directions

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        return int(self._index.d)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Search as `VectorIndex.search` does.

        Where few rows are allowed, or most are asked for, they are all compared; where many are allowed, more lists are
        searched the smaller their share is.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        permitted = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        wanted = min(k, len(permitted))
        if wanted == 0:
            return nothing(len(queries))
        few = are_few(len(permitted), k, filtered=allowed is not None)
        fetched = min(len(permitted), math.ceil(self.tuning.reranked * max(1.0, wanted / ASKED)))
        nprobe = math.ceil(self.tuning.nprobe * len(self) / len(permitted))
        while not few:
            rows = _found(self._index, queries, fetched, nprobe, allowed)
            scores, rows = best_first(scores_of(self._vectors, rows, queries), rows, wanted)
            if (rows >= 0).all():
                return scores, rows
            if nprobe >= self.tuning.lists:
                break
            nprobe *= 2
        return search_rows(self._vectors, permitted, queries, wanted)


def held_out_queries(
    vectors: np.ndarray, count: int, likeness: float = LIKENESS, seed: int = SEED + 1
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors that resemble a tile as a photo does: a tile's vector, turned away from it towards what else occurs.

    The direction that it is turned into is the difference of two other tiles, so that the queries stay among the
    directions that vectors of this gallery vary in, where they are confused most.

    Args:
        vectors: (N, D) unit rows.
        count: how many, at most N.
        likeness: cosine to the tile.

    Returns: (count, D) float32, and (count,) rows of the tiles.
    """
    generator = np.random.default_rng(seed)
    drawn = [np.sort(generator.choice(len(vectors), count, replace=False)) for _ in range(3)]
    tile, one, other = (as_float32(vectors[rows]) for rows in drawn)
    aside = generator.permutation(one) - generator.permutation(other)
    aside -= np.sum(aside * tile, axis=1, keepdims=True) * tile
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-6)
    return np.asarray(likeness * tile + math.sqrt(1 - likeness**2) * aside, np.float32), drawn[0]


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """The rows that an exact search finds, block by block. Returns: (Q, k) int64."""
    best = nothing(len(queries))
    for start in range(0, len(vectors), BLOCK):
        block = as_float32(vectors[start : start + BLOCK])
        scores, rows = faiss.knn(queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        best = best_first(np.hstack([best[0], scores]), np.hstack([best[1], rows + start]), k)
    return best[1]


def recall_at(found: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Mean share of the first k of `truth` (Q, K) that are among the first k of `found`."""
    hits = [np.isin(right[:k], own[:k]).mean() for right, own in zip(truth, found, strict=True)]
    return float(np.mean(hits))


def lists_for(tiles: int) -> int:
    """Number of lists that the vectors of some tiles are divided into."""
    return max(1, round(math.sqrt(tiles)))


def _trained(sample: np.ndarray, axes: np.ndarray, lists: int) -> faiss.IndexPreTransform:
    """An empty index: projection on the axes (D, d), turned so that each dimension carries as much, lists and codes."""
    dimension, directions = axes.shape
    turn, _ = np.linalg.qr(np.random.default_rng(SEED).standard_normal((directions, directions)))
    projection = faiss.LinearTransform(dimension, directions, False)
    faiss.copy_array_to_vector(np.ascontiguousarray((axes @ turn).T, np.float32).ravel(), projection.A)
    projection.is_trained = True
    centres = faiss.IndexFlatIP(directions)
    coded = faiss.IndexIVFPQFastScan(centres, directions, lists, directions, 4, faiss.METRIC_INNER_PRODUCT)
    for clustering in (coded.cp, coded.pq.cp):
        clustering.seed = SEED
        clustering.min_points_per_centroid = 1  # of a small gallery, no warning
    index = faiss.IndexPreTransform(projection, coded)
    index.train(sample)
    return index


def _found(
    index: faiss.Index, queries: np.ndarray, count: int, nprobe: int, allowed: np.ndarray | None = None
) -> np.ndarray:
    """The rows of the best codes. Returns: (Q, count) int64, -1 where the searched lists hold fewer."""
    chosen = None if allowed is None else selector(allowed)
    lists = faiss.SearchParametersIVF(nprobe=nprobe, sel=chosen)  # type: ignore[call-arg]
    parameters = faiss.SearchParametersPreTransform(index_params=lists)  # type: ignore[call-arg]
    return index.search(queries, count, params=parameters)[1]


def _tuned(
    index: faiss.Index, directions: int, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray
) -> Tuning | None:
    """The least work that reaches RECALL: how many rows to re-rank if all lists are searched, then how many lists."""
    lists = lists_for(len(vectors))
    widths = [max(1, lists >> halved) for halved in range(6, -1, -1)]

    def measured(nprobe: int, reranked: int) -> Tuning:
        rows = _found(index, queries, min(reranked, len(vectors)), nprobe)
        _, found = best_first(scores_of(vectors, rows, queries), rows, ASKED)
        recall = {str(k): recall_at(found, truth, k) for k in (1, 10, 100)}
        return Tuning(lists, directions, nprobe, reranked, recall, len(queries))

    for reranked in RERANKED:
        if _enough(measured(lists, reranked)):
            return next(tuning for nprobe in widths if _enough(tuning := measured(nprobe, reranked)))
    return None


def _enough(tuning: Tuning) -> bool:
    return min(tuning.recall["1"], tuning.recall["10"]) >= RECALL
