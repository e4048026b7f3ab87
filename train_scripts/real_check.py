"""Checks a model on real ground: `python -m train_scripts.real_check cells|flight FOLDER --model SOURCE` prints JSON.

`cells` takes a folder of orthophoto cells with `manifest.csv` (file and extent in degrees): the cells become a gallery,
simulated drone views of them are the queries, and the view's own cell is the truth. One acquisition is both tile and
view, so it measures turn, tilt, scale and light on real texture, and says nothing about seasons or years.

`flight` takes a folder of photos of one flight with positions in their EXIF: every second photo becomes the gallery,
and the others are asked how far the best tile's centre lies from their own position.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer, build_gallery
from gallery.build.sources import IMAGE_SUFFIXES, Stated
from gallery.embedder import Embedder, read_photo
from gallery.errors import UnreadablePhoto
from gallery.geo import LonLat, area_m2, distances_m
from gallery.intervals import wilson
from gallery.judge.calibration_fit import trust_of
from gallery.search.answer import Answer, PhotoProblem
from gallery.tiles import Tile
from mean_model.errors import MeanModelError
from train_scripts.data.simulator.flat_ground import FOV_DEG, Ground, View, random_view, write_view

MANIFEST = "manifest.csv"
SHARE = (0.5, 1.0)  # of the cell's side that a view covers, before it is fitted into the cell
CELL_PX = 4096  # cells are read at this side at most
KS = (1, 5)


def ground_of(gallery: Gallery, tile: Tile) -> Ground:
    """A cell as a picture of the ground; its pixels are taken for squares."""
    pixels = np.array(gallery.image(tile, CELL_PX))
    return Ground(pixels, tile.centre, math.sqrt(area_m2(tile.footprint) / (pixels.shape[0] * pixels.shape[1])))


def view_of(ground: Ground, random: np.random.Generator) -> View:
    """A random view that covers half to all of a cell's shorter side."""
    reach_m = min(ground.size_m) / (2 * math.tan(math.radians(FOV_DEG) / 2))
    return random_view(ground.size_m, (SHARE[0] * reach_m, SHARE[1] * reach_m), random)


def check_cells(folder: Path, embedder: Embedder, views: int, seed: int = 0) -> dict[str, Any]:
    """R@1 and R@5 of simulated views of real cells, asked with quarter turns, guessed poses, and the pose known.

    Args:
        folder: images with a manifest of their extents in degrees.
        views: how many are asked, spread evenly over the cells.

    Raises:
        GalleryError: the folder has no manifest, or no cell that can be read.
    """
    if views < 1:
        raise GalleryError(f"{views} views are too few: ask at least 1.")
    random, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        gallery = build_gallery(folder, place / "gallery", embedder, positions=folder / MANIFEST)
        order = np.resize(random.permutation(len(gallery)), views)
        files, shares, points = [], [], []
        for number, row in enumerate(tqdm(order, unit="view", file=sys.stderr)):
            tile = gallery.tile(int(row))
            ground = ground_of(gallery, tile)
            view = view_of(ground, random)
            files.append(place / f"view_{number:04d}.jpg")
            points.append(ground.place(view.right_m, view.up_m))
            write_view(files[-1], ground, view, noise)
            shares.append(2 * view.altitude_m * math.tan(math.radians(FOV_DEG) / 2) / min(ground.size_m))
        truth = [gallery.tile(int(row)).id for row in order]
        localizer = Localizer(gallery, embedder)
        asked = {
            "four_turns": localizer.localize_many(files, k=max(KS), rotations=4, north_up=False),
            "pose_guessed": localizer.localize_many(files, k=max(KS), rotations=16, north_up=False),
            "pose_known": localizer.localize_many(files, k=max(KS)),
        }
        return {
            "check": "cells",
            "views": views,
            "tiles": len(gallery),
            "by_chance": {str(k): 100 * min(1.0, k / len(gallery)) for k in KS},
            "median_side_share": float(np.median(shares)),
            **{name: {**_recall(answers, truth), **_believed(answers, points)} for name, answers in asked.items()},
            **_model_facts(embedder),
            "seed": seed,
        }


def _recall(answers: Sequence[Answer | PhotoProblem], truth: Sequence[str]) -> dict[str, Any]:
    """R@K in percent with its 95 % interval."""
    shown = [[m.tile.id for m in answer.matches] if isinstance(answer, Answer) else [] for answer in answers]
    hits = {k: sum(own in ids[:k] for own, ids in zip(truth, shown, strict=True)) for k in KS}
    return {
        "recall": {str(k): 100 * hit / len(truth) for k, hit in hits.items()},
        "interval95": {str(k): wilson(hit, len(truth)) for k, hit in hits.items()},
    }


def _believed(answers: Sequence[Answer | PhotoProblem], points: Sequence[LonLat]) -> dict[str, Any]:
    """How many answers were located, how many of these wrongly, and what their confidences are worth."""
    known = [
        (answer, answer.is_right(point))
        for answer, point in zip(answers, points, strict=True)
        if isinstance(answer, Answer) and answer.place is not None
    ]
    sure = [(answer.confidence, right) for answer, right in known if answer.confidence is not None]
    return {
        "located": sum(answer.position is not None for answer, _ in known),
        "located_wrongly": sum(answer.position is not None and not right for answer, right in known),
        "trust": trust_of(*map(np.array, zip(*sure, strict=True))).to_dict() if sure else None,
    }


def check_flight(folder: Path, embedder: Embedder) -> dict[str, Any]:
    """Metres between the best tile's centre and the EXIF position, every second photo of a flight being the gallery.

    Beside it, the same for any tile (what guessing gives) and for the nearest one (the best that can be reached).

    Raises:
        GalleryError: fewer than four photos have a position.
    """
    known = list(positioned(folder, embedder))
    if len(known) < 4:
        raise GalleryError(f"{folder.name} has {len(known)} photos with a position; at least 4 are needed.")
    tiles, queries = known[::2], known[1::2]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        with (place / "positions.csv").open("w", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(("file", "lon", "lat"))
            writer.writerows((file.relative_to(folder).as_posix(), at.lon, at.lat) for file, at in tiles)
        gallery = build_gallery(
            folder, place / "gallery", embedder, positions=place / "positions.csv", stated=Stated(unplaced="skip")
        )
        answers = Localizer(gallery, embedder).localize_many([file for file, _ in queries], k=1)
        lons, lats = gallery.centres.T
        away_m = np.array([distances_m(at, lons, lats) for _, at in queries])
        best = [gallery.row(answer.matches[0].tile.id) for answer in answers if isinstance(answer, Answer)]
        if len(best) < len(queries):
            raise GalleryError(f"{len(queries) - len(best)} photos could be read once, but not again.")
        best_m = away_m[np.arange(len(queries)), best]
    return {
        "check": "flight",
        "queries": len(queries),
        "tiles": len(tiles),
        "median_best_m": float(np.median(best_m)),
        "median_random_m": float(np.median(away_m)),
        "median_nearest_m": float(np.median(away_m.min(axis=1))),
        "nearest_first": 100 * float(np.mean(best_m == away_m.min(axis=1))),
        **_model_facts(embedder),
    }


def positioned(folder: Path, embedder: Embedder) -> Iterator[tuple[Path, LonLat]]:
    """Photos with a position, in the order of their names."""
    for file in sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES):
        try:
            position = read_photo(embedder, file).position
        except UnreadablePhoto:
            continue
        if position is not None:
            yield file, LonLat(position.lon, position.lat)


def _model_facts(embedder: Embedder) -> dict[str, str]:
    return {"model": str(getattr(embedder, "name", "")), "fingerprint": embedder.fingerprint}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    cells = parts.add_parser("cells", help="simulated views of real cells")
    cells.add_argument("folder", type=Path, help="images, and manifest.csv with their extents")
    cells.add_argument("--views", type=int, default=200, help="how many are asked (default 200)")
    cells.add_argument("--seed", type=int, default=0)
    flight = parts.add_parser("flight", help="one half of a flight in the other")
    flight.add_argument("folder", type=Path, help="photos with positions in their EXIF")
    for part in (cells, flight):
        part.add_argument("--model", default="starter", help="a folder, file, Hub id, or 'starter'")
    options = parser.parse_args(argv)
    from mean_model import load_model

    try:
        with load_model(options.model) as embedder:
            if options.part == "cells":
                result = check_cells(options.folder, embedder, options.views, options.seed)
            else:
                result = check_flight(options.folder, embedder)
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
