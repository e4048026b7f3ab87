"""Simulated drone photos of a gallery's own ground: `python -m train_scripts.region_photos GALLERY --out FOLDER`.

They show the blocks that training on the gallery leaves out (`worlds = "gallery:DIR"`), or with --trained the others,
and truth.csv beside them says what they show. So a model can be measured before and after, over the whole gallery:

  python -m train_scripts.evaluate --dataset gallery:GALLERY --photos FOLDER --model starter --model runs/region/model

Photo and map are one acquisition, taken as flat: this says nothing about seasons, years and relief.
"""

from __future__ import annotations

import csv
import math
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gallery import Gallery, GalleryError
from gallery.geo import LonLat
from gallery.tiles import Tile
from train_scripts.arguments import program
from train_scripts.data.simulator.flat_ground import FOV_DEG, VIEW_PX, FlatGround, GroundView, random_view, write_view
from train_scripts.data.simulator.gallery_blocks import GalleryBlocks, blocks_of
from train_scripts.evaluation.queries import TRUTH

ALTITUDE_SIDES = (0.5, 1.875)  # in tile sides, as the starter was trained: 80 to 300 m over tiles of 160 m
PITCH_DEG = (-90.0, -45.0)


def write_photos(region: GalleryBlocks, folder: Path, count: int, seed: int = 0, trained: bool = False) -> None:
    """Photos of random points in the held-out blocks, or in the trained ones, and their truth.

    A photo shows ground of its block alone, and the tiles that cover its point lie in the block as well.
    """
    blocks = region.trained if trained else region.held_out
    random, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    chosen = np.sort(np.resize(random.permutation(len(blocks)), count))  # so that each block is read once
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TRUTH).open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("file", "lon", "lat", "altitude_m", "heading_deg", "pitch_deg"))
        bar = iter(tqdm(range(count), unit="photo", file=sys.stderr))
        for block, photos in groupby(chosen.tolist()):
            ground = region.ground(blocks[block], finest_m(region, blocks[block]))
            for _, number in zip(photos, bar, strict=False):
                view = view_inside(ground, region.tile_m, random)
                write_view(folder / f"{number:04d}.jpg", ground, view, noise)
                rows.writerow((f"{number:04d}.jpg", *described(view, ground.place(view.right_m, view.up_m))))


def finest_m(region: GalleryBlocks, block: Tile) -> float:
    """Metres of a pixel of the lowest photos, or of the imagery where that is coarser."""
    lowest_m = ALTITUDE_SIDES[0] * region.tile_m * 2 * math.tan(math.radians(FOV_DEG) / 2) / VIEW_PX
    return max(block.metres_per_px, lowest_m)


def view_inside(ground: FlatGround, tile_m: float, random: np.random.Generator) -> GroundView:
    """A view whose point lies at least a tile side inside the picture."""
    low, high = ALTITUDE_SIDES
    reach_m = min(ground.size_m) / 2 - tile_m
    while True:
        view = random_view(ground.size_m, (low * tile_m, high * tile_m), random, PITCH_DEG)
        if max(abs(view.right_m), abs(view.up_m)) <= reach_m:
            return view


def described(view: GroundView, point: LonLat) -> tuple[float, ...]:
    """A photo's row of the truth, after its name."""
    return (
        round(point.lon, 8),
        round(point.lat, 8),
        round(view.altitude_m, 2),
        round(view.heading_deg, 2),
        round(view.pitch_deg, 2),
    )


def main(argv: list[str] | None = None) -> None:
    """Write photos of a gallery's ground."""
    parser = program("region_photos", __doc__)
    parser.add_argument("gallery", type=Path, metavar="GALLERY", help="the folder of a gallery")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=200, help="photos (default 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trained", action="store_true", help="of the ground that is trained on, to compare")
    parser.add_argument("--tile-m", type=float, default=0.0, help="as in the config of the training")
    options = parser.parse_args(argv)
    if options.count < 1:
        parser.error(f"{options.count} photos are too few: ask for at least 1.")
    try:
        region = blocks_of(Gallery.open(options.gallery), options.tile_m)
        write_photos(region, options.out, options.count, options.seed, options.trained)
    except GalleryError as error:
        parser.error(str(error))
    sys.stdout.write(
        f"{options.count} photos; blocks of {region.block_m:.0f} m: {len(region.trained)} trained on, "
        f"{len(region.held_out)} held out\n"
    )


if __name__ == "__main__":
    main()
