"""Rasters: tiles cover them with equal ground size, in any projection, and read as pictures."""

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from conftest import textured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from gallery.errors import NotGeoreferenced, SourceError
from gallery.geo import area_m2, size_m
from gallery.raster import Raster, _starts, _step
from gallery.tiles import Window

PROJECTIONS = {
    "web mercator 47N": ("EPSG:3857", (1_000_000, 6_000_000), 1.0),
    "web mercator 70N": ("EPSG:3857", (1_000_000, 11_000_000), 1.0),
    "UTM 33S": ("EPSG:32733", (500_000, 7_000_000), 0.5),
    "degrees 60N": ("EPSG:4326", (20.0, 60.0), (2e-5, 1e-5)),
    "Lambert France": ("EPSG:2154", (650_000, 6_860_000), 0.5),
    "antimeridian": ("EPSG:4326", (179.998, 10.0), 1e-5),
}


@pytest.fixture(params=PROJECTIONS.values(), ids=PROJECTIONS.keys())
def region(request, make_raster):
    crs, origin, pixel = request.param
    with Raster(make_raster(crs=crs, origin=origin, pixel=pixel)) as raster:
        yield raster


def test_tiles_have_their_size_on_the_ground(region):
    for window in region.windows(80, 0.5):
        assert size_m(region.tile("t", window, "r").bounds) == pytest.approx((80, 80), rel=0.03)


def test_scale_and_centre_of_a_tile(region):
    window = next(iter(region.windows(80, 0)))
    tile = region.tile("t", window, "r")
    ground_m2 = area_m2(tile.footprint)
    assert tile.metres_per_px**2 * window.width_px * window.height_px == pytest.approx(ground_m2, rel=1e-2)
    assert tile.contains(tile.centre) and tile.bounds.contains(tile.centre)


def test_tiles_cover_the_raster_and_half_overlap_gives_four(region):
    counts = np.zeros((region.height_px, region.width_px), int)
    for col, row, width, height in region.windows(60, 0.5):
        assert col >= 0 and row >= 0 and col + width <= region.width_px and row + height <= region.height_px
        counts[row : row + height, col : col + width] += 1
    assert counts.min() >= 1
    half = max(width, height) // 2 + 2
    inside = counts[half:-half, half:-half]
    assert (inside >= 4).mean() > 0.98  # slivers of a pixel where the row height changes with latitude


@given(st.integers(1, 500), st.integers(1, 200), st.floats(0, 0.9))
def test_tiles_cover_a_side_without_gaps(length_px, size_px, overlap):
    size_px = min(size_px, length_px)
    starts = _starts(length_px, size_px, overlap)
    assert starts[0] == 0 and starts[-1] + size_px == length_px
    assert all(0 < after - before <= _step(size_px, overlap) for before, after in pairwise(starts))


@given(st.integers(40, 300), st.integers(20, 40))
def test_half_overlap_shows_inner_points_twice_along_a_side(length_px, half_px):
    starts = _starts(length_px, min(2 * half_px, length_px), 0.5)
    size_px = min(2 * half_px, length_px)
    for point in range(half_px, length_px - half_px):
        assert sum(start <= point < start + size_px for start in starts) >= (2 if length_px > size_px else 1)


def test_a_raster_smaller_than_a_tile_is_one_tile(make_raster):
    with Raster(make_raster(pixels=textured(50, 70))) as raster:
        assert list(raster.windows(500, 0.5)) == [Window(0, 0, 70, 50)]


def test_picture_is_the_window(make_raster):
    pixels = textured(400, 600)
    with Raster(make_raster(pixels=pixels)) as raster:
        picture = raster.image(Window(100, 50, 64, 32), 384)
        assert picture.mode == "RGB" and picture.size == (64, 32)
        assert np.array_equal(np.asarray(picture), np.moveaxis(pixels[:, 50:82, 100:164], 0, -1))
        assert raster.image(Window(0, 0, 600, 400), 60).size == (60, 40)


def test_grey_palette_and_alpha(make_raster):
    grey = textured(40, 40, bands=1)
    with Raster(make_raster("grey.tif", pixels=grey)) as raster:
        assert np.array_equal(np.asarray(raster.image(Window(0, 0, 40, 40), 40)), np.repeat(grey[0][..., None], 3, 2))
    path = make_raster("palette.tif", pixels=np.full((1, 40, 40), 7, np.uint8))
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {7: (10, 200, 30, 255)})
    with Raster(path) as raster:
        assert raster.image(Window(0, 0, 40, 40), 40).getpixel((5, 5)) == (10, 200, 30)


def test_share_of_data_from_alpha_nodata_and_mask(make_raster):
    pixels = np.full((4, 100, 100), 255, np.uint8)
    pixels[3, :, 30:] = 0
    path = make_raster("alpha.tif", pixels=pixels)
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    window = Window(0, 0, 100, 100)
    with Raster(path) as raster:
        assert raster.data_share(window) == pytest.approx(0.3, abs=0.02)
    dark = np.full((3, 100, 100), 9, np.uint8)
    dark[:, 60:] = 0
    with Raster(make_raster("nodata.tif", pixels=dark, nodata=0)) as raster:
        assert raster.data_share(window) == pytest.approx(0.6, abs=0.02)


def test_sixteen_bits_are_stretched_alike_in_all_tiles(make_raster):
    ramp = np.broadcast_to(np.linspace(200, 3000, 400).astype(np.uint16), (3, 100, 400))
    with Raster(make_raster(pixels=ramp.copy())) as raster:
        left = np.asarray(raster.image(Window(0, 0, 200, 100), 200))
        whole = np.asarray(raster.image(Window(0, 0, 400, 100), 400))
    assert np.array_equal(left, whole[:, :200])
    assert whole.min() == 0 and whole.max() == 255 and np.all(np.diff(whole[0, :, 0].astype(int)) >= 0)


def test_a_rotated_raster_is_seen_north_up(make_raster):
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    with Raster(make_raster(crs="EPSG:32633", transform=turned)) as raster:
        tiles = [raster.tile("t", window, "r") for window in raster.windows(50, 0)]
        shares = [raster.data_share(tile.window) for tile in tiles]
    assert min(shares) == 0 and max(shares) == 1  # warped corners are empty
    assert all(size_m(tile.bounds) == pytest.approx((50, 50), rel=0.05) for tile in tiles)


def test_tiles_across_the_180th_meridian_stay_whole(make_raster):
    with Raster(make_raster(crs="EPSG:4326", origin=(179.998, 10.0), pixel=1e-5)) as raster:
        tiles = [raster.tile("t", window, "r") for window in raster.windows(80, 0.5)]
    crossing = [tile for tile in tiles if tile.bounds.crosses_antimeridian]
    assert crossing and all(tile.footprint.bounds[2] - tile.footprint.bounds[0] < 0.01 for tile in tiles)


def test_refusals_say_what_to_do(make_raster, tmp_path):
    with pytest.raises(NotGeoreferenced, match="CRS"):
        Raster(make_raster("plain.tif", crs=None))
    with pytest.raises(SourceError, match="no file"):
        Raster(tmp_path / "absent.tif")
    (tmp_path / "text.tif").write_text("not a picture")
    with pytest.raises(SourceError, match="cannot be read as a raster"):
        Raster(tmp_path / "text.tif")
    with Raster(make_raster(pixel=30.0)) as raster, pytest.raises(SourceError, match="at least"):
        list(raster.windows(100, 0.5))


def test_a_virtual_raster_is_not_opened(make_raster, tmp_path):
    from rasterio.shutil import copy

    copy(make_raster(), tmp_path / "mosaic.vrt", driver="VRT")
    (tmp_path / "mosaic.vrt").rename(tmp_path / "mosaic.tif")
    with pytest.raises(SourceError):
        Raster(tmp_path / "mosaic.tif")


@given(st.floats(-80, 80), st.floats(0.2, 2), st.floats(0, 0.8))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equal_ground_size_at_any_latitude(make_raster, lat, pixel_m, overlap):
    pixel_deg = pixel_m / 111_320
    path = make_raster("any.tif", "EPSG:4326", (10.0, lat), (pixel_deg, pixel_deg), textured(120, 200))
    with Raster(path) as raster:
        windows = list(raster.windows(60 * pixel_m, overlap))
        for window in windows:
            width_m, height_m = size_m(raster.tile("t", window, "r").bounds)
            assert height_m == pytest.approx(60 * pixel_m, rel=0.03)
            if window.width_px < raster.width_px:
                assert width_m == pytest.approx(60 * pixel_m, rel=0.03)
