"""Rasters: tiles cover them with equal ground size, in any projection, and read as pictures."""

import math
from itertools import pairwise

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyproj import CRS, Transformer
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.shutil import copy

from gallery.errors import NotGeoreferenced, SourceError
from gallery.geo import LonLat, area_m2, distance_m, size_m
from gallery.imagery.raster import Raster, _starts, _step
from gallery.imagery.raster_io import states_its_place
from gallery.imagery.warp import NOT_SEEN
from gallery.tiles import Window
from tests.helpers.builders import textured

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


@st.composite
def regions(draw):
    """A projection, where the raster's middle lies in it, and the side of its square, metres."""
    lat, lon = draw(st.floats(-80, 80)), draw(st.floats(-180, 180))
    zone = int((lon + 180) // 6) % 60 + 1
    aside = draw(st.sampled_from((0.0, 3.0)))  # on the border of the zone
    equal_area = f"+proj=laea +lat_0={lat / 2:.3f} +lon_0={lon:.3f} +datum=WGS84"
    choices = {
        "degrees": "+proj=longlat +datum=WGS84",
        "mercator": "EPSG:3857",
        "zone": f"EPSG:{(32600 if lat >= 0 else 32700) + zone}",
        "polar": "EPSG:3413" if lat >= 0 else "EPSG:3031",
        "equal area": equal_area,
    }
    crs = CRS.from_user_input(choices[draw(st.sampled_from(sorted(choices)))])
    if "UTM" in crs.name:
        lon = 6 * zone - 183 + aside
    if crs.to_epsg() in (3413, 3031):
        lat = math.copysign(max(abs(lat), 55), lat)
    x, y = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(lon, lat)
    return crs, (x, y), draw(st.sampled_from((1_000.0, 50_000.0, 300_000.0)))


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(region=regions(), overlap=st.sampled_from((0.0, 0.3, 0.5)))
def test_tiles_are_equal_on_the_ground_and_leave_nothing_out(tmp_path_factory, region, overlap):
    crs, (x, y), side_m = region
    side = side_m / 111_000 if crs.is_geographic else side_m
    pixel, size_px = side / 700, 75
    tile_m = size_px * side_m / 700
    path = tmp_path_factory.mktemp("laws") / "r.tif"
    transform = Affine(pixel, 0, x - side / 2, 0, -pixel, y + side / 2)
    with rasterio.open(
        path, "w", "GTiff", 700, 700, 1, crs=crs.to_wkt(), transform=transform, dtype="uint8", sparse_ok=True
    ):
        pass
    with Raster(path) as raster:
        if min(raster.ground_px_m(350, row)[0] for row in (0.5, 350, 699.5)) < tile_m / 300:
            return  # a raster of degrees that reaches a pole
        covered = np.zeros((700, 700), bool)
        for window in raster.windows(tile_m, overlap):
            col, row, width, height = window
            assert col >= 0 and row >= 0 and col + width <= 700 and row + height <= 700
            covered[row : row + height, col : col + width] = True
            across_m, down_m = raster.ground_px_m(col + width / 2, row + height / 2)
            for px, px_m, whole in ((width, across_m, width == 700), (height, down_m, height == 700)):
                if not whole:  # rounded to pixels
                    assert px * px_m == pytest.approx(tile_m, rel=0.01, abs=0.51 * px_m)
        assert covered.all()


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
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {7: (10, 200, 30, 255)})
    with Raster(path) as raster:
        assert raster.image(Window(0, 0, 40, 40), 40).getpixel((5, 5)) == (10, 200, 30)


def test_share_of_data_from_alpha_nodata_and_mask(make_raster):
    pixels = np.full((4, 100, 100), 255, np.uint8)
    pixels[3, :, 30:] = 0
    path = make_raster("alpha.tif", pixels=pixels)
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


ORIENTATIONS = {
    f"{'transposed ' if turned else ''}{across:+d} {down:+d}": (turned, across, down)
    for turned in (False, True)
    for across in (1, -1)
    for down in (1, -1)
}


@pytest.mark.parametrize(("turned", "across", "down"), ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
@pytest.mark.parametrize(
    ("crs", "upper_left", "pixel"),
    [
        ("EPSG:32633", (500_000, 5_200_000), 0.5),  # the UTM zone of its middle
        ("EPSG:32632", (957_000, 5_213_000), 0.5),
        ("EPSG:25833", (500_000, 5_200_000), 0.5),
        ("EPSG:3857", (1_669_792, 5_929_000), 0.7),
        ("EPSG:4326", (15.0, 46.9), 5e-6),
        ("EPSG:32733", (500_000, 5_200_000), 0.5),
    ],
)
def test_pixels_lie_where_their_footprint_says_however_the_columns_run(
    make_raster, crs, upper_left, pixel, turned, across, down
):
    cols, rows = 300, 200
    grid = Affine(0, across * pixel, 0, down * pixel, 0, 0) if turned else Affine.scale(across * pixel, down * pixel)
    transform = Affine.translation(*upper_left) @ grid
    ramps = [np.tile(np.linspace(20, 235, cols), (rows, 1)), np.tile(np.linspace(20, 235, rows)[:, None], (1, cols))]
    pixels = np.stack([*ramps, ramps[0] * 0 + 90]).round().astype(np.uint8)
    path = make_raster(crs=crs, transform=transform, pixels=pixels)
    with Raster(path) as raster:
        assert raster.lonlat(10, 10).lat > raster.lonlat(10, 60).lat, "rows run from north to south"
        tile = raster.tile("t", Window(raster.width_px // 3, raster.height_px // 3, 60, 60), "r")
        seen = np.asarray(raster.image(tile.window, 60))[28:32, 28:32].mean((0, 1))
    x, y = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(tile.centre.lon, tile.centre.lat)
    col, row = ~transform @ (x, y)
    meant = (20 + 215 * (col - 0.5) / (cols - 1), 20 + 215 * (row - 0.5) / (rows - 1), 90)
    assert seen == pytest.approx(meant, abs=3)


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


def test_a_virtual_raster_under_another_name_is_not_opened(make_raster, tmp_path):
    copy(make_raster(), tmp_path / "mosaic.vrt", driver="VRT")
    (tmp_path / "mosaic.vrt").rename(tmp_path / "mosaic.tif")
    with pytest.raises(SourceError):
        Raster(tmp_path / "mosaic.tif")


def test_a_vrt_shows_what_it_points_at(make_raster, tmp_path):
    path = make_raster()
    copy(path, tmp_path / "mosaic.vrt", driver="VRT")
    window = Window(100, 50, 64, 32)
    with Raster(path) as raster, Raster(tmp_path / "mosaic.vrt") as virtual:
        assert virtual.image(window, 64) == raster.image(window, 64)
        assert virtual.tile("t", window, "r") == raster.tile("t", window, "r")


def test_mbtiles_lie_where_their_raster_lay(make_raster, tmp_path):
    zoom_17_m = 2 * math.pi * 6378137 / 256 / 2**17
    path = make_raster(pixel=zoom_17_m, pixels=textured(300, 500))
    copy(path, tmp_path / "area.mbtiles", driver="MBTiles", TILE_FORMAT="PNG")
    with Raster(path) as raster, Raster(tmp_path / "area.mbtiles") as archive:
        assert (archive.width_px, archive.height_px) == (500, 300)
        assert distance_m(archive.lonlat(0, 0), raster.lonlat(0, 0)) < zoom_17_m
        seen, meant = (np.asarray(one.image(Window(100, 100, 100, 100), 100), float) for one in (archive, raster))
        assert np.corrcoef(seen.ravel(), meant.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("suffix", "world", "size"),
    [(".jpg", ".jgw", 1), (".png", ".pgw", 1), (".tif", ".tfw", 1), (".jpg", ".wld", 2), (".png", ".pngw", 2)],
)
def test_a_picture_with_a_world_file(tmp_path, suffix, world, size):
    path = tmp_path / f"sheet{suffix}"
    Image.fromarray(np.moveaxis(textured(200, 300), 0, -1)).save(path)
    assert not states_its_place(path)
    path.with_suffix(world).write_text(f"{size}\n0\n0\n-{size}\n500000\n5000000\n")
    assert states_its_place(path)
    with pytest.raises(NotGeoreferenced, match="--crs"):
        Raster(path)
    with Raster(path, crs="EPSG:32633") as raster:
        tile = raster.tile("t", Window(0, 0, 300, 200), "r")
    assert distance_m(tile.centre, LonLat(15, 45.15)) < 1000
    assert size_m(tile.bounds) == pytest.approx((300 * size, 200 * size), rel=1e-2)
    path.with_suffix(".prj").write_text(CRS.from_epsg(32634).to_wkt("WKT1_ESRI"))
    with Raster(path, crs="EPSG:32633") as raster:
        assert raster.lonlat(0, 0).lon == pytest.approx(21, abs=0.01), "what lies beside the file counts first"


def test_what_states_no_crs_takes_the_assumed_one_and_others_keep_theirs(make_raster):
    with Raster(make_raster(crs=None), crs="EPSG:3857") as raster, Raster(make_raster("b.tif"), crs="EPSG:4326") as own:
        assert raster.lonlat(0, 0) == own.lonlat(0, 0)


MARS = (
    'GEOGCS["Mars 2000",DATUM["D_Mars_2000",SPHEROID["Mars_2000_IAU_IAG",3396190,169.89]],'
    'PRIMEM["Reference_Meridian",0],UNIT["Degree",0.0174532925199433]]'
)


@pytest.mark.parametrize("crs", [MARS, 'LOCAL_CS["site grid",UNIT["metre",1]]'], ids=["mars", "local"])
def test_a_crs_that_is_not_of_the_earth_is_refused_unless_another_is_named(make_raster, crs):
    path = make_raster(crs=crs, origin=(1_000_000, 6_000_000))
    for assumed in (None, crs):
        with pytest.raises(NotGeoreferenced, match=r"not of the Earth. Name the right one with --crs") as caught:
            Raster(path, crs=assumed)
        assert "\n" not in str(caught.value)
    with Raster(path, crs="EPSG:3857") as raster, Raster(make_raster("b.tif", origin=(1_000_000, 6_000_000))) as own:
        assert raster.lonlat(0, 0) == own.lonlat(0, 0)


def test_control_points_lie_in_their_own_crs(make_raster, tmp_path):
    path = make_raster(crs="EPSG:32633", origin=(500_000, 5_200_000), pixel=0.5, pixels=textured(400, 400))
    points = "".join(
        f'<GCP Pixel="{col}" Line="{row}" X="{15 + col * 6.5625e-6}" Y="{46.9 - row * 4.5e-6}"/>'
        for col in (0, 400)
        for row in (0, 400)
    )
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource><SourceFilename relativeToVRT="1">{path.name}'
        f"</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    )
    vrt = tmp_path / "points.vrt"
    vrt.write_text(
        '<VRTDataset rasterXSize="400" rasterYSize="400"><SRS>EPSG:32633</SRS><GCPList Projection="EPSG:4326" '
        f'dataAxisToSRSAxisMapping="2,1">{points}</GCPList>{bands}</VRTDataset>'
    )
    with Raster(vrt) as raster:
        middle = raster.lonlat(raster.width_px / 2, raster.height_px / 2)
    assert distance_m(middle, LonLat(15 + 200 * 6.5625e-6, 46.9 - 200 * 4.5e-6)) < 2


DEPTHS = {
    "one band": (1, "uint8", {}, 0),
    "two plain bands": (2, "uint8", {}, 0),
    "grey and alpha": (2, "uint8", {"alpha": "YES"}, 0),
    "rgb and infrared": (4, "uint8", {"photometric": "RGB", "alpha": "NO"}, 0),
    "six bands": (6, "uint8", {}, 0),
    "uint16 rgb and infrared": (4, "uint16", {}, 2000),
    "int16 with nodata": (3, "int16", {"nodata": -9999}, -500),
    "float32": (3, "float32", {}, 0.25),
    "int32 one band": (1, "int32", {}, 70_000),
}


@pytest.mark.parametrize(("bands", "dtype", "profile", "offset"), DEPTHS.values(), ids=DEPTHS.keys())
def test_any_count_of_bands_and_any_depth(make_raster, bands, dtype, profile, offset):
    pixels = (textured(80, 120, bands=bands) / (256 if dtype == "float32" else 1) + offset).astype(dtype)
    if "alpha" in profile and profile["alpha"] == "YES":
        pixels[1] = 255
    with Raster(make_raster(pixels=pixels, **profile)) as raster:
        seen = np.asarray(raster.image(Window(0, 0, 120, 80), 120), float)
        assert raster.data_share(Window(0, 0, 120, 80)) == 1
    shown = 3 if bands >= 3 else 1
    for band in range(3):
        meant = pixels[band if shown == 3 else 0].astype(float)
        assert np.corrcoef(seen[..., band].ravel(), meant.ravel())[0, 1] > 0.99
    assert seen.min() < 30 and seen.max() > 225, "the whole range of greys is used"


def test_what_is_no_number_is_no_data(make_raster):
    pixels = (textured(100, 100) / 255).astype(np.float32)
    pixels[:, :, 70:] = np.nan
    for name, nodata in (("plain.tif", None), ("stated.tif", float("nan"))):
        with Raster(make_raster(name, pixels=pixels, nodata=nodata)) as raster:
            assert raster.data_share(Window(0, 0, 100, 100)) == pytest.approx(0.7, abs=0.02)
            assert np.isfinite(raster.stretch.low).all() and raster.stretch.high.max() <= 1


def test_a_mask_within_the_file_counts(make_raster):
    path = make_raster(pixels=textured(100, 100))
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.repeat([[255] * 40 + [0] * 60], 100, axis=0).astype(np.uint8))
    with Raster(path) as raster:
        assert raster.data_share(Window(0, 0, 100, 100)) == pytest.approx(0.4, abs=0.02)


def test_the_stretch_ignores_nodata_and_is_the_same_when_opened_again(make_raster):
    pixels = np.random.default_rng(0).integers(1000, 2000, (3, 900, 3000)).astype(np.uint16)
    pixels[:, :, 1500:] = 65535
    path = make_raster(pixels=pixels, nodata=65535)
    with Raster(path) as first, Raster(path) as again:
        assert np.array_equal(first.stretch.low, again.stretch.low)
        assert np.array_equal(first.stretch.high, again.stretch.high)
        assert first.stretch.low == pytest.approx([1020] * 3, abs=5)
        assert first.stretch.high == pytest.approx([1980] * 3, abs=5)


def test_complex_samples_are_refused(make_raster):
    with pytest.raises(SourceError, match="complex"):
        Raster(make_raster(pixels=np.ones((1, 40, 40), np.complex64)))


SHEAR = Affine.translation(500_000, 5_000_000) @ Affine(0.5, 0.1, 0, 0.05, -0.5, 0)
CORNERS = [GroundControlPoint(row, col, 500_000 + col / 2, 5_000_000 - row / 2) for row in (0, 200) for col in (0, 400)]


@pytest.mark.parametrize(
    ("bands", "dtype", "place"),
    [(3, "uint8", {"transform": SHEAR}), (1, "float32", {"transform": SHEAR}), (3, "uint16", {"gcps": CORNERS})],
)
def test_sheared_rasters_and_control_points(tmp_path, bands, dtype, place):
    path = tmp_path / "turned.tif"
    pixels = textured(200, 400, bands=bands).astype(dtype)
    options = {"crs": "EPSG:32633", "width": 400, "height": 200, "count": bands, "dtype": dtype, **place}
    with rasterio.open(path, "w", driver="GTiff", **options) as file:
        file.write(pixels)
    with Raster(path) as raster:
        whole = raster.tile("t", Window(0, 0, raster.width_px, raster.height_px), "r")
        middle = raster.image(Window(raster.width_px // 2 - 5, raster.height_px // 2 - 5, 10, 10), 10)
    expected = (np.mean([place.x for place in CORNERS]), np.mean([place.y for place in CORNERS]))
    if "transform" in place:
        expected = SHEAR @ (200, 100)
    lon, lat = Transformer.from_crs(32633, 4326, always_xy=True).transform(*expected)
    assert distance_m(whole.centre, LonLat(lon, lat)) < 2 and np.asarray(middle).std() > 0


def test_control_points_that_give_no_place_are_refused(tmp_path):
    points = [GroundControlPoint(0, col, 500_000 + col, 5_000_000) for col in range(0, 100, 10)]
    with rasterio.open(
        tmp_path / "line.tif",
        "w",
        driver="GTiff",
        width=9,
        height=9,
        count=1,
        dtype="uint8",
        crs="EPSG:3857",
        gcps=points,
    ) as file:
        file.write(np.ones((1, 9, 9), np.uint8))
    with pytest.raises(NotGeoreferenced, match="control points"):
        Raster(tmp_path / "line.tif")


def test_a_turned_palette_keeps_its_colours(make_raster):
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    pixels = np.tile(np.array([[[1, 200]]], np.uint8), (1, 40, 20))
    path = make_raster(crs="EPSG:32633", transform=turned, pixels=pixels)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {1: (250, 0, 0, 255), 200: (0, 0, 250, 255)})
    with Raster(path) as raster:
        seen = np.asarray(raster.image(Window(0, 0, raster.width_px, raster.height_px), 500)).reshape(-1, 3)
    assert {tuple(map(int, colour)) for colour in np.unique(seen, axis=0)} <= {(250, 0, 0), (0, 0, 250), (0, 0, 0)}


@given(st.floats(-80, 80), st.floats(0.2, 2), st.floats(0, 0.8))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


POLAR = ("EPSG:3031", "EPSG:3413", "EPSG:3995", "EPSG:5041")
FAR_FROM_NORTH = {
    "EPSG:3035": (-10, 38),
    "EPSG:2154": (-4, 48),
    "EPSG:32633": (17.9, 70),
    "EPSG:3857": (40, -60),
    "EPSG:4326": (0, 65),
}


@st.composite
def places_and_crs(draw):
    """A coordinate system and a place in it: at any convergence of a pole, and elsewhere."""
    crs = draw(st.sampled_from((*POLAR, *POLAR, *FAR_FROM_NORTH)))
    if crs not in POLAR:
        return crs, FAR_FROM_NORTH[crs]
    lat = draw(st.floats(62, 89.5)) * (-1 if crs == "EPSG:3031" else 1)
    return crs, (draw(st.floats(-179, 179)), lat)


def raster_of_offsets(folder, crs, lon, lat):
    """A raster around a place whose red says how far north its pixels lie, and green how far east: a grey level a m."""
    there, local = CRS.from_user_input(crs), CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84")
    x, y = Transformer.from_crs("OGC:CRS84", there, always_xy=True).transform(lon, lat)
    pixel = 1e-5 if there.is_geographic else 1.0
    columns, rows = np.meshgrid(np.arange(240) + 0.5, np.arange(240) + 0.5)
    transform = Affine(pixel, 0, x - 120 * pixel, 0, -pixel, y + 120 * pixel)
    to_local = Transformer.from_crs(there, local, always_xy=True)
    east, north = to_local.transform(*(transform @ (columns, rows)))
    dither = np.random.default_rng(0).uniform(0, 1, (2, 240, 240))  # else the steps of grey levels lie askew
    values = np.clip(np.floor(np.stack([127 + north, 127 + east]) + dither), 0, 255)
    pixels = np.concatenate([values, 0 * values[:1]]).astype(np.uint8)
    path = folder / "offsets.tif"
    with rasterio.open(path, "w", "GTiff", 240, 240, 3, crs=there.to_wkt(), transform=transform, dtype="uint8") as file:
        file.write(pixels)
    return path


@settings(max_examples=30)
@given(where=places_and_crs())
def test_the_upper_side_of_a_tile_is_true_north(tmp_path_factory, where):
    crs, (lon, lat) = where
    with Raster(raster_of_offsets(tmp_path_factory.mktemp("north"), crs, lon, lat)) as raster:
        across_m, down_m = raster.ground_px_m(120, 120)
        window = Window(120 - round(30 / across_m), 120 - round(30 / down_m), round(60 / across_m), round(60 / down_m))
        tile = raster.tile("t", window, "r")
        picture = np.asarray(raster.image(window, 384, tile.cutout), float)
    height, width = picture.shape[:2]
    x, y = np.meshgrid(
        *(tile.sides_m[axis] * ((np.arange(n) + 0.5) / n - 0.5) for axis, n in enumerate((width, height)))
    )
    design = np.column_stack([x.ravel(), y.ravel(), np.ones(x.size)])
    (north_x, east_x), (north_y, east_y), (north, east) = np.linalg.lstsq(
        design, picture[..., :2].reshape(-1, 2), None
    )[0]
    assert abs(math.degrees(math.atan2(north_x, -north_y))) < 1.05
    assert abs(math.degrees(math.atan2(east_y, east_x))) < 1.05
    assert (-north_y, east_x) == pytest.approx((1, 1), abs=0.01), "as large as its corners say"
    assert (north - 127, east - 127) == pytest.approx((0, 0), abs=1.5)
    assert tile.contains(tile.centre) and distance_m(tile.centre, LonLat(lon, lat)) < 1.5


@pytest.mark.parametrize("lon", [0, 45, 90, -120])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_turned_tiles_leave_no_gaps_between_them(tmp_path, lon, overlap):
    with Raster(raster_of_offsets(tmp_path, "EPSG:3031", lon, -75)) as raster:
        tiles = [raster.tile("t", window, "r") for window in raster.windows(40, overlap)]
        inner = raster.tile("t", Window(40, 40, 160, 160), "r").footprint.buffer(-1e-9)
        assert shapely.union_all([tile.footprint for tile in tiles]).covers(inner)
        assert all(min(tile.sides_m) == pytest.approx(40, rel=0.03) for tile in tiles)


def test_what_a_turned_tile_shows_beside_the_raster_is_no_data(tmp_path):
    with Raster(raster_of_offsets(tmp_path, "EPSG:3031", 45, -75)) as raster:
        for window, share in ((Window(0, 0, 60, 60), 0.9), (Window(90, 90, 60, 60), 1.0)):
            tile = raster.tile("t", window, "r")
            unseen = (np.asarray(raster.image(window, 60, tile.cutout)) == NOT_SEEN).all(axis=2).mean()
            assert raster.data_share(window, tile.cutout) == pytest.approx(1 - unseen, abs=0.02)
            assert raster.data_share(window, tile.cutout) == pytest.approx(share, abs=0.1)
