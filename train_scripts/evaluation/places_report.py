"""The report of a trial on a dataset of places: a row for each query, and the pictures that were searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gallery.geo import distance_m, distances_m
from gallery.metrics import CHUNK_ELEMENTS, JUNK
from gallery.paths import noted_path
from gallery.report.photo_quality import picture_facts
from gallery.report.report import QueryRow
from gallery.report.tiles import Tiles
from train_scripts.data.readers.dataset import Picture
from train_scripts.evaluation.picture_vectors import CLEAR, in_weather
from train_scripts.evaluation.trial import Measured


def rows_of(
    measured: Measured, root: Path, report: Path, condition: str, thumbnail_px: int | None = None
) -> list[QueryRow]:
    """The rows of a report. Queries and tiles are named by their path below the dataset's folder.

    Args:
        root: the dataset's folder.
        report: where the report will stand; images are named from there.
        thumbnail_px: longer side of the queries' small pictures, which are read again for it.
    """
    true_tiles = _true_tiles(measured)
    scores = np.einsum("qd,qkd->qk", measured.query_vectors, measured.gallery_vectors[measured.ranked])
    task, points = measured.task, points_of(measured.task.gallery)
    true = task.gallery_labels[measured.ranked] == task.query_labels[:, None]
    rows = []
    for number, query in enumerate(task.queries):
        ranked = measured.ranked[number]
        best = task.gallery[int(ranked[0])].position
        first = int(measured.result.first_hit[number])
        facts = measured.facts[number] if measured.facts else None
        metres = distances_m(query.position, *points[ranked].T) if query.position else None
        rows.append(
            QueryRow(
                id=_below(root, query),
                image=noted_path(query.file, report.parent),
                tile_ids=[_below(root, task.gallery[int(row)]) for row in ranked],
                scores=[float(score) for score in scores[number]],
                true_lon=query.position.lon if query.position else None,
                true_lat=query.position.lat if query.position else None,
                lon=best.lon if best else None,
                lat=best.lat if best else None,
                altitude_m=query.altitude_m,
                condition=condition,
                true_tile_id=_below(root, task.gallery[int(true_tiles.tile[number])]) if first >= 0 else None,
                truth_rank=first + 1 if first >= 0 else None,
                margin=float(true_tiles.margin[number]) if np.isfinite(true_tiles.margin[number]) else None,
                error_m=distance_m(query.position, best) if query.position and best else None,
                place=query.place,
                ap=float(measured.result.per_query_ap[number]),
                covered=first >= 0,
                tile_true=true[number].tolist(),
                tile_lons=points[ranked, 0].tolist(),
                tile_lats=points[ranked, 1].tolist(),
                tile_m=None if metres is None else metres.tolist(),
                tile_places=[task.gallery[int(row)].place for row in ranked],
                sharpness=facts.sharpness if facts else None,
                brightness=facts.brightness if facts else None,
                thumbnail=_thumbnail(query, condition, thumbnail_px) if thumbnail_px else None,
                vector=measured.query_vectors[number],
            )
        )
    return rows


@dataclass(frozen=True)
class _TrueTiles:
    """How the true tiles stand to the others."""

    tile: np.ndarray  # (Q,) row of the best true tile; means nothing where there is none
    margin: np.ndarray  # (Q,) its score minus that of the best false tile; not finite where there is none


def _true_tiles(measured: Measured) -> _TrueTiles:
    kept = np.flatnonzero(measured.task.gallery_labels != JUNK)
    vectors, labels = measured.gallery_vectors[kept], measured.task.gallery_labels[kept]
    chunk = max(1, CHUNK_ELEMENTS // len(kept))
    tiles, margins = [], []
    for start in range(0, len(measured.task.queries), chunk):
        part = slice(start, start + chunk)
        scores = measured.query_vectors[part] @ vectors.T
        true = measured.task.query_labels[part, None] == labels
        hits, misses = np.where(true, scores, -np.inf), np.where(true, -np.inf, scores)
        tiles.append(kept[hits.argmax(axis=1)])
        with np.errstate(invalid="ignore"):  # a query without either
            margins.append(hits.max(axis=1) - misses.max(axis=1))
    return _TrueTiles(np.concatenate(tiles), np.concatenate(margins))


def tiles_of(measured: Measured, root: Path) -> Tiles:
    """The pictures that were ranked, with their embeddings; those that the protocol removes are left out."""
    kept = np.flatnonzero(measured.task.gallery_labels != JUNK)
    pictures = [measured.task.gallery[int(row)] for row in kept]
    lons, lats = points_of(pictures).T
    return Tiles(
        ids=np.array([_below(root, picture) for picture in pictures], object),
        vectors=measured.gallery_vectors[kept].astype(np.float16),
        lons=lons,
        lats=lats,
        places=np.array([picture.place for picture in pictures], object),
    )


def points_of(pictures: Sequence[Picture]) -> np.ndarray:
    """(N, 2) lon, lat; not a number where nobody told."""
    nowhere = (np.nan, np.nan)
    return np.array([(at.lon, at.lat) if (at := picture.position) else nowhere for picture in pictures]).reshape(-1, 2)


def _thumbnail(query: Picture, condition: str, side_px: int) -> bytes | None:
    seen = in_weather(query, condition if query.kind == "drone" else CLEAR, side_px)
    return picture_facts(seen, side_px).thumbnail


def _below(root: Path, picture: Picture) -> str:
    return picture.file.relative_to(root).as_posix()
