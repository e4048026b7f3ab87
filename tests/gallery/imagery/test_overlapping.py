"""Tiles cut out of larger parts are those that are read one by one, pixel for pixel, and memory stays bounded."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from gallery.imagery import overlapping
from gallery.imagery.overlapping import Lattice, Parts
from gallery.imagery.raster import Raster
from gallery.tiles import Window
from tests.helpers.builders import textured


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(overlapping, "PART_PX", 96)


def grid(raster: Raster, side_px: int, step_px: int) -> Iterator[Window]:
    """Windows row by row, the last ones moved back to end at the edge."""
    rows, columns = (
        [*range(0, length - side_px, step_px), length - side_px] for length in (raster.height_px, raster.width_px)
    )
    return (Window(column, row, side_px, side_px) for row in rows for column in columns)


def alike(raster: Raster, windows: Iterable[Window], max_px: int) -> int:
    """Compares tiles with those that are read one by one; returns how many were cut out of parts."""
    parts, cut = Parts(), 0
    for window in windows:
        tile = parts.image(raster, "raster", window, max_px)
        assert np.array_equal(np.asarray(tile), np.asarray(raster.image(window, max_px)))
        cut += Lattice.of(raster, window, max_px) is not None
    return cut


@pytest.mark.parametrize(
    ("side_px", "step_px", "max_px"),
    [(50, 25, 32), (50, 50, 32), (50, 25, 64), (60, 15, 48), (80, 40, 30), (90, 45, 30), (40, 20, 16), (64, 16, 64)],
)
def test_tiles_have_the_pixels_of_tiles_read_one_by_one(make_raster, side_px, step_px, max_px):
    with Raster(make_raster(pixels=textured(330, 410, seed=3))) as raster:
        windows = list(grid(raster, side_px, step_px))
        assert alike(raster, windows, max_px) > len(windows) / 2


def test_tiles_that_begin_between_pixels_are_read_one_by_one(make_raster):
    with Raster(make_raster(pixels=textured(330, 410, seed=3))) as raster:
        assert alike(raster, [Window(16, 0, 33, 33), Window(0, 16, 33, 33), Window(33, 0, 33, 34)], 20) == 0
        assert alike(raster, raster.windows(60, 0.5), 20) < 5


@pytest.mark.parametrize("kind", ["16 bits", "float", "overviews", "palette", "gaps", "grey"])
def test_the_kind_of_raster_makes_no_difference(make_raster, kind):
    pixels = textured(400, 400, seed=5)
    if kind == "16 bits":
        pixels = pixels.astype(np.uint16) * 130
    elif kind == "float":
        pixels = pixels.astype(np.float32) / 7
        pixels[:, 90:130, 60:200] = np.nan
    elif kind in ("grey", "palette"):
        pixels = pixels[:1]
    path = make_raster(pixels=pixels, **({"nodata": 0} if kind == "gaps" else {}))
    if kind == "overviews":
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4], Resampling.average)
    if kind == "gaps":
        with rasterio.open(path, "r+") as file:
            file.write(np.zeros((3, 70, 90), np.uint8), window=rasterio.windows.Window(100, 50, 90, 70))
    if kind == "palette":
        with rasterio.open(path, "r+") as file:
            file.write_colormap(1, {value: (value, 255 - value, value // 2) for value in range(256)})
    with Raster(path) as raster:
        assert alike(raster, grid(raster, 100, 50), 32) > 10


def test_what_tiles_share_is_read_once(make_raster, monkeypatch):
    with Raster(make_raster(pixels=textured(400, 400))) as raster:
        read_px, image = [], Raster.image

        def counted(self, window, max_px, cutout=None):
            read_px.append(window.width_px * window.height_px)
            return image(self, window, max_px, cutout)

        monkeypatch.setattr(Raster, "image", counted)
        parts = Parts()
        for window in grid(raster, 80, 40):
            parts.image(raster, "raster", window, 40)
        assert sum(read_px) == 400 * 400


def test_a_raster_too_wide_for_the_memory_is_read_tile_by_tile_and_no_more_is_kept_than_allowed(
    make_raster, monkeypatch
):
    with Raster(make_raster(pixels=textured(200, 800))) as raster:
        window = Window(0, 0, 50, 50)
        assert Lattice.of(raster, window, 25) is not None
        monkeypatch.setattr(overlapping, "MOST_BYTES", 3 * 96 * 96 * 2)
        assert Lattice.of(raster, window, 25) is None
        monkeypatch.setattr(overlapping, "MOST_BYTES", 3 * 96 * 96 * 10)
        parts = Parts()
        for number in range(3):  # of several rasters
            for each in islice(grid(raster, 50, 25), 40):
                parts.image(raster, number, each, 25)
        assert 0 < parts._bytes <= overlapping.MOST_BYTES
        parts.clear()
        assert parts._bytes == 0 and not parts._kept
