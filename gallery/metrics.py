"""How good is a ranking: R@K, R@1% and AP as the papers compute them, and R@K by position on the ground."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import shapely

from gallery.errors import GalleryError

JUNK = -1
"""Gallery items with this label are removed before ranking."""

CHUNK_ELEMENTS = 16_000_000
"""Scores that are held and sorted at once."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one protocol, in percent, and what they are made of."""

    recall: Mapping[int | str, float]  # keys 1, 5, 10, "1%"
    ap: float
    queries: int
    gallery: int  # before junk is removed
    first_hit: np.ndarray  # (Q,) int64, 0-based rank of the first true match; -1: the query has none
    per_query_ap: np.ndarray  # (Q,) float64 in [0, 1]; 0 for a query without a match

    @property
    def without_match(self) -> int:
        """Queries that no gallery item answers; they count as failures, as in the published code."""
        return int(np.count_nonzero(self.first_hit < 0))


def evaluate(
    query_vectors: np.ndarray, query_labels: np.ndarray, gallery_vectors: np.ndarray, gallery_labels: np.ndarray
) -> Evaluation:
    """Rank a gallery for every query, and score the rankings as University-1652's published evaluation does.

    Cosine on unit vectors, best first; of equal scores the later gallery item stands first (the published code
    reverses an ascending sort). Gallery items labelled -1 are removed as junk. AP is the trapezoid rule: for a single
    match at 1-based rank R it is 1 when R = 1, else 1 / (2 R). "1%" is the hit at 0-based rank round(0.01 G), G
    counting junk; a K beyond the gallery counts all of it. Queries without a match add nothing and stay in the divisor.

    Args:
        query_vectors: (Q, D) rows of length 1.
        query_labels: (Q,) integers.
        gallery_vectors: (G, D) rows of length 1.
        gallery_labels: (G,) integers, -1 for junk.

    Raises:
        GalleryError: the shapes do not fit, or there is no query or no gallery item left.
    """
    queries, gallery = np.asarray(query_vectors, np.float32), np.asarray(gallery_vectors, np.float32)
    wanted, labels = np.asarray(query_labels), np.asarray(gallery_labels)
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise GalleryError(f"Vectors of shapes {queries.shape} and {gallery.shape} cannot be compared.")
    if wanted.shape != (len(queries),) or labels.shape != (len(gallery),):
        raise GalleryError(
            f"There are {len(queries)} queries and {len(gallery)} gallery items, but other label counts."
        )
    kept = labels != JUNK
    if not len(queries) or not kept.any():
        raise GalleryError("There is no query, or no gallery item that is not junk.")
    gallery, kept_labels = np.ascontiguousarray(gallery[kept]), labels[kept]

    first_hit = np.empty(len(queries), np.int64)
    per_query_ap = np.empty(len(queries), np.float64)
    chunk = max(1, CHUNK_ELEMENTS // len(gallery))
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        order = np.argsort(queries[part] @ gallery.T, axis=1, kind="stable")[:, ::-1]
        hits = kept_labels[order] == wanted[part, None]
        first_hit[part] = np.where(hits.any(axis=1), hits.argmax(axis=1), -1)
        per_query_ap[part] = average_precision(hits)
    return Evaluation(
        recall=_recall(first_hit, {1: 0, 5: 4, 10: 9, "1%": round(len(labels) * 0.01)}),
        ap=float(np.cumsum(per_query_ap)[-1] / len(queries) * 100),
        queries=len(queries),
        gallery=len(labels),
        first_hit=first_hit,
        per_query_ap=per_query_ap,
    )


def first_containing(footprints: np.ndarray, ranked: np.ndarray, points: np.ndarray) -> np.ndarray:
    """0-based rank of the first tile whose footprint covers the true ground point.

    Args:
        footprints: (N,) polygons in degrees, of all tiles.
        ranked: (Q, K) rows of tiles, best first; -1 where fewer tiles were found.
        points: (Q, 2) lon, lat of the ground point of each query.

    Returns: (Q,) int64; -1 where none of the K covers it.
    """
    shapes = np.empty(len(footprints) + 1, object)  # the last row, also -1, is no tile and covers nothing
    shapes[:-1] = footprints
    ranked, points = np.asarray(ranked), np.asarray(points, np.float64).reshape(-1, 2)
    covered = np.zeros(ranked.shape, bool)
    for turn in (0, 360, -360):  # footprints over the 180th meridian go on past it
        places = shapely.points(points[:, 0] + turn, points[:, 1])
        covered |= shapely.covers(shapes[ranked], places[:, None])
    return np.where(covered.any(axis=1), covered.argmax(axis=1), -1) if ranked.shape[1] else np.full(len(points), -1)


def recall_containing(
    footprints: np.ndarray, ranked: np.ndarray, points: np.ndarray, ks: Iterable[int] = (1, 5, 10)
) -> dict[int, float]:
    """R@K by position, percent: among the K best tiles, one covers the true ground point. See `first_containing`."""
    first = first_containing(footprints, ranked, points)
    return {k: float(np.mean((first >= 0) & (first < k)) * 100) for k in ks}


def average_precision(hits: np.ndarray) -> np.ndarray:
    """Trapezoid AP. Args: hits: (Q, G) bool in ranked order. Returns: (Q,); 0 where there is no hit."""
    found = np.cumsum(hits, axis=1)
    rank = np.arange(hits.shape[1])
    total = found[:, -1:]
    before = np.where(rank > 0, (found - 1) / np.maximum(rank, 1), 1.0)
    terms = (1.0 / np.maximum(total, 1)) * (before + found / (rank + 1)) / 2
    # cumsum adds one by one, as the published loop does; sum() would differ in the last digit
    return np.cumsum(np.where(hits, terms, 0.0), axis=1)[:, -1]


def _recall(first_hit: np.ndarray, last_rank: Mapping[int | str, int]) -> dict[int | str, float]:
    """Percent of queries hit up to a rank; in float32, like the published code."""
    found = {key: np.count_nonzero((first_hit >= 0) & (first_hit <= rank)) for key, rank in last_rank.items()}
    return {
        key: float(np.float32(count) / np.float32(len(first_hit)) * np.float32(100)) for key, count in found.items()
    }
