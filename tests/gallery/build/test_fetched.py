"""Galleries of tile servers and PMTiles: what is fetched lies in the gallery's folder, with its licence."""

import json
import shutil

import mercantile
import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.build.sources import ImagerySettings
from gallery.errors import GalleryError, SourceError
from gallery.geo import Bounds
from gallery.georef.file_names import TileNames
from gallery.imagery import xyz_server
from gallery.store.check import check_gallery
from gallery.store.foreign import require_own_imagery
from gallery.store.manifest import MANIFEST, aside
from tests.helpers.tile_host import make_pmtiles, serving

CORNER = mercantile.Tile(70000, 45000, 17)
WEST, SOUTH, EAST, NORTH = (
    *mercantile.bounds(CORNER)[:2],
    *mercantile.bounds(CORNER.x + 2, CORNER.y - 2, CORNER.z)[2:],
)
STATED = ImagerySettings(
    bounds=Bounds(WEST, SOUTH, EAST, NORTH), tile_names=TileNames(17), licence="CC0 1.0", rate=100.0
)


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(xyz_server, "RETRY", xyz_server.RETRY.new(backoff_factor=0.001, backoff_jitter=0, total=2))
    with serving() as running:
        yield running


def template(host) -> str:
    return f"{host.base}/{{z}}/{{x}}/{{y}}.png?key=secret"


def test_a_gallery_of_a_tile_server(host, tmp_path, embedder):
    told = []
    gallery = build_gallery(
        template(host),
        tmp_path / "g",
        embedder,
        150,
        options=BuildOptions(stated=STATED, on_tile=lambda done, total: told.append((done, total))),
    )
    assert told[-1] == (9, 9) and sum(host.asked.values()) == 9
    assert gallery.info()["bounds"] == pytest.approx([WEST, SOUTH, EAST, NORTH], abs=1e-6)
    text = (gallery.folder / MANIFEST).read_text()
    noted = json.loads(text)["build"]
    assert noted["licence"] == "CC0 1.0" and noted["zoom"] == 17 and "secret" not in text
    assert noted["sources"] == [template(host).partition("?")[0]]
    assert gallery.tile(0).source.startswith("imagery/127.0.0.1-z17-") and check_gallery(gallery) == []
    shutil.move(tmp_path / "g", tmp_path / "moved")
    moved = Gallery.open(require_own_imagery(tmp_path / "moved"))
    assert embedder.embed([moved.image(moved.tile(3), 64)])[0] == pytest.approx(moved.vectors[3], abs=2e-3)


def test_another_tile_size_asks_the_server_for_nothing(host, tmp_path, embedder):
    build_gallery(template(host), tmp_path / "g", embedder, 150, options=BuildOptions(stated=STATED))
    gallery = build_gallery(template(host), tmp_path / "g", embedder, 200, options=BuildOptions(stated=STATED))
    assert set(host.asked.values()) == {1} and check_gallery(gallery) == []
    assert len(list((gallery.folder / "imagery").iterdir())) == 1


def test_what_was_fetched_outlives_a_build_that_fails(host, tmp_path, embedder):
    whole = host.answer
    host.answer = lambda host, tile, kind: (500, {}, b"") if tile.y == CORNER.y else whole(host, tile, kind)
    with pytest.raises(SourceError, match="same command goes on"):
        build_gallery(template(host), tmp_path / "g", embedder, 150, options=BuildOptions(stated=STATED))
    assert aside(tmp_path / "g", "building").is_dir() and not (tmp_path / "g").exists()
    host.answer = whole
    build_gallery(template(host), tmp_path / "g", embedder, 150, options=BuildOptions(stated=STATED))
    assert all(host.asked[tile] == 1 for tile in host.asked if tile.y < CORNER.y)


@pytest.mark.parametrize(
    ("stated", "complaint"),
    [
        (ImagerySettings(tile_names=TileNames(17), licence="CC0"), "--bounds W,S,E,N --zoom Z"),
        (ImagerySettings(bounds=STATED.bounds, licence="CC0"), "--bounds W,S,E,N --zoom Z"),
        (ImagerySettings(bounds=STATED.bounds, tile_names=TileNames(17)), "--licence TEXT"),
        (ImagerySettings(bounds=STATED.bounds, tile_names=TileNames(17), licence=" "), "--licence TEXT"),
        (ImagerySettings(bounds=Bounds(0, 40, 20, 50), tile_names=TileNames(17), licence="CC0"), "100,000"),
    ],
)
def test_what_must_be_said_of_a_tile_server(host, tmp_path, embedder, stated, complaint):
    with pytest.raises(SourceError, match=complaint):
        build_gallery(template(host), tmp_path / "g", embedder, options=BuildOptions(stated=stated))
    assert not host.asked and list(tmp_path.iterdir()) == []


def test_across_the_antimeridian(host, tmp_path, embedder):
    side_deg = 360 / 2**17
    bounds = Bounds(180 - 2 * side_deg, SOUTH, -180 + 2 * side_deg, NORTH)
    stated = ImagerySettings(bounds=bounds, tile_names=TileNames(17), licence="CC0 1.0", rate=100.0)
    gallery = build_gallery(template(host), tmp_path / "g", embedder, 150, options=BuildOptions(stated=stated))
    assert sum(host.asked.values()) == 12 and len(gallery) < 100
    assert any(gallery.tile(row).bounds.crosses_antimeridian for row in range(len(gallery)))
    shutil.move(tmp_path / "g", tmp_path / "moved")
    moved = Gallery.open(require_own_imagery(tmp_path / "moved"))
    assert check_gallery(moved) == [] and np.asarray(moved.image(moved.tile(0))).max() > 0
    build_gallery(template(host), tmp_path / "moved", embedder, 200, options=BuildOptions(stated=stated))
    shutil.move(tmp_path / "moved", tmp_path / "g")
    assert set(host.asked.values()) == {1} and check_gallery(Gallery.open(tmp_path / "g")) == []


def test_pmtiles_and_mbtiles(tmp_path, embedder):
    tiles = [mercantile.Tile(CORNER.x + col, CORNER.y + row, 17) for row in range(2) for col in range(3)]
    gallery = build_gallery(make_pmtiles(tmp_path / "area.pmtiles", tiles), tmp_path / "g", embedder, 150)
    assert gallery.tile(0).source.startswith("imagery/area-") and check_gallery(gallery) == []
    (archive,) = (gallery.folder / "imagery").iterdir()
    with rasterio.open(archive) as file:
        copy(file, tmp_path / "area.mbtiles", driver="MBTiles", TILE_FORMAT="PNG")
    other = build_gallery(tmp_path / "area.mbtiles", tmp_path / "h", embedder, 150)
    assert other.tile(0).source == "../area.mbtiles" and np.allclose(other.centres, gallery.centres, atol=1e-7)
    again = build_gallery(tmp_path / "area.pmtiles", tmp_path / "g", embedder, 200)
    assert check_gallery(again) == [] and len(list((again.folder / "imagery").iterdir())) == 1


def test_rasters_of_the_gallerys_own_folder_move_with_their_mosaic(make_raster, tmp_path, embedder):
    build_gallery(make_raster(), tmp_path / "g", embedder)
    for number in range(2):
        make_raster(f"g/maps/{number}.tif", origin=(1_000_000 + 600 * number, 6_000_000))
    build_gallery(tmp_path / "g" / "maps", tmp_path / "g", embedder)
    shutil.move(tmp_path / "g", tmp_path / "elsewhere")
    gallery = Gallery.open(require_own_imagery(tmp_path / "elsewhere"))
    assert gallery.tile(0).source.startswith("mosaics/") and check_gallery(gallery) == []
    assert embedder.embed([gallery.image(gallery.tile(0), 64)])[0] == pytest.approx(gallery.vectors[0], abs=2e-3)


def test_an_area_is_added_with_its_own_licence(host, make_raster, tmp_path, embedder):
    build_gallery(
        make_raster(), tmp_path / "g", embedder, 150, options=BuildOptions(stated=ImagerySettings(licence="mine"))
    )
    gallery = build_gallery(
        template(host), tmp_path / "g", embedder, 150, options=BuildOptions(stated=STATED, add=True)
    )
    assert gallery.manifest["build"]["licence"] == ["mine", "CC0 1.0"] and check_gallery(gallery) == []
    assert [area["licence"] for area in gallery.manifest["build"]["areas"]] == ["mine", "CC0 1.0"]


def test_a_second_assumed_crs_is_refused(make_raster, tmp_path, embedder):
    first = make_raster("a.tif", crs=None)
    second = make_raster("b.tif", crs=None, origin=(500_000, 5_000_000))
    build_gallery(first, tmp_path / "g", embedder, 150, options=BuildOptions(stated=ImagerySettings(crs="EPSG:3857")))
    with pytest.raises(GalleryError, match="takes EPSG:3857 for rasters that state no CRS"):
        build_gallery(
            second,
            tmp_path / "g",
            embedder,
            150,
            options=BuildOptions(stated=ImagerySettings(crs="EPSG:32633"), add=True),
        )
    assert set(Gallery.open(tmp_path / "g").tiles["source"]) == {"../a.tif"}
