"""Figures as files: `python -m train_scripts.make_figures KIND … --out FILE`, a PNG, PDF or SVG.

  strips REPORT --gallery DIR        queries with their best tiles in green and red frames (the paper's Fig. 5 and 6)
  distances NAME=VECTORS …           distances inside a place and between places, a panel for each model (Fig. 4, a-e)
  embeddings NAME=VECTORS …          embeddings of 40 places in the plane, a panel for each model (Fig. 4, f-j)
  parameters [--ours NAME,M,R1 …]    accuracy against parameters, the paper's Table I and our own (Fig. 1)
  vectors REPORT --gallery DIR       embeds the queries of a report once more, for the two kinds that need VECTORS

REPORT is what `train_scripts.evaluate --out` writes. VECTORS is an .npz file with query_vectors, query_labels,
gallery_vectors and gallery_labels (rows of length 1, integers; -1 is left out).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.errors import GalleryError
from mean_model.errors import MeanModelError
from train_scripts.data.places import BOTH_WAYS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL import Image

    from gallery.figures import ModelPoint, Shown, Strip
    from gallery.geo import LonLat
    from gallery.report import Report
    from gallery.store import Gallery

SUFFIXES = (".png", ".pdf", ".svg")
SHEET_SUFFIXES = (".png", ".jpg", ".pdf")
VECTORS = ("query_vectors", "query_labels", "gallery_vectors", "gallery_labels")


@dataclass(frozen=True)
class Vectors:
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
            arrays = {name: held[name] for name in VECTORS}
    except FileNotFoundError as error:
        raise GalleryError(
            f"There is no file {file.name}. Make it with python -m train_scripts.make_figures vectors."
        ) from error
    except KeyError as error:
        raise GalleryError(f"{file.name} lacks {error.args[0].split()[0]}; it needs {', '.join(VECTORS)}.") from error
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise GalleryError(f"{file.name} is no .npz file of embeddings. Make it again.") from error
    if any(arrays[name].dtype.kind not in "iu" for name in VECTORS[1::2]):
        raise GalleryError(f"The labels in {file.name} are no integers. Number the places.")
    return Vectors(**arrays)


def write_vectors(file: Path, vectors: Vectors) -> None:
    """Write embeddings; the file is there whole or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    with unfinished.open("wb") as stream:
        np.savez_compressed(stream, **{name: getattr(vectors, name) for name in VECTORS})
    unfinished.replace(file)


# --- ranked strips ---


def strips_of(rows: pd.DataFrame, gallery: Gallery, folders: Sequence[Path], k: int, side_px: int = 192) -> list[Strip]:
    """The strips of some rows of a report.

    A tile is right when its footprint covers the true ground point, or when the report names it as the true one.

    Args:
        rows: of `Report.rows`.
        folders: where the photos may lie, in this order.
        k: tiles for each query.

    Raises:
        GalleryError: the report's tiles are not those of the gallery.
    """
    from gallery.figures import Strip

    row_of_tile = {tile_id: row for row, tile_id in enumerate(gallery.tiles["id"])}
    strips = []
    for row in rows.itertuples(index=False):
        names = list(row.tile_ids)
        unknown = [name for name in names if name not in row_of_tile]
        if unknown:
            raise GalleryError(
                f"The gallery {gallery.folder.name} has no tile {unknown[0]}. Give the gallery that was evaluated."
            )
        shown = [
            _tile(gallery, row_of_tile[name], row, score, side_px)
            for name, score in zip(names[:k], row.scores, strict=False)
        ]
        truth = None
        if not any(tile.right for tile in shown):
            true_row = row_of_tile.get(row.true_tile_id, next(iter(covering(gallery, _truth(row))), None))
            truth = None if true_row is None else _tile(gallery, true_row, row, None, side_px)
        strips.append(Strip(_query(row, folders, side_px), tuple(shown), truth))
    return strips


def _truth(row: Any) -> LonLat | None:
    from gallery.geo import LonLat

    known = math.isfinite(row.true_lon) and math.isfinite(row.true_lat)
    return LonLat(row.true_lon, row.true_lat) if known else None


def covering(gallery: Gallery, point: LonLat | None) -> list[int]:
    """Rows of the tiles whose footprint covers a point on the ground, that with the nearest centre first."""
    import shapely

    from gallery.geo import distance_m

    if point is None:
        return []
    places = [shapely.Point(point.lon + turn, point.lat) for turn in (0, 360, -360)]  # footprints go on past 180
    _, rows = gallery.tiles.sindex.query(places, predicate="covered_by")
    return sorted(map(int, rows), key=lambda row: distance_m(point, gallery.tile(row).centre))


def _tile(gallery: Gallery, number: int, row: Any, score: float | None, side_px: int) -> Shown:
    from gallery.figures import Shown
    from gallery.geo import distance_m

    tile = gallery.tile(number)
    words = [] if score is None else [f"{score:.3f}"]
    right = tile.id == row.true_tile_id if isinstance(row.true_tile_id, str) else None
    truth = _truth(row)
    if truth:
        words.append(f"{distance_m(truth, tile.centre):,.0f} m")
        right = bool(right) or tile.contains(truth)
    try:
        picture = gallery.image(tile, side_px)
    except GalleryError:
        picture = None  # the sheet says so in the picture's place
    return Shown(picture, " · ".join(words), right)


def _query(row: Any, folders: Sequence[Path], side_px: int) -> Shown:
    from gallery.figures import Shown
    from gallery.sources import read_picture

    picture = None
    for folder in folders:
        if (folder / row.image).is_file():
            try:
                picture = read_picture(folder / row.image, side_px)
            except GalleryError:
                picture = None
            break
    words = [row.id, *([row.condition] if isinstance(row.condition, str) else [])]
    return Shown(picture, " · ".join(words))


def chosen_rows(report: Report, show: str, count: int, ids: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of a report that a sheet shows, evenly spread over those asked for.

    Args:
        show: all, right (the best tile is a true one) or wrong.
        ids: of queries; when given, these and no others.

    Raises:
        GalleryError: there is no such row.
    """
    rows = report.rows
    if ids:
        missing = [name for name in ids if name not in set(rows["id"])]
        if missing:
            raise GalleryError(f"The report has no query {missing[0]}.")
        return rows.set_index("id", drop=False).loc[list(ids)]
    first = rows["truth_rank"] == 1
    rows = {"all": rows, "right": rows[first], "wrong": rows[~first]}[show]
    if not len(rows):
        raise GalleryError(f"The report has no {'' if show == 'all' else show + ' '}answer to show.")
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


# --- embeddings of a report ---


def embed_report(report: Report, gallery: Gallery, folders: Sequence[Path], model: str) -> Vectors:
    """Embed the queries of a report as the search first sees them, beside all tiles of its gallery.

    The place of a query is the tile around its true ground point that has the nearest centre; other tiles that cover
    the point are left out, because they show the place too.

    Raises:
        GalleryError: a photo is not there, no query has a position, or the gallery belongs to another model.
    """
    from gallery import Localizer
    from mean_model import load_model

    rows = report.rows[report.rows["true_lon"].notna() & report.rows["true_lat"].notna()]
    files = [_photo(folders, name) for name in rows["image"]]
    labels = np.arange(len(gallery))
    places: list[int] = []
    for row in rows.itertuples(index=False):
        tiles = covering(gallery, _truth(row))
        known = [tile for tile in tiles if tile in places]  # two photos of one place share its tile
        places.append((known or tiles or [-1])[0])
        labels[[tile for tile in tiles if tile not in places]] = -1
    asked = [i for i, place in enumerate(places) if place >= 0]
    if not asked:
        raise GalleryError("No query of the report has a true position on the gallery.")
    embedder = load_model(model)
    try:
        gallery.require_model(embedder.fingerprint, embedder.name)
        localizer = Localizer(gallery, embedder)
        views = [localizer.views(embedder.read(files[i])).views[0].image for i in asked]
        vectors = np.concatenate([embedder.embed(views[start : start + 32]) for start in range(0, len(views), 32)])
    finally:
        embedder.close()
    return Vectors(vectors, np.array(places)[asked], np.asarray(gallery.vectors, np.float32), labels)


def _photo(folders: Sequence[Path], name: str) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise GalleryError(f"The photo {Path(name).name} is not beside the report. Name its folder with --photos.")


# --- accuracy against parameters ---


def published_points(direction: str) -> list[ModelPoint]:
    """The methods of the paper's Table I that state their parameters."""
    from gallery.figures import ModelPoint
    from train_scripts.tables import PAPER

    column = BOTH_WAYS.index(direction)
    points = []
    for row in PAPER["I"].blocks[0].rows:
        accuracy = row.scores[column][0]
        if row.params != "-" and accuracy is not None:
            parameters_m, at_least = float(row.params.lstrip(">")), row.params.startswith(">")
            points.append(ModelPoint(row.model, parameters_m, accuracy, row.protocol, at_least))
    return points


def our_point(text: str) -> ModelPoint:
    """A measured model: `NAME,MILLIONS,PERCENT`, with the protocol after another comma where it is not the paper's."""
    from gallery.figures import ModelPoint

    parts = [part.strip() for part in text.split(",")]
    try:
        name, parameters_m, accuracy = parts[0], float(parts[1]), float(parts[2])
    except (IndexError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME,MILLIONS,PERCENT, such as MEAN,36.5,93.6") from error
    if len(parts) > 4 or not (0 < parameters_m < math.inf and 0 <= accuracy <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME,MILLIONS,PERCENT, such as MEAN,36.5,93.6")
    return ModelPoint(name, parameters_m, accuracy, parts[3] if len(parts) == 4 else "paper", ours=True)


# --- the command line ---


def named_file(text: str) -> tuple[str, Path]:
    """`NAME=FILE`, or a file whose stem is the name."""
    name, equals, file = text.rpartition("=")
    return (name, Path(file)) if equals and name else (Path(file).stem, Path(file))


def save(figure: Figure | Image.Image, file: Path) -> None:
    """Write a figure in the format that the file's suffix names; it is there whole or not at all."""
    unfinished = file.with_name(f"{file.stem}.unfinished{file.suffix}")
    if hasattr(figure, "savefig"):
        figure.savefig(unfinished)
    else:
        figure.save(unfinished)
    unfinished.replace(file)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = top.add_subparsers(dest="kind", required=True, metavar="KIND")
    strips = kinds.add_parser("strips", help="queries with their best tiles")
    vectors = kinds.add_parser("vectors", help="embed the queries of a report")
    for kind in (strips, vectors):
        kind.add_argument("report", type=Path, metavar="REPORT")
        kind.add_argument("--gallery", type=Path, required=True, metavar="DIR", help="the gallery that was evaluated")
        kind.add_argument("--photos", type=Path, metavar="DIR", help="folder of the photos (default: the report's)")
    strips.add_argument("-k", type=int, default=5, help="tiles for each query")
    strips.add_argument("--queries", type=int, default=6, metavar="N", help="rows of the sheet")
    strips.add_argument("--show", choices=("all", "right", "wrong"), default="all", help="which answers")
    strips.add_argument("--id", action="append", default=[], dest="ids", help="this query; may be given again")
    strips.add_argument("--side-px", type=int, default=192, help="side of each picture")
    vectors.add_argument("--model", default="starter", help="a folder, file, Hub id, or 'starter'")
    distances = kinds.add_parser("distances", help="distances inside a place and between places")
    embeddings = kinds.add_parser("embeddings", help="embeddings in the plane")
    for kind in (distances, embeddings):
        kind.add_argument("files", nargs="+", type=named_file, metavar="NAME=VECTORS", help="a panel for each")
    embeddings.add_argument("--places", type=int, default=40, metavar="N", help="so many places, drawn at random")
    embeddings.add_argument("--method", choices=("tsne", "pca"), default="tsne")
    embeddings.add_argument("--seed", type=int, default=0)
    parameters = kinds.add_parser("parameters", help="accuracy against parameters")
    parameters.add_argument("--ours", type=our_point, action="append", default=[], metavar="NAME,MILLIONS,PERCENT")
    for kind in (embeddings, parameters):
        kind.add_argument("--direction", choices=BOTH_WAYS, default=BOTH_WAYS[0])
    for kind in (strips, vectors, distances, embeddings, parameters):
        kind.add_argument("--out", type=Path, required=True, metavar="FILE")
    return top


def make(options: argparse.Namespace) -> None:
    """Make what the command line asks for.

    Raises:
        GalleryError, MeanModelError: what was given cannot be read or does not fit together.
    """
    from gallery import Gallery, figures
    from gallery.report import read_report

    suffixes = {"vectors": (".npz",), "strips": SHEET_SUFFIXES}.get(options.kind, SUFFIXES)
    if options.out.suffix.lower() not in suffixes:
        raise GalleryError(f"{options.out.name} has no known ending; choose {', '.join(suffixes)}.")
    if not options.out.absolute().parent.is_dir():
        raise GalleryError(f"There is no folder {options.out.absolute().parent.name} to write into. Make it first.")
    if options.kind in ("strips", "vectors"):
        report, gallery = read_report(options.report), Gallery.open(options.gallery)
        folders = [*([options.photos] if options.photos else []), options.report.absolute().parent]
        if options.kind == "vectors":
            write_vectors(options.out, embed_report(report, gallery, folders, options.model))
            return
        if min(options.k, options.queries) < 1:
            raise GalleryError("A sheet needs at least one query and one tile.")
        rows = chosen_rows(report, options.show, options.queries, options.ids)
        strips = strips_of(rows, gallery, folders, options.k, options.side_px)
        save(figures.ranked_strips(strips, options.side_px), options.out)
    elif options.kind == "parameters":
        save(figures.accuracy_against_parameters([*published_points(options.direction), *options.ours]), options.out)
    else:
        held = {name: read_vectors(file) for name, file in options.files}
        if len(held) < len(options.files):
            raise GalleryError("Two panels have the same name. Write NAME=FILE.")
        draw = distance_figure if options.kind == "distances" else embedding_figure
        save(draw(held, options), options.out)


def distance_figure(held: dict[str, Vectors], options: argparse.Namespace) -> Figure:
    from gallery.figures import distance_histograms, pair_distances

    return distance_histograms({name: pair_distances(*_arrays(vectors)) for name, vectors in held.items()})


def embedding_figure(held: dict[str, Vectors], options: argparse.Namespace) -> Figure:
    from gallery.figures import cloud_of, embedding_scatter, pick_places

    if options.places < 1:
        raise GalleryError("A plot needs at least one place.")
    satellite = options.direction == "satellite-to-drone"
    clouds = {}
    for name, vectors in held.items():
        places = pick_places(vectors.query_labels, vectors.gallery_labels, options.places, options.seed)
        clouds[name] = cloud_of(
            *_arrays(vectors),
            places=places,
            method=options.method,
            queries_are_satellite=satellite,
            seed=options.seed,
        )
    return embedding_scatter(clouds)


def _arrays(vectors: Vectors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return vectors.query_vectors, vectors.query_labels, vectors.gallery_vectors, vectors.gallery_labels


def main(argv: list[str] | None = None) -> None:
    top = parser()
    options = top.parse_args(argv)
    try:
        make(options)
    except (GalleryError, MeanModelError) as error:
        top.error(str(error))
    sys.stdout.write(f"{options.out.name} written\n")


if __name__ == "__main__":
    main()
