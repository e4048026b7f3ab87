"""The ground of a gallery as blocks to train on and blocks to measure on: pictures without any label, taken as flat."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
import torch
from PIL import Image

from gallery import Gallery, GalleryError
from gallery.geo import LonLat, area_m2, offsets_m, size_m, wrap_lon
from gallery.imagery.raster_cache import open_raster
from gallery.search.scales import scales_of
from gallery.tiles import Tile
from train_scripts.data.simulator.flat_ground import FlatGround
from train_scripts.data.simulator.pairs import Pool
from train_scripts.data.simulator.renderer import Surfaces

SIDES = range(12, 4, -1)
"""Sides of a block, in tile sides: the most of which there are `ENOUGH` blocks, else the fewest."""

ENOUGH, FEWEST, MOST = 10, 3, 64
"""Blocks that are enough for large ones, that a region must have, and that are kept in memory."""

HELD_OUT = 0.2
"""Share of the blocks that is never trained on."""

LEAST_DATA = 0.95
"""Share of a block that must hold data."""

SAME_GROUND = 0.02
"""Share of their area from which on two blocks show the same ground: then the first is used."""

FINER = 0.6
"""Metres of a ground pixel per metre of what the network sees of a tile: as the starter's worlds were packed."""


@dataclass(frozen=True)
class GalleryBlocks:
    """Ground of a gallery, split by place.

    Nothing of a held-out block is trained on, as each training view and tile lies in a block of its own. A photo of a
    point that lies a tile side inside a held-out block is answered by tiles that lie wholly in it.

    Attributes:
        tile_m: side of a tile.
        block_m: side of a block.
        trained, held_out: where the blocks lie, as tiles of the gallery's sources.
    """

    gallery: Gallery
    tile_m: float
    block_m: float
    trained: tuple[Tile, ...]
    held_out: tuple[Tile, ...]

    def ground(self, block: Tile, gsd_m: float) -> FlatGround:
        """The picture of a block, its pixels so many metres wide."""
        width_m, height_m = (self.block_m, self.block_m) if block.window else size_m(block.bounds)
        width_px, height_px, side_px = (round(side_m / gsd_m) for side_m in (width_m, height_m, self.block_m))
        picture = self.gallery.image(block, max(width_px, height_px))
        picture = picture.resize((width_px, height_px), Image.Resampling.BICUBIC)
        left, top = (width_px - side_px) // 2, (height_px - side_px) // 2
        pixels = np.array(picture.crop((left, top, left + side_px, top + side_px)))
        return FlatGround(pixels, block.centre, self.block_m / side_px, _up_deg(block))

    def pool(self, image_px: int) -> Pool:
        """The blocks to train on, as worlds of one appearance. Args: image_px: side of the network's input."""
        blocks = self.trained[:: math.ceil(len(self.trained) / MOST)]
        grounds = [self.ground(block, FINER * self.tile_m / image_px) for block in blocks]
        pixels = torch.from_numpy(np.stack([ground.pixels for ground in grounds]))
        half_m, count = self.block_m / 2, len(grounds)
        flat = torch.zeros(pixels.shape[:3], dtype=torch.float16)
        surfaces = Surfaces.stack(pixels, flat, grounds[0].gsd_m, [-half_m] * count, [half_m] * count)
        return Pool(surfaces, torch.tensor([[0.0, 0.0, 1.0]] * count), count, 1, self.block_m)


def blocks_of(gallery: Gallery, tile_m: float = 0.0) -> GalleryBlocks:
    """Cut a gallery's ground into blocks, and hold a fifth of them out: by their places, so always the same ones.

    Args:
        tile_m: side of the tiles to train; 0 takes that of the gallery's tiles, the smallest of several scales.

    Raises:
        GalleryError: the imagery is not there, or is too small for tiles of that size.
    """
    tile_m = tile_m or scales_of(gallery)[0].side_m
    for sides in SIDES:
        block_m = sides * tile_m
        blocks = _apart([*_raster_blocks(gallery, block_m), *_image_blocks(gallery, block_m)])
        if len(blocks) >= ENOUGH:
            break
    if len(blocks) < FEWEST:
        raise GalleryError(
            f"{gallery.folder.name} has {len(blocks)} squares of {block_m:.0f} m, and {FEWEST} at least are needed to "
            f"train on some and measure on others. Set tile_m below {tile_m:.3g}, or add imagery."
        )
    mixed = sorted(blocks, key=_lot)
    held_out = {block.id for block in mixed[: max(1, round(HELD_OUT * len(blocks)))]}
    trained = tuple(block for block in blocks if block.id not in held_out)
    return GalleryBlocks(gallery, tile_m, block_m, trained, tuple(block for block in blocks if block.id in held_out))


def _lot(block: Tile) -> bytes:
    """A number drawn by the place of a block, whatever its source is called."""
    return hashlib.sha256(f"{block.centre.lon:.5f} {block.centre.lat:.5f}".encode()).digest()


def _raster_blocks(gallery: Gallery, block_m: float) -> Iterator[Tile]:
    """Whole squares of the gallery's rasters that hold data and that tiles of the gallery show."""
    tiles = gallery.tiles
    for source in tiles.loc[tiles["col_px"].notna(), "source"].unique():
        raster = open_raster(gallery.folder / source, gallery.assumed_crs)
        for window in raster.windows(block_m, 0.0, north_up=False):
            name = f"{Path(source).name}/{block_m:g}/{window.row_px}_{window.col_px}"
            block = raster.tile(name, window, source, north_up=False)
            whole = area_m2(block.footprint) > (1 - SAME_GROUND) * block_m**2
            if whole and len(tiles.sindex.query(block.footprint)) and raster.data_share(window) >= LEAST_DATA:
                yield block


def _image_blocks(gallery: Gallery, block_m: float) -> Iterator[Tile]:
    """Images of folders whose extent is stated, and that are large enough."""
    tiles = gallery.tiles
    for row in np.flatnonzero(tiles["image"].notna() & (tiles["placed"] == "stated extent")):
        tile = gallery.tile(int(row))
        if min(size_m(tile.bounds)) >= (1 - SAME_GROUND) * block_m:
            yield tile


def _apart(blocks: Sequence[Tile]) -> list[Tile]:
    """Blocks without those whose ground an earlier one shows, as the last ones of a raster's rows may."""
    tree = shapely.STRtree([block.footprint for block in blocks])
    kept: list[Tile] = []
    taken: set[int] = set()
    for number, block in enumerate(blocks):
        others = taken.intersection(tree.query(block.footprint).tolist())
        shared = (block.footprint.intersection(blocks[other].footprint).area for other in others)
        if all(area <= SAME_GROUND * block.footprint.area for area in shared):
            taken.add(number)
            kept.append(block)
    return kept


def _up_deg(block: Tile) -> float:
    """Where the upper side of a raster's window points, clockwise from north; images lie north up."""
    if block.window is None:
        return 0.0
    upper_left, _, _, lower_left = block.footprint.exterior.coords[:4]
    east, north = offsets_m(*(LonLat(wrap_lon(lon), lat) for lon, lat in (lower_left, upper_left)))
    return math.degrees(math.atan2(east, north))
