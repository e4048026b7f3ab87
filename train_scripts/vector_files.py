"""Embeddings of an evaluation in an .npz file, which the figures of distances and of the plane are drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gallery.errors import GalleryError
from train_scripts.report_sheets import covering, require_model_of, searched_view, truth_of

if TYPE_CHECKING:
    from gallery.album import Album
    from gallery.report import Report
    from mean_model.embedder import Embedder


class Vectors(NamedTuple):
    """Embeddings of an evaluation, with the place of each."""

    query_vectors: np.ndarray  # (Q, D) float32, rows of length 1
    query_labels: np.ndarray  # (Q,) int64
    gallery_vectors: np.ndarray  # (G, D) float32, rows of length 1
    gallery_labels: np.ndarray  # (G,) int64, -1: left out


def read_vectors(file: Path) -> Vectors:
    """Read embeddings.

    Raises:
        GalleryError: the file is missing, damaged, or lacks an array.
    """
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in Vectors._fields}
    except FileNotFoundError as error:
        raise GalleryError(
            f"There is no file {file.name}. Make it with python -m train_scripts.make_figures vectors."
        ) from error
    except KeyError as error:
        needed = ", ".join(Vectors._fields)
        raise GalleryError(f"{file.name} lacks {error.args[0].split()[0]}; it needs {needed}.") from error
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise GalleryError(f"{file.name} is no .npz file of embeddings. Make it again.") from error
    if any(arrays[name].dtype.kind not in "iu" for name in Vectors._fields[1::2]):
        raise GalleryError(f"The labels in {file.name} are no integers. Number the places.")
    return Vectors(**arrays)


def write_vectors(file: Path, vectors: Vectors) -> None:
    """Write embeddings; the file is there whole or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    with unfinished.open("wb") as stream:
        np.savez_compressed(stream, **vectors._asdict())
    unfinished.replace(file)


def embed_report(report: Report, album: Album, embedder: Embedder) -> Vectors:
    """Embed the queries of a report as the search saw them, beside all tiles of its gallery.

    The place of a query is the tile around its true ground point that has the nearest centre; other tiles that cover
    the point are left out, because they show the place too.

    Raises:
        GalleryError: a photo is not there, no query has a position, or the gallery belongs to another model.
        PhotoError: a photo cannot be read.
    """
    from gallery import Localizer

    gallery = album.gallery
    if gallery is None:
        raise GalleryError("Name the gallery with --gallery. Of a dataset, train_scripts.evaluate writes --vectors.")
    gallery.require_model(embedder.fingerprint, embedder.name)
    require_model_of(report, embedder)
    localizer = Localizer(gallery, embedder)
    labels = np.arange(len(gallery))
    files: list[Path] = []
    places: list[int] = []
    for row in report.rows.itertuples(index=False):
        tiles = covering(gallery, truth_of(row))
        if tiles:
            known = [tile for tile in tiles if tile in places]  # two photos of one place share its tile
            labels[[tile for tile in tiles if tile not in places]] = -1
            places.append((known or tiles)[0])
            labels[places[-1]] = places[-1]
            files.append(album.query_file(row))
    if not places:
        raise GalleryError("No query of the report has a true position on the gallery.")
    views = (searched_view(localizer, embedder.read(file), report) for file in files)
    return Vectors(embedder.embed(views), np.array(places), np.asarray(gallery.vectors, np.float32), labels)
