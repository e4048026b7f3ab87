"""Queries and tiles in the plane by their embeddings: PCA at once, t-SNE computed once and kept; and a lasso."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Literal

import numpy as np
import pandas as pd
import shapely

from gallery.figures.embeddings import Cloud, projected
from gallery.paths import write_whole
from gallery.report.table import Inspection

log = logging.getLogger(__name__)

Method = Literal["pca", "tsne"]

LEAST = 5
"""Least embeddings of a plot."""

MOST_TSNE = 4000
"""Most embeddings that t-SNE places, drawn at random where there are more: those would take minutes."""


@dataclass(frozen=True)
class Scatter:
    """Queries, then the tiles that are true for one of them or the best answer to one, in the plane.

    Attributes:
        points: (N, 2) float32.
        ids: (N,) strings: of a query or of a tile.
        is_tile: (N,) bool.
        from_satellite: (N,) bool; the paper draws drone photos as crosses and satellite tiles as stars.
        places: (N,) strings or None; of a tile that of a query it is true for.
        right: (N,) bool; of a tile whether no wrong query has it as its best.
        links: (L, 2) rows of a query and of its true tile.
        method: how the points came into the plane, in words.
        left_out: queries and tiles that are not drawn because there are too many.
    """

    points: np.ndarray
    ids: np.ndarray
    is_tile: np.ndarray
    from_satellite: np.ndarray
    places: np.ndarray
    right: np.ndarray
    links: np.ndarray
    method: str
    left_out: int = 0


def scatter(
    inspection: Inspection, method: Method = "pca", *, most: int = MOST_TSNE, cache: Path | None = None, seed: int = 0
) -> Scatter | None:
    """Put the embeddings of a report into the plane; None where it holds none, or too few.

    PCA shows all of them. t-SNE takes seconds to a minute, once: its points are kept beside the report, or where that
    cannot be written, in a folder for caches.

    Args:
        most: embeddings that t-SNE places.
        cache: the folder to keep points in instead.
    """
    vectors, tiles, table = inspection.report.vectors(), inspection.tiles, inspection.table
    if vectors is None:
        return None
    known = tiles.rows if tiles is not None and tiles.vectors.shape[1] == vectors.shape[1] else {}
    queries, tile_ids = np.arange(len(table)), _named(table, known)
    total = len(queries) + len(tile_ids)
    if method == "tsne" and total > most:
        kept = max(most // 3, most - len(tile_ids))  # each query names at most two tiles
        queries = np.sort(np.random.default_rng(seed).permutation(len(table))[:kept])
        tile_ids = _named(table.iloc[queries], known)
    shown = [vectors[queries]]
    if tiles is not None and tile_ids:
        shown.append(tiles.vectors[[tiles.rows[tile_id] for tile_id in tile_ids]])
    both = np.concatenate(shown).astype(np.float32)
    if len(both) < LEAST:
        return None
    points, words = (
        _cached_points(inspection, both, method, seed, cache) if method == "tsne" else projected(both, method, seed)
    )
    return _labelled(inspection, queries, tile_ids, points, words, total - len(both))


def _named(table: pd.DataFrame, known: Container[str]) -> list[str]:
    """The true and the best tiles of some queries, each once."""
    named = dict.fromkeys([*table["true_tile"].dropna(), *table["top_tile"].dropna()])
    return [tile_id for tile_id in named if tile_id in known]


def _labelled(
    inspection: Inspection, queries: np.ndarray, tile_ids: list[str], points: np.ndarray, method: str, left_out: int
) -> Scatter:
    table = inspection.table.iloc[queries]
    wrongly_best = set(inspection.table.loc[~inspection.table["right"], "top_tile"].dropna())
    shown_by = (
        inspection.table.dropna(subset=["true_tile"]).drop_duplicates("true_tile").set_index("true_tile")["place"]
    )
    places = [*table["place"], *(shown_by.get(tile_id) for tile_id in tile_ids)]
    row_of = {tile_id: len(table) + number for number, tile_id in enumerate(tile_ids)}
    is_tile = np.arange(len(points)) >= len(table)
    asked_by_satellite = str(inspection.report.summary.get("direction", "")).startswith("satellite-")
    links = [(row, row_of[tile]) for row, tile in enumerate(table["true_tile"]) if tile in row_of]
    return Scatter(
        points=points.astype(np.float32),
        ids=np.array([*table.index, *tile_ids], object),
        is_tile=is_tile,
        from_satellite=is_tile ^ asked_by_satellite,
        places=np.array(places, object),
        right=np.array([*table["right"], *(tile_id not in wrongly_best for tile_id in tile_ids)], bool),
        links=np.array(links, np.int64).reshape(-1, 2),
        method=method,
        left_out=left_out,
    )


def _cached_points(
    inspection: Inspection, vectors: np.ndarray, method: str, seed: int, cache: Path | None
) -> tuple[np.ndarray, str]:
    """The points of these very vectors, from where they were kept or computed and kept."""
    digest = hashlib.blake2b(vectors.tobytes(), digest_size=12, salt=f"{method}{seed}".encode()[:16]).hexdigest()
    beside = inspection.report.file.parent if inspection.report.file else None
    files = [
        folder / f"{inspection.name}.{method}-{digest}.npz"
        for folder in ([cache] if cache else [beside, cache_folder()])
        if folder
    ]
    for file in files:
        try:
            with np.load(file, allow_pickle=False) as held:
                points, words = held["points"], str(held["method"])
        except (OSError, ValueError, KeyError, EOFError, ArithmeticError, MemoryError, TokenError, zipfile.BadZipFile):
            continue  # not there, or damaged: it is computed again
        if points.shape == (len(vectors), 2) and np.isfinite(points).all():
            return points, words
    points, words = projected(vectors, method, seed)
    for file in files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, lambda path: np.savez(path, points=points.astype(np.float32), method=np.array(words)))
        except OSError:
            continue
        return points, words
    log.warning("The points of %s could be kept nowhere; they will be computed again.", inspection.name)
    return points, words


def cache_folder() -> Path:
    """Where points are kept that cannot stand beside their report."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "drone-photo-locator"


def lasso(scatter: Scatter, polygon: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    """The queries inside a polygon (edges included), in the scatter's order; none where it encloses nothing.

    Args: polygon: its corners in the scatter's coordinates; it may cross itself.
    """
    corners = np.asarray(polygon, float).reshape(-1, 2)
    if len(corners) < 3 or not np.isfinite(corners).all():
        return ()
    shape = shapely.make_valid(shapely.Polygon(corners))
    inside = shapely.intersects_xy(shape, *scatter.points.T.astype(float))
    return tuple(scatter.ids[inside & ~scatter.is_tile])


def cloud(scatter: Scatter) -> Cloud:
    """The same for `gallery.figures.embeddings.embedding_scatter`, which draws it as the paper does."""
    names = np.array([place if place is not None else "" for place in scatter.places], object)
    return Cloud(
        scatter.points, np.unique(names.astype(str), return_inverse=True)[1], scatter.from_satellite, scatter.method
    )
