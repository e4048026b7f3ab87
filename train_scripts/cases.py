"""Real photos with their gallery, ready to be measured: `python -m train_scripts.cases cells|airfield|flight FOLDER`.

Each writes --out with `gallery/`, embedded by --model, and `photos/` with truth.csv, for `train_scripts.baselines` and
`train_scripts.evaluate --dataset gallery:OUT/gallery --photos OUT/photos`. The imagery stays where it is.

  cells     orthophoto cells with manifest.csv: simulated views of some places, searched among the cells of all. Photo
            and map are one acquisition: this says nothing of seasons.
  airfield  drone photos and orthophoto crops of another season (drone/, satellite/), searched among --distractors, a
            folder of other overhead pictures. All lie at made-up places, a square each; the photos state nothing.
  flight    every second photo of a flight is a tile, the others are asked. A tile counts as 30 m wide around its EXIF
            position, whatever it shows: right is one that was taken within some 15 m.
"""

from __future__ import annotations

import csv
import math
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gallery import Gallery, GalleryError, build_gallery
from gallery.embedder import Embedder, read_photo
from gallery.errors import UnreadablePhoto
from gallery.geo import LonLat, area_m2, destination, rectangle
from gallery.imagery.images import IMAGE_SUFFIXES, images_below
from gallery.tiles import Tile
from mean_model.errors import MeanModelError
from train_scripts.arguments import program
from train_scripts.data.simulator.flat_ground import FOV_DEG, FlatGround, GroundView, random_view, write_view
from train_scripts.evaluation.queries import TRUTH

RELIABLE = ("0013", "0014", "0015", "0016", "0019", "0020", "0022")
"""Pairs of the airfield whose homography rests on at least 160 matching points."""

MANIFEST = "manifest.csv"
SHARE = (0.5, 1.0)  # of the cell's side that a view covers, before it is fitted into the cell
CELL_PX = 4096  # cells are read at this side at most
FLIGHT_TILE_M = 30.0
MADE_UP_M, APART_M, COLUMNS = 100.0, 300.0, 64
MADE_UP_ORIGIN = LonLat(0.0, 0.0)


def cells(folder: Path, out: Path, embedder: Embedder, searched_only: Sequence[str], count: int) -> Gallery:
    """Views of all cells but those whose names begin with one of `searched_only`, so many in all."""
    gallery = build_gallery(folder, out / "gallery", embedder, positions=folder / MANIFEST)
    asked = [
        row
        for row in range(len(gallery))
        if not Path(gallery.tile(row).image or "").name.startswith(tuple(searched_only))
    ]
    if not asked:
        raise GalleryError(f"No cell is left to be asked: all names begin with {', '.join(searched_only)}.")
    random, noise = np.random.default_rng(0), torch.Generator().manual_seed(0)
    photos, rows = out / "photos", []
    photos.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(tqdm(np.resize(random.permutation(asked), count), unit="view", file=sys.stderr)):
        ground = ground_of(gallery, gallery.tile(int(row)))
        view = view_of(ground, random)
        write_view(photos / f"{number:04d}.jpg", ground, view, noise)
        rows.append((f"{number:04d}.jpg", ground.place(view.right_m, view.up_m)))
    _list_places(photos, rows)
    return gallery


def airfield(folder: Path, out: Path, embedder: Embedder, distractors: Path, count: int) -> Gallery:
    """The reliable pairs' crops among so many other pictures."""
    others = list(islice(images_below(distractors), count))
    if len(others) < count:
        raise GalleryError(f"{distractors.name} holds {len(others)} pictures, not {count}.")
    crops = [folder / "satellite" / f"{name}.jpg" for name in RELIABLE]
    places = [made_up_place(number) for number in range(len(crops) + count)]
    _copy([folder / "drone" / crop.name for crop in crops], places[: len(crops)], out / "photos")
    tiles = [*crops, *others]
    names = [f"{number:05d}{tile.suffix}" for number, tile in enumerate(tiles)]  # of two folders: some may be alike
    _copy(tiles, places, out / "tiles", names, MADE_UP_M)
    return build_gallery(out / "tiles", out / "gallery", embedder, positions=out / "tiles" / TRUTH)


def made_up_place(number: int) -> LonLat:
    """The middle of a square that no other one touches."""
    row, column = divmod(number, COLUMNS)
    return destination(destination(MADE_UP_ORIGIN, 90, column * APART_M), 0, row * APART_M)


def flight(folder: Path, out: Path, embedder: Embedder) -> Gallery:
    """Every second photo in the gallery, the others asked."""
    known = list(positioned(folder, embedder))
    if len(known) < 4:
        raise GalleryError(f"{folder.name} has {len(known)} photos with a position; at least 4 are needed.")
    files, places = zip(*known, strict=True)
    _copy(files[1::2], places[1::2], out / "photos")
    _copy(files[::2], places[::2], out / "tiles", side_m=FLIGHT_TILE_M)
    return build_gallery(out / "tiles", out / "gallery", embedder, positions=out / "tiles" / TRUTH)


def _copy(
    files: Sequence[Path], places: Sequence[LonLat], folder: Path, names: Sequence[str] = (), side_m: float = 0.0
) -> None:
    """Copy pictures into a folder, under their own or other names, and list their places there."""
    folder.mkdir(parents=True, exist_ok=True)
    named = names or [file.name for file in files]
    for file, name in zip(files, named, strict=True):
        shutil.copyfile(file, folder / name)
    _list_places(folder, zip(named, places, strict=True), side_m)


def _list_places(folder: Path, rows: Iterable[tuple[str, LonLat]], side_m: float = 0.0) -> None:
    """A table of places, with the extents of squares if their side is known."""
    with (folder / TRUTH).open("w", newline="") as table:
        write = csv.writer(table).writerow
        write(("file", "lon", "lat", *(("west", "south", "east", "north") if side_m else ())))
        for name, at in rows:
            write((name, at.lon, at.lat, *(rectangle(at, side_m, side_m).bounds if side_m else ())))


def ground_of(gallery: Gallery, tile: Tile) -> FlatGround:
    """A cell as a picture of the ground; its pixels are taken for squares."""
    pixels = np.array(gallery.image(tile, CELL_PX))
    return FlatGround(pixels, tile.centre, math.sqrt(area_m2(tile.footprint) / (pixels.shape[0] * pixels.shape[1])))


def view_of(ground: FlatGround, random: np.random.Generator) -> GroundView:
    """A random view that covers half to all of a cell's shorter side."""
    reach_m = min(ground.size_m) / (2 * math.tan(math.radians(FOV_DEG) / 2))
    return random_view(ground.size_m, (SHARE[0] * reach_m, SHARE[1] * reach_m), random)


def positioned(folder: Path, embedder: Embedder) -> Iterator[tuple[Path, LonLat]]:
    """Photos with a position, in the order of their names."""
    for file in sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES):
        try:
            position = read_photo(embedder, file).position
        except UnreadablePhoto:
            continue
        if position is not None:
            yield file, LonLat(position.lon, position.lat)


def main(argv: list[str] | None = None) -> None:
    """Make a case's gallery and photos."""
    parser = program("cases", __doc__)
    parser.add_argument("case", choices=("cells", "airfield", "flight"))
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", default="starter", help="that embeds the gallery")
    parser.add_argument("--photos", type=int, default=95, metavar="N", help="of cells: views (default 95)")
    parser.add_argument("--searched-only", action="append", default=[], metavar="NAME", help="of cells: not asked")
    parser.add_argument("--distractors", type=Path, metavar="FOLDER", help="of airfield")
    parser.add_argument("--tiles", type=int, default=1000, metavar="N", help="of airfield: distractors (default 1000)")
    options = parser.parse_args(argv)
    if (options.case == "airfield") != (options.distractors is not None):
        parser.error("--distractors FOLDER belongs to airfield, which needs it.")
    from mean_model import load_model

    try:
        with load_model(options.model) as embedder:
            if options.case == "cells":
                gallery = cells(options.folder, options.out, embedder, options.searched_only, options.photos)
            elif options.case == "airfield":
                gallery = airfield(options.folder, options.out, embedder, options.distractors, options.tiles)
            else:
                gallery = flight(options.folder, options.out, embedder)
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    sys.stdout.write(f"{len(list(images_below(options.out / 'photos')))} photos, {len(gallery):,} tiles\n")


if __name__ == "__main__":
    main()
