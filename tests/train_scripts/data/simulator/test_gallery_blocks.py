"""The ground of a gallery in blocks: apart, split by place, held-out ground out of training, and where they lie."""

import csv
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio.windows import Window as RasterWindow

from gallery import Gallery, GalleryError, build_gallery
from gallery.geo import LonLat, distance_m, moved, rectangle
from gallery.imagery.raster import Raster
from tests.helpers.builders import FakeEmbedder, textured, write_raster
from train_scripts.data.simulator.gallery_blocks import GalleryBlocks, blocks_of
from train_scripts.data.simulator.pairs import FlightRange, at_scale, places_of

UTM, ORIGIN = "EPSG:32633", (650_000.0, 5_000_000.0)  # far from the zone's middle: the grid is turned by 1.4 degrees
TILE_M = 20.0


def gallery_of(folder: Path, *rasters: Path) -> Gallery:
    return build_gallery(rasters, folder, FakeEmbedder(), tile_size_m=TILE_M, overlap=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("region")
    write_raster(home / "ground.tif", UTM, ORIGIN, pixels=textured(400, 600, seed=3))
    gallery_of(home / "g", home / "ground.tif")
    return home


@pytest.fixture(scope="module")
def region(home) -> GalleryBlocks:
    return blocks_of(Gallery.open(home / "g"))


def test_blocks_lie_apart_and_a_fifth_is_held_out(region):
    blocks = [*region.trained, *region.held_out]
    assert region.tile_m == pytest.approx(TILE_M, rel=0.005)
    assert (region.block_m, len(region.trained), len(region.held_out)) == (6 * region.tile_m, 12, 3)
    shapes = [block.footprint for block in blocks]
    assert shapely.union_all(shapes).area == pytest.approx(sum(shape.area for shape in shapes), rel=1e-4)


def test_what_is_held_out_hangs_on_the_ground_alone(home, region, tmp_path):
    again = blocks_of(gallery_of(tmp_path / "other", home / "ground.tif"))
    assert [block.id for block in again.held_out] == [block.id for block in region.held_out]


def test_held_out_ground_does_not_reach_training(home, region, tmp_path):
    import rasterio

    spoiled = tmp_path / "ground.tif"
    spoiled.write_bytes((home / "ground.tif").read_bytes())
    with rasterio.open(spoiled, "r+") as raster:
        for block in region.held_out:
            blank = np.full((3, block.window.height_px, block.window.width_px), 255, np.uint8)
            raster.write(blank, window=RasterWindow(*block.window))
    other = blocks_of(gallery_of(tmp_path / "g", spoiled))
    assert [block.id for block in other.held_out] == [block.id for block in region.held_out]
    for own, level in zip(region.pool(32).surfaces.colours, other.pool(32).surfaces.colours, strict=True):
        assert (own == level).all()
    assert (other.ground(other.held_out[0], 1.0).pixels == 255).all()


def test_a_block_lies_where_it_says(home, region):
    block = region.trained[0]
    ground = region.ground(block, 1.0)
    assert ground.up_deg == pytest.approx(1.4, abs=0.2) and ground.size_m == pytest.approx((region.block_m,) * 2)
    left, top, width_px, height_px = block.window
    half_m = region.block_m / 2
    with Raster(home / "ground.tif") as raster:
        for right, up in ((-1, 1), (1, 1), (1, -1), (0, -0.5)):
            there = raster.lonlat(left + (1 + right) / 2 * width_px, top + (1 - up) / 2 * height_px)
            assert distance_m(ground.place(right * half_m, up * half_m), there) < 0.5


def test_a_pool_is_flat_and_sees_a_tile_as_the_network_does(region):
    pool = region.pool(32)
    assert (pool.worlds, pool.appearances, pool.side_m) == (12, 1, region.block_m)
    assert pool.surfaces.gsd_m == pytest.approx(0.6 * region.tile_m / 32, rel=0.02)
    assert not pool.surfaces.heights.any()
    flight = at_scale(FlightRange(tile_m=160, altitude_m=(80, 300)), region.tile_m)
    assert flight.altitude_m == pytest.approx((10, 37.5), rel=0.03) and places_of(pool, flight) == 12 * 16


def test_ground_of_two_rasters_is_used_once(home, region, tmp_path):
    """Rasters that touch are one mosaic, and two galleries of other names hold out the same ground."""
    twin = tmp_path / "twin.tif"
    twin.write_bytes((home / "ground.tif").read_bytes())
    both = blocks_of(gallery_of(tmp_path / "g", home / "ground.tif", twin))
    for own, others in ((region.trained, both.trained), (region.held_out, both.held_out)):
        assert len(own) == len(others)
        for block, other in zip(own, others, strict=True):
            assert distance_m(block.centre, other.centre) < 0.1


def test_too_little_ground_is_refused(home):
    with pytest.raises(GalleryError, match="has 0 squares of 1000 m, and 3 at least are needed"):
        blocks_of(Gallery.open(home / "g"), tile_m=200.0)


def test_large_images_of_known_extent_are_ground(tmp_path):
    (tmp_path / "cells").mkdir()
    rows = [("file", "lon", "lat", "west", "south", "east", "north")]
    for number in range(4):
        centre = moved(LonLat(15, 47), 500.0 * number, 0)
        pixels = np.moveaxis(textured(100, 150, seed=number), 0, -1)
        Image.fromarray(pixels).save(tmp_path / "cells" / f"{number}.png")
        rows.append((f"{number}.png", centre.lon, centre.lat, *rectangle(centre, 150, 100).bounds))
    with (tmp_path / "positions.csv").open("w", newline="") as table:
        csv.writer(table).writerows(rows)
    gallery = build_gallery(tmp_path / "cells", tmp_path / "g", FakeEmbedder(), positions=tmp_path / "positions.csv")
    region = blocks_of(gallery, tile_m=TILE_M)
    assert (region.block_m, len(region.trained), len(region.held_out)) == (100, 3, 1)
    ground = region.ground(region.trained[0], 1.0)
    whole = np.asarray(gallery.image(region.trained[0]))
    assert np.abs(ground.pixels.astype(int) - whole[:, 25:125]).mean() < 3
