"""Measures a model on datasets of places (University-1652, SUES-200, DenseUAV, plain folders), protocol by protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.metrics import JUNK, evaluate, multi_query, position_scores
from gallery.paths import noted_path
from gallery.report.report import write_report
from gallery.report.tiles import write_tiles
from train_scripts.arguments import check_out, one_of_several
from train_scripts.cost import cost
from train_scripts.data.readers import denseuav, sues200
from train_scripts.data.readers.dataset import KINDS, Dataset, Direction, Protocol, views_of
from train_scripts.data.readers.denseuav import Tiles
from train_scripts.data.readers.expected import MADE_FILE
from train_scripts.data.readers.read_dataset import DatasetKind, parse_spec, read_dataset, top_of
from train_scripts.errors import BadRequest, MissingPart
from train_scripts.evaluation import protocols
from train_scripts.evaluation.options import EvaluationOptions
from train_scripts.evaluation.picture_vectors import CLEAR, PictureVectors
from train_scripts.evaluation.places_report import points_of, rows_of, tiles_of
from train_scripts.evaluation.trial import Measured

if TYPE_CHECKING:
    from mean_model.embedder import Embedder

WITHIN_M = (1, 3, 5, 10, 20, 30, 50, 100)
"""Thresholds of MA@K in a summary."""

HEIGHTS: dict[str, tuple[int, ...]] = {"sues200": sues200.HEIGHTS, "denseuav": denseuav.HEIGHTS}
MIXED = "mixed"
NO_SUCH_FIGURE = "All heights are mixed, as in no published figure; --height all measures one after another."


@dataclass(frozen=True)
class PlacesOptions(EvaluationOptions):
    """A dataset of places, and the trials to make of it; without a model the starter is measured.

    Attributes:
        dataset: KIND:PATH.
        directions, conditions: each is measured with each, and with each protocol.
        height: of SUES-200 or DenseUAV: metres, "mixed", or "all" for one after another; None is "mixed".
        tiles: of DenseUAV.
        multi_query: one query a place, the mean of its pictures.
        batch: pictures in one pass of the network; None leaves it to the embedder.
        trained_on, ablation: what the tables should say of the model.
    """

    dataset: str
    protocols: tuple[Protocol, ...] = field(default=("paper",), kw_only=True)
    directions: tuple[Direction, ...] = ("drone-to-satellite",)
    conditions: tuple[str, ...] = (CLEAR,)
    height: str | None = None
    tiles: Tiles = "all"
    multi_query: bool = False
    batch: int | None = None
    trained_on: str | None = None
    ablation: str | None = None


def measure(
    dataset: Dataset,
    vectors: PictureVectors,
    direction: Direction = "drone-to-satellite",
    protocol: Protocol = "paper",
    *,
    condition: str = CLEAR,
    as_multi_query: bool = False,
) -> Measured:
    """Measure one trial; pictures that `vectors` knows are not embedded again.

    Raises:
        MissingPart: the dataset lacks what the direction needs, or no picture of it can be read.
        BadPicture: a picture cannot be read, and such pictures are not to be skipped.
    """
    task = dataset.retrieval(direction, protocol)
    needed = (*task.queries, *task.gallery)
    vectors.embed(needed, condition)
    (query_vectors, queries), (gallery_vectors, gallery) = (
        vectors.of(pictures, condition) for pictures in (task.queries, task.gallery)
    )
    for pictures, readable in ((task.queries, queries), (task.gallery, gallery)):
        if not readable:
            raise MissingPart(f"None of the {len(pictures)} pictures of {dataset.name} that are needed can be read.")
    task = replace(task, queries=queries, gallery=gallery)
    if as_multi_query:
        firsts = np.unique(task.query_labels, return_index=True)[1]
        query_vectors, _ = multi_query(query_vectors, task.query_labels)
        task = replace(task, queries=tuple(queries[row] for row in firsts))
    result = evaluate(query_vectors, task.query_labels, gallery_vectors, task.gallery_labels)
    left_out = {picture.where for picture in {*needed} - {*queries, *gallery}}
    facts = vectors.facts_of(task.queries, condition)
    return Measured(task, result, query_vectors, gallery_vectors, tuple(sorted(left_out)), facts)


def run(options: PlacesOptions) -> Iterator[dict[str, Any]]:
    """Measure all that is asked for; one summary after another, and their reports where asked.

    Raises:
        DatasetError, MeanModelError, GalleryError: one sentence on what is wrong and what to do.
    """
    from mean_model import load_model

    kind, root = parse_spec(options.dataset)
    heights = _heights(kind, options.height)
    check_out(options.out)
    if options.batch is not None and options.batch < 1:
        raise BadRequest(f"A batch of {options.batch} is no batch. Choose at least 1.")
    datasets = {height: _read(options, kind, root, height) for height in heights}
    trials = list(product(options.directions, options.protocols))
    several = len(datasets) * len(options.conditions) * len(trials) > 1
    with load_model(options.model or "starter", precision=options.precision) as embedder:
        if options.batch is not None:
            embedder.max_batch = options.batch
        about = {
            "dataset": kind,
            "data": "procedural" if is_procedural(kind, root) else None,
            "tiles": options.tiles if kind == "denseuav" else None,
            **_about_model(embedder, options),
        }
        vectors = PictureVectors(
            embedder,
            skip_unreadable=options.skip_unreadable,
            progress=options.progress,
            measured=options.out is not None,
        )
        for (height, dataset), condition in product(datasets.items(), options.conditions):
            for direction, protocol in trials:
                measured = measure(
                    dataset, vectors, direction, protocol, condition=condition, as_multi_query=options.multi_query
                )
                summary = {
                    **protocols.summary(measured.task, measured.result),
                    "positions": _positions(measured),
                    **about,
                    "name": dataset.name,
                    "height_m": height,
                    "condition": condition,
                    "unreadable": list(measured.left_out),
                    "notes": [*dataset.notes, *_notes(measured, about, height)],
                }
                if options.out is not None:
                    file = _of_trial(options.out, summary) if several else options.out
                    rows = rows_of(measured, root, file, condition, options.thumbnail_px)
                    write_report(file, rows, {**summary, "root": noted_path(root, file.parent)})
                    write_tiles(file, tiles_of(measured, root))
                    summary["report"] = file.name
                yield summary
            if condition != CLEAR:
                vectors.forget(condition)


def _notes(measured: Measured, about: dict[str, Any], height: int | str | None) -> list[str]:
    """What is to be said of a trial beside its figures, and where it differs from the published one."""
    kind = about["dataset"]
    whole = height == MIXED and about["tiles"] == "all" if kind == "denseuav" else height != MIXED
    comparable = whole and not (about["data"] or about["multi_query"])
    return [
        *([NO_SUCH_FIGURE] if kind == "sues200" and height == MIXED else []),
        *measured.remarks(),
        *(protocols.deviations(kind, measured.task) if comparable else []),
    ]


def _read(options: PlacesOptions, kind: DatasetKind, root: Path, height: int | str | None) -> Dataset:
    asked = {view for direction in options.directions for view in views_of(direction)}
    return read_dataset(
        kind,
        root,
        height=height if isinstance(height, int) else None,
        tiles=options.tiles,
        kinds=[view for view in KINDS if view in asked],
        positions=options.positions,
    )


def _about_model(embedder: Embedder, options: PlacesOptions) -> dict[str, Any]:
    counted = cost(embedder.config).to_dict()
    return {
        "model": embedder.name,
        "fingerprint": embedder.fingerprint,
        "precision": embedder.precision,
        "image_size": embedder.image_size,
        **{key: counted[key] for key in ("params_m", "gflops", "inference_params_m", "gflops_per_photo")},
        "multi_query": options.multi_query,
        "trained_on": options.trained_on,
        "ablation": options.ablation,
    }


def _positions(measured: Measured) -> dict[str, Any] | None:
    """SDM, MA and Dis of the queries with a position; None where there is none, or a ranked tile has none."""
    points, tiles = points_of(measured.task.queries), points_of(measured.task.gallery)
    known = np.isfinite(points).all(axis=1)
    removed = measured.task.gallery_labels == JUNK
    if not known.any() or not np.isfinite(tiles[~removed]).all():
        return None
    tiles[removed] = 0  # never looked at
    return position_scores(points[known], tiles, measured.ranked[known], within_m=WITHIN_M).to_dict()


def is_procedural(kind: DatasetKind, root: Path) -> bool:
    """Whether the folder says that `train_scripts.data make` made it: its figures are none of the real dataset."""
    return any((folder / MADE_FILE).is_file() for folder in (root, top_of(kind, root)))


def _heights(kind: DatasetKind, wanted: str | None) -> tuple[int | str | None, ...]:
    """What to read one after another: metres, `MIXED`, or None for datasets without heights."""
    if kind not in HEIGHTS:
        if wanted is not None:
            raise BadRequest(f"{kind} knows no height. Leave it out.")
        return (None,)
    if wanted == "all":
        return HEIGHTS[kind]
    if wanted in (None, MIXED):
        return (MIXED,)
    if wanted.isascii() and wanted.isdigit() and int(wanted) in HEIGHTS[kind]:
        return (int(wanted),)
    known = ", ".join(map(str, HEIGHTS[kind]))
    raise BadRequest(f"{kind} has no height {wanted}. Choose {known}, {MIXED}, or all for one after another.")


def _of_trial(out: Path, summary: dict[str, Any]) -> Path:
    """The file of one trial, named after all that may differ between trials."""
    height = summary["height_m"]
    heights = [] if height is None else [f"{height}m" if isinstance(height, int) else height]
    return one_of_several(out, summary["direction"], summary["protocol"], *heights, summary["condition"])
