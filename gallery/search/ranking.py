"""Which tiles look most like a photo, from the vectors of all its views."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from gallery.geo import cartesian_m, moved_all
from gallery.photo.views import QueryCrop
from gallery.store.gallery import Gallery
from gallery.tiles import Ranking

CANDIDATES = 100
"""Best tiles of each view that propose where the photo could lie, beside the number that is asked for."""

SAME_PLACE = 0.4
"""Largest distance of a tile's centre from where a view's should be, as a share of the view's side, for the tile to
stand for it."""

SCORED_AT_ONCE = 4096
"""Tiles whose vectors are read together: some megabytes, however many there are."""


class Ranker:
    """Ranks the tiles of one gallery, or some of them, such as those of one scale."""

    def __init__(self, gallery: Gallery, among: np.ndarray | None = None) -> None:
        """Args: among: (N,) bool; only these tiles are ranked, and stand for each other's neighbours. None: all."""
        self.gallery = gallery
        self._among = among

    def search(self, vectors: np.ndarray, k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """`VectorIndex.search` among the tiles that are ranked."""
        return self.gallery.index.search(vectors, k, self.ranked(allowed))

    def ranked(self, allowed: np.ndarray | None) -> np.ndarray | None:
        """(N,) bool, which of the allowed tiles are ranked; None where all are."""
        if self._among is None or allowed is None:
            return allowed if self._among is None else self._among
        return np.asarray(self._among & allowed)

    def best_of(self, vectors: np.ndarray, k: int, allowed: np.ndarray | None = None) -> Ranking:
        """Each tile counts by its best score over the views, which show the same ground in different turns.

        Args:
            vectors: (V, D) unit rows, one per view.
            k: how many tiles.
            allowed: (N,) bool; only these tiles are ranked. None: all.
        """
        scores, rows = (found.ravel() for found in self.search(vectors, k, allowed))
        order = np.lexsort((rows, -scores))
        _, first = np.unique(rows[order], return_index=True)
        kept = order[np.sort(first)][:k]
        return Ranking(rows[kept], scores[kept])

    def added_up(
        self, vectors: np.ndarray, views: Sequence[QueryCrop], side_m: float, k: int, allowed: np.ndarray | None = None
    ) -> Ranking:
        """Each tile counts by the weighted mean score of the views with the tiles that lie as the views do around it.

        The best tiles of every view propose candidates for the middle of the photo; each candidate is then scored by
        all views. A tile that the gallery lacks gives its view's mean score over the other candidates.

        Args:
            vectors: (V, D) unit rows, one per view.
            views: north up, at one scale, with their places around the photo's centre.
            side_m: of the ground that each view shows.
            k: how many tiles.
            allowed: (N,) bool; only these tiles are ranked, others still count as their neighbours. None: all.
        """
        _, rows = self.search(vectors, max(k, CANDIDATES), allowed)
        proposed = [
            self.neighbours(found, -view.east_m, -view.north_m, SAME_PLACE * side_m)
            for found, view in zip(rows, views, strict=True)
        ]
        candidates = np.unique(np.concatenate([rows[0], *proposed]))
        candidates = candidates[candidates >= 0]
        if allowed is not None:
            candidates = candidates[allowed[candidates]]
        shown = [self.neighbours(candidates, view.east_m, view.north_m, SAME_PLACE * side_m) for view in views]
        needed = np.unique(np.concatenate(shown))
        needed = needed[needed >= 0]
        scored = self._scores(needed, vectors)
        weights = np.array([view.weight for view in views])
        totals = np.zeros(len(candidates))
        for number, (there, weight) in enumerate(zip(shown, weights / weights.sum(), strict=True)):
            known = there >= 0
            scores = np.zeros(len(candidates))
            scores[known] = scored[np.searchsorted(needed, there[known]), number]
            scores[~known] = scores[known].mean() if known.any() else 0.0
            totals += weight * scores
        order = np.lexsort((candidates, -totals))[:k]
        return Ranking(candidates[order], totals[order].astype(np.float32))

    def _scores(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """(R, V) float32: the cosine of each of some tiles to each of (V, D) vectors; each tile is read once."""
        parts = [rows[first : first + SCORED_AT_ONCE] for first in range(0, len(rows), SCORED_AT_ONCE)]
        scored = [np.asarray(self.gallery.vectors[part], np.float32) @ vectors.T for part in parts]
        return np.concatenate(scored) if scored else np.empty((0, len(vectors)), np.float32)

    def neighbours(self, rows: np.ndarray, east_m: float, north_m: float, within_m: float) -> np.ndarray:
        """The tiles whose centres lie nearest to (east_m, north_m) from those of `rows`; -1 where none is within_m."""
        if east_m == 0 == north_m:
            return rows
        centres = self.gallery.centres[rows]
        lons, lats = moved_all(centres[:, 0], centres[:, 1], east_m, north_m)
        own, tree = self._tree
        distance_m, nearest = tree.query(cartesian_m(lons, lats), distance_upper_bound=within_m)
        return np.where(np.isfinite(distance_m), own.take(nearest, mode="clip"), -1)

    @cached_property
    def _tree(self) -> tuple[np.ndarray, cKDTree]:
        """The rows that are ranked, and a tree over their centres."""
        rows = np.arange(len(self.gallery)) if self._among is None else np.flatnonzero(self._among)
        lons, lats = self.gallery.centres[rows].T
        return rows, cKDTree(cartesian_m(lons, lats))
