"""Embeddings of an evaluation, of a report or an .npz file: what figures of distances and of the plane are drawn of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gallery.errors import GalleryError
from gallery.report.tiles import read_tiles
from train_scripts.figures.report_sheets import truth_of

if TYPE_CHECKING:
    from gallery.report.report import Report
    from gallery.store.gallery import Gallery


class Vectors(NamedTuple):
    """Embeddings of an evaluation, with the place of each."""

    query_vectors: np.ndarray  # (Q, D) float32, rows of length 1
    query_labels: np.ndarray  # (Q,) int64
    gallery_vectors: np.ndarray  # (G, D) float32, rows of length 1
    gallery_labels: np.ndarray  # (G,) int64, -1: left out


def read_vectors(file: Path) -> Vectors:
    """Read embeddings from an .npz file.

    Raises:
        GalleryError: the file is missing, damaged, or lacks an array.
    """
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in Vectors._fields}
    except FileNotFoundError as error:
        raise GalleryError(f"There is no file {file.name}. Give a report, or embeddings as an .npz file.") from error
    except KeyError as error:
        needed = ", ".join(Vectors._fields)
        raise GalleryError(f"{file.name} lacks {error.args[0].split()[0]}; it needs {needed}.") from error
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise GalleryError(f"{file.name} is no .npz file of embeddings. Make it again.") from error
    if any(arrays[name].dtype.kind not in "iu" for name in Vectors._fields[1::2]):
        raise GalleryError(f"The labels in {file.name} are no integers. Number the places.")
    return Vectors(**arrays)


def report_vectors(report: Report, gallery: Gallery | None = None) -> Vectors:
    """The embeddings that a report holds, with those of the tiles that were searched.

    In a gallery, the place of a query is the tile around its true ground point that has the nearest centre; other tiles
    that cover the point are left out, because they show the place too.

    Args: gallery: the one that was evaluated; a dataset's tiles stand beside the report.

    Raises:
        GalleryError: the report holds no embeddings, the tiles are not there, or no query has a place among them.
    """
    queries, tiles = report.vectors(), read_tiles(report, gallery)
    if queries is None:
        raise GalleryError(f"The report {report.name} holds no embeddings. Evaluate again.")
    if tiles is not None and tiles.places is not None:
        names, labels = np.unique(tiles.places.astype(str), return_inverse=True)
        number = {name: label for label, name in enumerate(names)}
        places = [number.get(place, -1) for place in report.rows["place"]]
    elif tiles is not None and gallery is not None:
        places, labels = _places_in(gallery, report)
    else:
        raise GalleryError(f"The tiles of {report.name} are not beside it. Name the gallery that was evaluated.")
    asked = np.array(places) >= 0
    if not asked.any():
        raise GalleryError(f"No query of {report.name} shows a place that was searched.")
    return Vectors(
        queries[asked].astype(np.float32), np.array(places)[asked], np.asarray(tiles.vectors, np.float32), labels
    )


def _places_in(gallery: Gallery, report: Report) -> tuple[list[int], np.ndarray]:
    """The tile of each query, -1 for those without, and the labels of all tiles."""
    labels = np.arange(len(gallery))
    places: list[int] = []
    for row in report.rows.itertuples(index=False):
        truth = truth_of(row)
        tiles = [] if truth is None else gallery.covering([truth])[0].tolist()
        known = [tile for tile in tiles if tile in places]  # two photos of one place share its tile
        places.append((known or tiles or [-1])[0])
        labels[[tile for tile in tiles if tile not in places]] = -1
    return places, labels
