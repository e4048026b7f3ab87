"""Figures as files: `python -m train_scripts.make_figures KIND … --out FILE`, a PNG, PDF or SVG.

  strips REPORT                      queries with their best tiles in green and red frames (the paper's Fig. 5 and 6)
  heatmaps REPORT                    what the network looks at in queries and their best tiles
  heatmaps PICTURE PICTURE …         the same for pairs of pictures
  distances NAME=FILE …              distances inside a place and between places, a panel for each model (Fig. 4, a-e)
  embeddings NAME=FILE …             embeddings of 40 places in the plane, a panel for each model (Fig. 4, f-j)
  parameters [--ours NAME,M,R1 …]    accuracy against parameters, the paper's Table I and our own (Fig. 1)

REPORT is what `train_scripts.evaluate --out` writes; name the gallery that was evaluated with --gallery, or the folder
of the dataset with --photos. FILE is a REPORT, or for any other method an .npz file with query_vectors, query_labels,
gallery_vectors and gallery_labels (rows of length 1, integers; -1 is left out).
"""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gallery.errors import GalleryError
from mean_model.atomic_files import replace
from mean_model.errors import MeanModelError
from train_scripts.data.readers.dataset import BOTH_WAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from gallery.figures.model_chart import ModelPoint
    from gallery.report.pictures import ReportPictures
    from gallery.report.report import Report
    from gallery.store.gallery import Gallery
    from train_scripts.figures.embeddings import Vectors

SUFFIXES = (".png", ".pdf", ".svg")
SHEET_SUFFIXES = (".png", ".jpg", ".pdf")
SHEETS = ("strips", "heatmaps")
REPORT = ".parquet"


# --- accuracy against parameters ---


def published_points(direction: str) -> list[ModelPoint]:
    """The methods of the paper's Table I that state their parameters."""
    from gallery.figures.model_chart import ModelPoint
    from train_scripts.evaluation.paper_tables import PAPER

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
    from gallery.figures.model_chart import ModelPoint

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
    from PIL import Image

    if isinstance(figure, Image.Image):
        replace(file, partial(figure.save, quality=95, resolution=200))  # of JPEG, and of the pages of a PDF
    else:
        replace(file, figure.savefig)


def parser() -> argparse.ArgumentParser:
    """The kinds of figures and their options."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = top.add_subparsers(dest="kind", required=True, metavar="KIND")
    strips = kinds.add_parser("strips", help="queries with their best tiles")
    strips.add_argument("report", type=Path, metavar="REPORT")
    strips.add_argument("-k", type=int, default=5, help="tiles for each query")
    heatmaps = kinds.add_parser("heatmaps", help="what the network looks at")
    heatmaps.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a report, or pictures in pairs")
    heatmaps.add_argument(
        "--map",
        choices=("similarity", "saliency"),
        default="similarity",
        help="each location's similarity to the other picture, or Grad-CAM of the similarity of both",
    )
    heatmaps.add_argument("--opacity", type=float, default=0.5, help="of the map over its picture, 0 to 1")
    for kind in (strips, heatmaps):
        kind.add_argument("--queries", type=int, default=6, metavar="N", help="rows of the sheet")
        kind.add_argument("--show", choices=("all", "right", "wrong"), default="all", help="which answers")
        kind.add_argument("--id", action="append", default=[], dest="ids", help="this query; may be given again")
        kind.add_argument("--side-px", type=int, default=192, help="side of each picture")
        kind.add_argument(
            "--photos",
            type=Path,
            action="append",
            default=[],
            metavar="DIR",
            help="folder of the photos, or of the dataset that was evaluated (default: the report's)",
        )
    heatmaps.add_argument("--model", default="starter", help="a folder, file, Hub id, or 'starter'")
    distances = kinds.add_parser("distances", help="distances inside a place and between places")
    embeddings = kinds.add_parser("embeddings", help="embeddings in the plane")
    for kind in (distances, embeddings):
        kind.add_argument("files", nargs="+", type=named_file, metavar="NAME=FILE", help="a panel for each")
    embeddings.add_argument("--places", type=int, default=40, metavar="N", help="so many places, drawn at random")
    embeddings.add_argument("--method", choices=("tsne", "pca"), default="tsne")
    embeddings.add_argument("--seed", type=int, default=0)
    parameters = kinds.add_parser("parameters", help="accuracy against parameters")
    parameters.add_argument("--ours", type=our_point, action="append", default=[], metavar="NAME,MILLIONS,PERCENT")
    for kind in (embeddings, parameters):
        kind.add_argument("--direction", choices=BOTH_WAYS, default=BOTH_WAYS[0])
    for kind in (strips, heatmaps, distances, embeddings):
        kind.add_argument("--gallery", type=Path, metavar="DIR", help="the gallery that was evaluated")
    for kind in kinds.choices.values():
        kind.add_argument("--out", type=Path, required=True, metavar="FILE")
    return top


def make(options: argparse.Namespace) -> None:
    """Make what the command line asks for.

    Raises:
        GalleryError, MeanModelError: what was given cannot be read or does not fit together.
    """
    suffixes = SHEET_SUFFIXES if options.kind in SHEETS else SUFFIXES
    if options.out.suffix.lower() not in suffixes:
        raise GalleryError(f"{options.out.name} has no known ending; choose {', '.join(suffixes)}.")
    if not options.out.absolute().parent.is_dir():
        raise GalleryError(f"There is no folder {options.out.absolute().parent.name} to write into. Make it first.")
    match options.kind:
        case "strips":
            save(_strip_sheet(options), options.out)
        case "heatmaps":
            save(_heat_map_sheet(options), options.out)
        case "distances":
            save(_distance_figure(_held(options)), options.out)
        case "embeddings":
            save(_embedding_figure(_held(options), options), options.out)
        case "parameters":
            from gallery.figures.model_chart import accuracy_against_parameters

            points = [*published_points(options.direction), *options.ours]
            save(accuracy_against_parameters(points), options.out)


def _strip_sheet(options: argparse.Namespace) -> Image.Image:
    from gallery.figures.contact_sheet import ranked_strips
    from train_scripts.figures.report_sheets import chosen_rows, strips_of

    if min(options.k, options.queries) < 1:
        raise GalleryError("A sheet needs at least one query and one tile.")
    report, pictures = _opened(options, options.report)
    rows = chosen_rows(report, options.show, options.queries, options.ids)
    return ranked_strips(strips_of(rows, pictures, options.k, options.side_px), options.side_px)


def _heat_map_sheet(options: argparse.Namespace) -> Image.Image:
    from gallery.figures.contact_sheet import heat_sheet
    from mean_model import load_model
    from train_scripts.figures.report_sheets import chosen_rows, heat_rows_of, pair_rows

    if options.queries < 1 or not 0 <= options.opacity <= 1:
        raise GalleryError("Heat maps need at least one query, and an opacity from 0 to 1.")
    how = options.map, options.side_px, options.opacity
    shown = options.side_px, {"similarity": "cosine with", "saliency": "Grad-CAM for"}[options.map]
    if options.files[0].suffix != REPORT:
        with load_model(options.model) as embedder:
            return heat_sheet(pair_rows(options.files, embedder, *how), *shown, ("first", "second"))
    if len(options.files) > 1:
        raise GalleryError("Heat maps are of one report, or of pictures.")
    report, pictures = _opened(options, options.files[0])
    rows = chosen_rows(report, options.show, options.queries, options.ids)
    with load_model(options.model) as embedder:
        return heat_sheet(heat_rows_of(report, rows, pictures, embedder, *how), *shown)


def _opened(options: argparse.Namespace, file: Path) -> tuple[Report, ReportPictures]:
    """A report, and its pictures."""
    from gallery.report.report import read_report
    from train_scripts.figures.report_sheets import pictures_of

    report = read_report(file)
    return report, pictures_of(file, report, _gallery(options), options.photos)


def _held(options: argparse.Namespace) -> dict[str, Vectors]:
    """The embeddings of each panel."""
    from gallery.report.report import read_report
    from train_scripts.figures.embeddings import read_vectors, report_vectors

    gallery = _gallery(options)
    held = {
        name: report_vectors(read_report(file), gallery) if file.suffix == REPORT else read_vectors(file)
        for name, file in options.files
    }
    if len(held) < len(options.files):
        raise GalleryError("Two panels have the same name. Write NAME=FILE.")
    return held


def _gallery(options: argparse.Namespace) -> Gallery | None:
    from gallery import Gallery

    return Gallery.open(options.gallery) if options.gallery else None


def _distance_figure(held: dict[str, Vectors]) -> Figure:
    from gallery.figures.embeddings import distance_histograms, pair_distances

    return distance_histograms({name: pair_distances(*vectors) for name, vectors in held.items()})


def _embedding_figure(held: dict[str, Vectors], options: argparse.Namespace) -> Figure:
    from gallery.figures.embeddings import cloud_of, embedding_scatter, pick_places

    if options.places < 1:
        raise GalleryError("A plot needs at least one place.")
    clouds = {
        name: cloud_of(
            *vectors,
            places=pick_places(vectors.query_labels, vectors.gallery_labels, options.places, options.seed),
            method=options.method,
            queries_are_satellite=options.direction == "satellite-to-drone",
            seed=options.seed,
        )
        for name, vectors in held.items()
    }
    return embedding_scatter(clouds)


def main(argv: list[str] | None = None) -> None:
    """Make a figure."""
    top = parser()
    options = top.parse_args(argv)
    try:
        make(options)
    except (GalleryError, MeanModelError) as error:
        top.error(str(error))
    sys.stdout.write(f"{options.out.name} written\n")


if __name__ == "__main__":
    main()
