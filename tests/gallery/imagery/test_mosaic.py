"""Mosaics: rasters that touch or overlap are cut as one, whatever their coordinate systems."""

import shutil

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from pyproj import Transformer

from gallery import Gallery, build_gallery
from gallery.errors import SourceError
from gallery.geo import LonLat, distance_m, size_m
from gallery.imagery.mosaic import clusters, look_at, write_mosaic
from gallery.imagery.raster import Raster
from gallery.imagery.raster_cache import _kept
from gallery.store.check import check_gallery
from gallery.tiles import Window
from tests.helpers.builders import textured, write_raster

UTM33 = "EPSG:32633"


def flat(value: int, side: int = 100, bands: int = 3, dtype: str = "uint8") -> np.ndarray:
    return np.full((bands, side, side), value, dtype)


@pytest.fixture
def sheet(tmp_path):
    """A factory of sheets of one value: (name, value, metres east, metres north, …) in UTM 33."""

    def make(name, value, east_m, north_m=0, crs=UTM33, **options):
        pixels = options.pop("pixels", None)
        origin = (500_000 + east_m, 5_000_000 + north_m)
        return write_raster(tmp_path / name, crs, origin, 1.0, flat(value) if pixels is None else pixels, **options)

    return make


def mosaic_of(paths, folder, crs=None):
    (cluster,) = clusters([look_at(path, crs) for path in paths])
    return write_mosaic(cluster, folder)


def values(raster: Raster, row: int = 50) -> np.ndarray:
    """The first band along a row, -1 where there is no data."""
    picture = np.asarray(raster.image(Window(0, 0, raster.width_px, raster.height_px), 10_000), int)[row, :, 0]
    holes = [raster.data_share(Window(col, row, 1, 1)) == 0 for col in range(raster.width_px)]
    return np.where(holes, -1, picture)


def test_sheets_that_touch_directly_or_by_others_are_one_cluster(sheet):
    names = {"a": 0, "b": 100, "far": 400, "c": 190, "alone": 2000, "near": 501}
    sheets = [look_at(sheet(f"{name}.tif", 1, east)) for name, east in names.items()]
    found = [[one.path.stem for one in cluster] for cluster in clusters(sheets)]
    assert found == [["a", "b", "c"], ["far", "near"], ["alone"]]


def test_the_later_of_two_that_overlap_is_shown_and_gaps_are_empty(sheet, tmp_path):
    paths = [sheet("a.tif", 10, 0), sheet("b.tif", 20, 80), sheet("c.tif", 30, 150, 80)]
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        assert (raster.width_px, raster.height_px) == (250, 180)
        assert raster.lonlat(0, 80) == pytest.approx(Raster(paths[0]).lonlat(0, 0))
        assert list(values(raster, 50)[[100, 149, 150, 249]]) == [-1, -1, 30, 30]
        assert list(values(raster, 90)[[0, 79, 80, 149, 150, 179, 180]]) == [10, 10, 20, 20, 30, 30, 30]


def test_finer_sheets_lie_on_top_and_give_the_pixel(sheet, tmp_path):
    fine = write_raster(tmp_path / "fine.tif", UTM33, (500_050, 4_999_950), 0.25, flat(9))
    coarse = sheet("coarse.tif", 200, 0)
    with Raster(mosaic_of([fine, coarse], tmp_path / "m")) as raster:
        assert raster.ground_px_m(10, 10) == pytest.approx((0.25, 0.25), rel=1e-3)
        assert list(values(raster, 210)[[10, 210, 350]]) == [200, 9, 200]


def test_collars_are_seen_through(sheet, tmp_path):
    collar = flat(50)
    collar[:, :, :20] = 255
    masked = flat(60)
    rgba = np.concatenate([flat(70), flat(255, bands=1)])
    rgba[3, :, :20] = 0
    paths = [
        sheet("a.tif", 10, 0),
        sheet("b.tif", 0, 80, pixels=collar, nodata=255),
        sheet("c.tif", 0, 160, pixels=masked),
        sheet("d.tif", 0, 240, pixels=rgba, photometric="RGB", alpha="YES"),
    ]
    with rasterio.open(paths[2], "r+") as file:
        file.write_mask(np.repeat([[0] * 25 + [255] * 75], 100, axis=0).astype(np.uint8))
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        seen = values(raster)
    at = {0: 10, 99: 10, 101: 50, 179: 50, 181: -1, 184: -1, 185: 60, 259: 60, 261: 70, 339: 70}
    assert {col: seen[col] for col in at} == at


def test_two_utm_zones_become_degrees(tmp_path):
    lon, lat = 18.0, 45.0  # between zones 33 and 34
    paths = []
    for zone, shift, value in ((33, -100, 10), (34, 0, 20)):
        x, y = Transformer.from_crs(4326, 32600 + zone, always_xy=True).transform(lon, lat)
        paths.append(write_raster(tmp_path / f"{zone}.tif", f"EPSG:326{zone}", (x + shift, y), 1.0, flat(value, 100)))
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        tiles = [raster.tile("t", window, "m") for window in raster.windows(40, 0)]
        assert raster.crs.is_geographic and 0.5 < raster.ground_px_m(100, 50)[0] < 1.1
        assert all(size_m(tile.bounds) == pytest.approx((40, 40), rel=0.05) for tile in tiles)
        seen = values(raster, raster.height_px // 2)
    assert {10, 20} <= set(seen) and np.flatnonzero(seen == 10).max() <= np.flatnonzero(seen == 20).min()


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "both zones"])
def test_across_the_antimeridian(tmp_path, crs):
    px_deg = 1e-5
    paths = []
    for zone, lon, value in ((60, 180 - 100 * px_deg, 10), (1, -180, 20)):
        if crs == "EPSG:4326":
            origin, code, pixel = (lon, 10.0), crs, px_deg
        else:
            code = crs if crs == "EPSG:3857" else f"EPSG:{32600 + zone}"
            origin = Transformer.from_crs(4326, code, always_xy=True).transform(lon, 10.0)
            pixel = 1.1
        paths.append(write_raster(tmp_path / f"{zone}.tif", code, origin, pixel, flat(value)))
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        assert raster.width_px < 400, "the mosaic does not go round the world"
        tiles = [raster.tile("t", window, "m") for window in raster.windows(50, 0)]
        seen = values(raster, raster.height_px // 2)
    assert {10, 20} <= set(seen)
    assert all(size_m(tile.bounds) == pytest.approx((50, 50), rel=0.05) for tile in tiles)
    assert min(abs(abs(tile.centre.lon) - 180) for tile in tiles) < 0.001
    assert any(tile.bounds.crosses_antimeridian for tile in tiles)


@pytest.mark.parametrize(
    ("pixels", "complaint"),
    [(flat(1, dtype="uint16"), "uint16 samples"), (flat(1, bands=1), "bands 1"), (flat(1, dtype="float32"), "float32")],
)
def test_what_cannot_be_mixed_is_refused_in_a_sentence(sheet, tmp_path, pixels, complaint):
    with pytest.raises(SourceError, match=f"a.tif .* and b.tif .*{complaint}"):
        mosaic_of([sheet("a.tif", 1, 0), sheet("b.tif", 1, 50, pixels=pixels)], tmp_path / "m")


def test_sixteen_bits_share_one_stretch(sheet, tmp_path):
    ramp = np.broadcast_to(np.linspace(100, 4000, 100).astype(np.uint16), (3, 100, 100)).copy()
    paths = [sheet("a.tif", 0, 0, pixels=ramp), sheet("b.tif", 0, 100, pixels=ramp[:, :, ::-1].copy())]
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        seen = values(raster)
    assert np.abs(seen[:100] - seen[:99:-1]).max() <= 2 and seen.max() - seen.min() == 255


def test_one_palette_is_kept_and_two_are_refused(sheet, tmp_path):
    paths = [sheet(f"{name}.tif", 0, east, pixels=flat(3, bands=1)) for name, east in (("a", 0), ("b", 100))]
    for path in paths:
        with rasterio.open(path, "r+") as file:
            file.write_colormap(1, {3: (200, 20, 30, 255)})
    with Raster(mosaic_of(paths, tmp_path / "m")) as raster:
        assert set(values(raster)) == {200}
    with rasterio.open(paths[1], "r+") as file:
        file.write_colormap(1, {3: (7, 8, 9, 255)})
    with pytest.raises(SourceError, match="palette"):
        mosaic_of(paths, tmp_path / "m")


def test_pictures_with_world_files_take_the_assumed_crs(tmp_path):
    paths = []
    for east in (0, 100):
        path = tmp_path / f"{east}.png"
        Image.fromarray(np.moveaxis(textured(100, 100, seed=east), 0, -1)).save(path)
        path.with_suffix(".pgw").write_text(f"1\n0\n0\n-1\n{500_000.5 + east}\n4999999.5\n")
        paths.append(path)
    with Raster(mosaic_of(paths, tmp_path / "m", UTM33), crs=UTM33) as raster, Raster(paths[1], crs=UTM33) as second:
        assert (raster.width_px, raster.height_px) == (200, 100)
        assert raster.image(Window(100, 0, 100, 100), 100) == second.image(Window(0, 0, 100, 100), 100)
        assert distance_m(raster.lonlat(100, 0), second.lonlat(0, 0)) < 0.01
    origin = Transformer.from_crs(UTM33, 3857, always_xy=True).transform(500_000, 5_000_000)
    elsewhere = write_raster(tmp_path / "z.tif", "EPSG:3857", origin, 1.4, flat(3))
    with pytest.raises(SourceError, match="does not state its CRS itself"):
        mosaic_of([*paths, elsewhere], tmp_path / "m", UTM33)


def test_rotated_rasters_stand_alone(sheet, tmp_path):
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(20) @ Affine.scale(1, -1)
    sheets = [look_at(sheet("a.tif", 1, 0)), look_at(sheet("b.tif", 1, 0, transform=turned))]
    assert [len(cluster) for cluster in clusters(sheets)] == [1, 1]


def test_a_gallery_of_a_mosaic_has_no_tile_twice_and_moves_with_its_rasters(sheet, tmp_path, embedder):
    for name, east in (("a", 0), ("b", 60), ("c", 160), ("d", 900)):
        sheet(f"home/{name}.tif", 0, east, pixels=textured(100, 100, seed=east))
    gallery = build_gallery(tmp_path / "home", tmp_path / "home" / "g", embedder, 40, overlap=0)
    centres = [LonLat(*pair) for pair in gallery.centres]
    apart_m = [distance_m(a, b) for index, a in enumerate(centres) for b in centres[:index]]
    assert len(gallery) == 7 * 3 + 3 * 3 and min(apart_m) > 15
    assert set(gallery.tiles["source"]) == {"../d.tif", next(s for s in gallery.tiles["source"] if "mosaics/" in s)}
    assert check_gallery(gallery) == []
    rows = [gallery.vectors[row].copy() for row in (0, 10)]
    shutil.move(tmp_path / "home", tmp_path / "elsewhere")
    moved = Gallery.open(tmp_path / "elsewhere" / "g")
    for row, vector in zip((0, 10), rows, strict=True):
        assert embedder.embed([moved.image(moved.tile(row), 64)])[0] == pytest.approx(vector, abs=2e-3)
    again = build_gallery(tmp_path / "elsewhere", tmp_path / "elsewhere" / "g", embedder, 50, overlap=0)
    assert check_gallery(again) == [] and again.image(again.tile(0)).size == (50, 50)


def test_a_raster_that_is_gone_is_no_hole(sheet, tmp_path, embedder):
    paths = [
        sheet(f"{name}.tif", 0, east, pixels=textured(100, 100, seed=east)) for name, east in (("a", 0), ("b", 90))
    ]
    gallery = build_gallery(paths, tmp_path / "g", embedder, 40, overlap=0)
    whole = paths[1].read_bytes()
    for damage in (whole[:100], None):
        paths[1].unlink() if damage is None else paths[1].write_bytes(damage)
        _kept.rasters.clear()
        with pytest.raises(SourceError, match=r"b\.tif, which a mosaic shows, is gone or cut short"):
            gallery.image(gallery.tile(0))
        told = {(problem.kind, problem.message) for problem in check_gallery(gallery)}
        cut = {("source", "b.tif was cut short: it has 100 bytes, not those that the tiles were cut from")}
        assert told == {("source", "b.tif is not where the tiles were cut from"), *(cut if damage else ())}


def test_somebodys_own_index_is_read_as_it_is(sheet, tmp_path):
    path = sheet("a.tif", 7, 0)
    index = tmp_path / "own.gti.gpkg"
    geopandas.GeoDataFrame({"location": ["a.tif"]}, geometry=[look_at(path).box], crs=UTM33).to_file(
        index, layer="tiles"
    )
    with Raster(index) as raster:
        assert (raster.width_px, raster.height_px) == (100, 100) and set(values(raster)) == {7}
