"""How good is a ranking: R@K, R@1% and AP as the papers compute them, and R@K, SDM, MA and Dis on the ground."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gallery.errors import GalleryError
from gallery.geo import LonLat, distances_m

JUNK = -1
"""Gallery items with this label are removed before ranking."""

CHUNK_ELEMENTS = 4_000_000
"""Most scores that are held at once."""

FEW_MATCHES = 2
"""Most matches a query at which comparing them with every score is quicker than sorting the scores."""

FAR_FEWER = 4
"""How many times more scores than matter there must be for those to be picked out before they are sorted: picking half
costs more."""

DENSEUAV_PER_DEGREE = 5e3
"""Decay of SDM@K as DenseUAV defines it, on distances in degrees (`sdm`)."""

GTA_UAV_PER_M = 1e-3
"""Decay of SDM@K as GTA-UAV defines it, on distances in metres (`sdm`)."""

SPHERE_RADIUS_M = 6_378_137.0
"""Radius of the sphere on which DenseUAV measures MA@K."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one protocol, in percent, and what they are made of."""

    recall: Mapping[int | str, float]  # keys 1, 5, 10, "1%"
    ap: float
    queries: int
    gallery: int  # before junk is removed
    first_hit: np.ndarray  # (Q,) int64, 0-based rank of the first true match; -1: the query has none
    per_query_ap: np.ndarray  # (Q,) float64 in [0, 1]; 0 for a query without a match
    removed: int  # junk: gallery items that were not ranked
    tied: int  # queries of which a match scores exactly as another item: their figures hang on the order of a sort

    @property
    def ranked(self) -> int:
        """Gallery items that were ranked."""
        return self.gallery - self.removed

    @property
    def unmatched(self) -> np.ndarray:
        """Rows of the queries that no gallery item answers; they count as failures, as in the published code."""
        return np.flatnonzero(self.first_hit < 0)

    @property
    def without_match(self) -> int:
        """How many queries no gallery item answers."""
        return len(self.unmatched)


@dataclass(frozen=True)
class PositionScores:
    """How near the best tiles lie, by K. A K beyond the ranking counts all of it."""

    sdm_degrees: Mapping[int, float]  # percent, as DenseUAV defines it
    sdm_metres: Mapping[int, float]  # percent, as GTA-UAV defines it
    ma: Mapping[float, float]  # percent of the queries whose best tile lies nearer than so many metres
    dis_m: Mapping[int, float]  # mean distance of the K best tiles, metres
    queries: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; each K is a string there."""
        named = {name: value for name, value in vars(self).items() if name != "queries"}
        return {name: {f"{k:g}": of for k, of in value.items()} for name, value in named.items()} | {
            "queries": self.queries
        }


def evaluate(
    query_vectors: np.ndarray, query_labels: np.ndarray, gallery_vectors: np.ndarray, gallery_labels: np.ndarray
) -> Evaluation:
    """Rank a gallery for every query, and score the rankings as University-1652's published evaluation does.

    Cosine on unit vectors, best first. Gallery items labelled -1 are removed as junk. AP is the trapezoid rule: for a
    single match at 1-based rank R it is 1 when R = 1, else 1 / (2 R). "1%" is the hit at 0-based rank round(0.01 G), G
    counting junk; a K beyond the gallery counts all of it. Queries without a match add nothing and stay in the divisor.
    Where a match scores exactly as another item, the published code leaves the order to numpy's default sort, and so
    does this: such queries are counted in `tied`.

    Args:
        query_vectors: (Q, D) rows of length 1.
        query_labels: (Q,) integers.
        gallery_vectors: (G, D) rows of length 1.
        gallery_labels: (G,) integers, -1 for junk.

    Raises:
        GalleryError: the shapes do not fit, a vector is not finite, or there is no query or no gallery item left.
    """
    queries, wanted = _vectors(query_vectors, "query"), _labels(query_labels, len(query_vectors), "queries")
    gallery = _Gallery(gallery_vectors, gallery_labels)
    _check_fit(queries, gallery)

    by_label = np.argsort(gallery.kept_labels, kind="stable")
    ordered = gallery.kept_labels[by_label]
    start = np.searchsorted(ordered, wanted, "left")
    counts = np.searchsorted(ordered, wanted, "right") - start

    first_hit = np.empty(len(queries), np.int64)
    per_query_ap = np.empty(len(queries), np.float64)
    tied = 0
    for part, scores in gallery.scores(queries):
        number = np.arange(max(1, counts[part].max()))
        true = number < counts[part, None]
        columns = by_label[np.minimum(start[part, None] + number, len(by_label) - 1)]
        better, level = _standing(scores, np.take_along_axis(scores, columns, axis=1), counts[part])
        ranks = np.sort(np.where(true, better, len(by_label)), axis=1)
        for row in np.flatnonzero((true & (level > 1)).any(axis=1)):
            query = part.start + row
            order = gallery.published_order(queries[query], scores[row])
            ranks[row, : counts[query]] = np.flatnonzero(gallery.labels[order] == wanted[query])
            tied += 1
        first_hit[part] = np.where(counts[part] > 0, ranks[:, 0], -1)
        per_query_ap[part] = _average_precision_at(ranks, counts[part])
    total = len(gallery.labels)
    return Evaluation(
        recall=_recall(first_hit, {1: 0, 5: 4, 10: 9, "1%": round(total * 0.01)}),
        ap=float(np.cumsum(per_query_ap)[-1] / len(queries) * 100),
        queries=len(queries),
        gallery=total,
        first_hit=first_hit,
        per_query_ap=per_query_ap,
        removed=len(gallery.junk),
        tied=tied,
    )


def nearest(
    query_vectors: np.ndarray, gallery_vectors: np.ndarray, k: int, gallery_labels: np.ndarray | None = None
) -> np.ndarray:
    """The k best gallery rows of every query, best first, in the published order (see `evaluate`).

    Args:
        query_vectors: (Q, D) rows of length 1.
        gallery_vectors: (G, D) rows of length 1.
        k: how many; fewer where fewer are left.
        gallery_labels: (G,) integers; rows labelled -1 are left out. None keeps all.

    Returns: (Q, min(k, rows left)) int64 rows of the gallery.

    Raises:
        GalleryError: as `evaluate`, or k is below 1.
    """
    if k < 1:
        raise GalleryError(f"The {k} nearest tiles cannot be ranked; ask for at least 1.")
    queries = _vectors(query_vectors, "query")
    gallery = _Gallery(
        gallery_vectors, np.zeros(len(gallery_vectors), int) if gallery_labels is None else gallery_labels
    )
    _check_fit(queries, gallery)
    k = min(k, len(gallery.kept))
    best = np.empty((len(queries), k), np.int64)
    for part, scores in gallery.scores(queries):
        columns = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        found = np.take_along_axis(scores, columns, axis=1)
        order = np.argsort(-found, axis=1)
        best[part] = gallery.kept[np.take_along_axis(columns, order, axis=1)]
        found = np.take_along_axis(found, order, axis=1)
        level = (found[:, 1:] == found[:, :-1]).any(axis=1) | (np.count_nonzero(scores >= found[:, -1:], axis=1) > k)
        for row in np.flatnonzero(level):
            best[part.start + row] = gallery.published_order(queries[part.start + row], scores[row])[:k]
    return best


def multi_query(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One query a place: the mean of its photos' vectors, brought to length 1.

    Args:
        vectors: (N, D) rows of length 1.
        labels: (N,) integers, the place of each.

    Returns: (P, D) float32 rows of length 1, and the (P,) labels of the places, ascending.

    Raises:
        GalleryError: there is no photo, the shapes do not fit, or the photos of a place cancel out.
    """
    photos, places = _vectors(vectors, "query"), _labels(labels, len(vectors), "queries")
    if not len(photos):
        raise GalleryError("There is no query.")
    order = np.argsort(places, kind="stable")
    names, starts = np.unique(places[order], return_index=True)
    sums = np.stack([photos[rows].sum(axis=0, dtype=np.float64) for rows in np.split(order, starts[1:])])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    if not lengths.all():
        raise GalleryError(f"The vectors of place {names[np.argmin(lengths)]} cancel out; look at its photos.")
    return (sums / lengths).astype(np.float32), names


def position_scores(
    query_points: np.ndarray,
    gallery_points: np.ndarray,
    ranked: np.ndarray,
    ks: Iterable[int] = (1, 3, 5, 10),
    within_m: Iterable[float] = range(1, 101),
    *,
    single_precision: bool = False,
) -> PositionScores:
    """SDM@K in both published forms, MA@K and Dis@K of rankings by position.

    Dis@K and the SDM of GTA-UAV, which is defined on a game's flat metres, take metres along the ellipsoid here. MA@K
    takes the published sphere. For positions that are no lon, lat, use `sdm`, `ma` and `dis` on distances of your own.

    Args:
        query_points: (Q, 2) lon, lat in degrees of each query's true place.
        gallery_points: (G, 2) lon, lat of each tile.
        ranked: (Q, K) rows of the gallery, best first, such as `nearest` gives.
        ks: how many best tiles to look at.
        within_m: thresholds of MA.
        single_precision: see `degrees_apart`.

    Raises:
        GalleryError: there is no query, a position is missing, or the shapes do not fit.
    """
    points, tiles = _points(query_points, "query"), _points(gallery_points, "tile")
    ranked = np.asarray(ranked)
    if ranked.ndim != 2 or ranked.shape[0] != len(points) or not ranked.size:
        raise GalleryError(f"Rankings of shape {ranked.shape} do not fit {len(points)} queries; pass one row for each.")
    if ranked.min() < 0 or ranked.max() >= len(tiles):
        raise GalleryError(f"A ranking names a tile that is not among the {len(tiles)}.")
    places = tiles[ranked]
    metres = np.stack(
        [
            distances_m(LonLat(*map(float, point)), found[:, 0], found[:, 1])
            for point, found in zip(points, places, strict=True)
        ]
    )
    ks = tuple(ks)
    return PositionScores(
        sdm_degrees=sdm(degrees_apart(points, places, single_precision=single_precision), ks, DENSEUAV_PER_DEGREE),
        sdm_metres=sdm(metres, ks, GTA_UAV_PER_M),
        ma=ma(sphere_m(points, places[:, 0]), within_m),
        dis_m=dis(metres, ks),
        queries=len(points),
    )


def sdm(distances: np.ndarray, ks: Iterable[int], decay: float) -> dict[int, float]:
    """SDM@K, percent: the nearness exp(-decay * distance) of the K best, weighted K, K - 1, ... 1, over all queries.

    Args:
        distances: (Q, N) from the truth to the tiles of a ranking, best first.
        ks: how many best tiles to look at; more than N counts N.
        decay: `DENSEUAV_PER_DEGREE` on degrees or `GTA_UAV_PER_M` on metres. The two are not comparable.
    """
    near = np.exp(-decay * np.asarray(distances, np.float64))
    weights = {k: np.arange(min(k, near.shape[1]), 0, -1.0) for k in ks}
    return {k: float(np.mean(near[:, : len(w)] @ w / w.sum()) * 100) for k, w in weights.items()}


def ma(errors_m: np.ndarray, within_m: Iterable[float]) -> dict[float, float]:
    """MA@K, percent: queries whose best tile lies nearer than K metres. Args: errors_m: (Q,) of the best tile."""
    errors_m = np.asarray(errors_m)
    return {limit: float(np.mean(errors_m < limit) * 100) for limit in within_m}


def dis(distances_m: np.ndarray, ks: Iterable[int]) -> dict[int, float]:
    """Dis@K, metres: mean distance of the K best tiles, over all queries. Args: distances_m: (Q, N), best first."""
    distances_m = np.asarray(distances_m, np.float64)
    return {k: float(distances_m[:, :k].mean(axis=1).mean()) for k in ks}


def degrees_apart(points: np.ndarray, places: np.ndarray, *, single_precision: bool = False) -> np.ndarray:
    """Euclidean distance in degrees, as DenseUAV's SDM@K takes it: a degree of longitude counts like one of latitude.

    Args:
        points: (Q, 2) lon, lat.
        places: (Q, K, 2) lon, lat.
        single_precision: round the degrees to float32 first, as the published code does; that moves a point at
            120 degrees of longitude by up to half a metre.

    Returns: (Q, K) float64.
    """
    kind: type[np.floating] = np.float32 if single_precision else np.float64
    apart = np.asarray(places).astype(kind) - np.asarray(points).astype(kind)[:, None]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]), np.float64)


def sphere_m(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Great-circle metres on the sphere of DenseUAV's MA@K. Args: points, places: (N, 2) lon, lat. Returns: (N,)."""
    (lon, lat), (to_lon, to_lat) = np.radians(points).T, np.radians(places).T
    half = np.sin((lat - to_lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((lon - to_lon) / 2) ** 2
    return np.asarray(2 * SPHERE_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1))))


def average_precision(hits: np.ndarray) -> np.ndarray:
    """Trapezoid AP. Args: hits: (Q, G) bool in ranked order. Returns: (Q,); 0 where there is no hit."""
    found = np.cumsum(hits, axis=1)
    rank = np.arange(hits.shape[1])
    total = found[:, -1:]
    before = np.where(rank > 0, (found - 1) / np.maximum(rank, 1), 1.0)
    terms = (1.0 / np.maximum(total, 1)) * (before + found / (rank + 1)) / 2
    # cumsum adds one by one, as the published loop does; sum() would differ in the last digit
    return np.cumsum(np.where(hits, terms, 0.0), axis=1)[:, -1]


class _Gallery:
    """A gallery as it is ranked: what is kept, and what was removed as junk."""

    def __init__(self, vectors: np.ndarray, labels: np.ndarray) -> None:
        self.vectors = _vectors(vectors, "gallery")
        self.labels = _labels(labels, len(self.vectors), "gallery items")
        self.kept, self.junk = np.flatnonzero(self.labels != JUNK), np.flatnonzero(self.labels == JUNK)
        self.kept_labels = self.labels[self.kept]
        self.kept_vectors = self.vectors[self.kept] if len(self.junk) else self.vectors

    def scores(self, queries: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Cosines with what is kept, for one part of the queries after another."""
        chunk = max(1, CHUNK_ELEMENTS // len(self.kept))
        for start in range(0, len(queries), chunk):
            part = slice(start, min(start + chunk, len(queries)))
            yield part, queries[part] @ self.kept_vectors.T

    def published_order(self, query: np.ndarray, kept_scores: np.ndarray) -> np.ndarray:
        """Rows that are kept, best first, equal scores standing as they come out of the published expression.

        Junk takes part in the sort and is removed afterwards, as published: the sort is not stable.
        """
        scores = np.empty(len(self.labels), np.float32)
        scores[self.kept] = kept_scores
        scores[self.junk] = self.vectors[self.junk] @ query
        order: np.ndarray = np.argsort(scores)[::-1]
        return np.asarray(order[self.labels[order] != JUNK])


def _standing(scores: np.ndarray, own: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many scores of a row are above each match's, and how many equal it, the match's own included.

    Args:
        scores: (Q, G) of all items.
        own: (Q, M) of the matches, row by row; of a row only the first `counts` mean something.
        counts: (Q,) matches of each query.

    Returns: two (Q, M) int64 arrays.
    """
    above, level = np.zeros(own.shape, np.int64), np.zeros(own.shape, np.int64)
    if own.shape[1] <= FEW_MATCHES:
        for column in range(own.shape[1]):
            match = own[:, column, None]
            above[:, column] = np.count_nonzero(scores > match, axis=1)
            level[:, column] = np.count_nonzero(scores >= match, axis=1) - above[:, column]
        return above, level
    for row in np.flatnonzero(counts):
        matches = own[row, : counts[row]]
        contenders = scores[row]
        near = contenders >= matches.min()
        if np.count_nonzero(near) < len(contenders) // FAR_FEWER:
            contenders = contenders[near]  # the others stand below every match
        ascending = np.sort(contenders)
        end = np.searchsorted(ascending, matches, "right")
        above[row, : counts[row]] = len(ascending) - end
        level[row, : counts[row]] = end - np.searchsorted(ascending, matches, "left")
    return above, level


def _average_precision_at(ranks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Trapezoid AP. Args: ranks: (Q, M) ascending 0-based ranks of the matches, of which `counts` (Q,) are true."""
    number = np.arange(ranks.shape[1])
    before = np.where(ranks > 0, number / np.maximum(ranks, 1), 1.0)
    terms = (1.0 / np.maximum(counts, 1))[:, None] * (before + (number + 1) / (ranks + 1)) / 2
    # cumsum adds one by one, as the published loop does; sum() would differ in the last digit
    return np.cumsum(np.where(number < counts[:, None], terms, 0.0), axis=1)[:, -1]


def _recall(first_hit: np.ndarray, last_rank: Mapping[int | str, int]) -> dict[int | str, float]:
    """Percent of queries hit up to a rank; in float32, like the published code."""
    found = {key: np.count_nonzero((first_hit >= 0) & (first_hit <= rank)) for key, rank in last_rank.items()}
    return {
        key: float(np.float32(count) / np.float32(len(first_hit)) * np.float32(100)) for key, count in found.items()
    }


def _vectors(vectors: np.ndarray, whose: str) -> np.ndarray:
    """(N, D) float32, every number finite."""
    rows = np.ascontiguousarray(vectors, np.float32)
    if rows.ndim != 2:
        raise GalleryError(
            f"The {whose} vectors have shape {rows.shape} and cannot be compared; pass one row for each."
        )
    wrong = np.count_nonzero(~np.isfinite(np.einsum("ij,ij->i", rows, rows)))
    if wrong:
        raise GalleryError(f"{wrong} of {len(rows)} {whose} vectors are not finite. Embed the images again.")
    return rows


def _labels(labels: np.ndarray, count: int, what: str) -> np.ndarray:
    """(count,) integers."""
    numbers = np.asarray(labels)
    if numbers.shape != (count,):
        raise GalleryError(f"There are {count} {what}, but label counts of shape {numbers.shape}.")
    if not np.issubdtype(numbers.dtype, np.integer):
        raise GalleryError(f"The labels of the {what} are {numbers.dtype}, no integers; number the places.")
    return numbers


def _check_fit(queries: np.ndarray, gallery: _Gallery) -> None:
    if queries.shape[1] != gallery.vectors.shape[1]:
        raise GalleryError(f"Vectors of shapes {queries.shape} and {gallery.vectors.shape} cannot be compared.")
    if not len(queries) or not len(gallery.kept):
        raise GalleryError("There is no query, or no gallery item that is not junk.")


def _points(points: np.ndarray, whose: str) -> np.ndarray:
    """(N, 2) lon, lat in degrees, all known."""
    places = np.asarray(points, np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise GalleryError(f"The {whose} positions have shape {places.shape}; pass lon, lat for each.")
    missing = np.count_nonzero(~np.isfinite(places).all(axis=1))
    if missing:
        raise GalleryError(f"{missing} of {len(places)} {whose} positions are missing; leave those rows out.")
    return places
