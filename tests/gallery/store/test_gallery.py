"""A gallery on disk: what opens, and what is refused."""

import json
import shutil

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import DamagedGallery, GalleryError, NotAGallery, WrongModel
from gallery.geo import LonLat, distances_m
from gallery.store.check import check_gallery
from gallery.store.gallery import is_within
from gallery.store.manifest import INDEX, MANIFEST, TILES, VECTORS, file_facts
from gallery.store.tile_table import TileTable
from tests.helpers import ROOT
from tests.helpers.builders import write_raster
from tests.helpers.damage import kinds, rewrite


def test_files_say_what_the_contract_says(gallery):
    tiles = geopandas.read_parquet(gallery.folder / TILES)
    assert tiles.crs.to_string() == "OGC:CRS84" and set(tiles.geometry.geom_type) == {"Polygon"}
    assert {"id", "lon", "lat", "metres_per_px", "source", "image", "col_px", "row_px", "width_px", "height_px"} <= set(
        tiles
    )
    vectors = np.load(gallery.folder / VECTORS)
    assert vectors.dtype == np.float16 and vectors.shape == (len(tiles), gallery.dimension)
    assert isinstance(gallery.vectors, np.memmap) and len(gallery.index) == len(tiles)
    assert np.linalg.norm(vectors.astype(float), axis=1) == pytest.approx(1, abs=2e-3)


def test_tiles_by_row_and_name(gallery):
    tile = gallery.tile(3)
    assert gallery.row(tile.id) == 3 and tile.contains(tile.centre)
    with pytest.raises(GalleryError, match="no tile"):
        gallery.row("nowhere")


def test_info_is_ready_for_json(gallery):
    info = json.loads(json.dumps(gallery.info()))
    assert info["tiles"] == len(gallery) and info["model"]["fingerprint"] == gallery.fingerprint
    assert info["index"] == {"kind": "exact"}
    west, south, east, north = info["bounds"]
    assert west < east and south < north


def test_another_model_is_refused_by_both_names(gallery):
    gallery.require_model("fake-8x8")
    with pytest.raises(WrongModel, match=r"fake \(fake-8x8\).*other \(abc123\)"):
        gallery.require_model("abc123", "other")
    assert kinds(gallery, "abc123") == ["model"] and kinds(gallery, "fake-8x8") == []


def test_what_is_no_gallery(tmp_path, gallery):
    for folder in (tmp_path, tmp_path / "absent", tmp_path / "region.tif"):
        with pytest.raises(NotAGallery, match="no gallery"):
            Gallery.open(folder)
    rewrite(gallery, format=99)
    with pytest.raises(NotAGallery, match="format 99"):
        Gallery.open(gallery.folder)


def test_tables_without_columns_or_rows(gallery):
    for damaged in (gallery.tiles.drop(columns="lon"), gallery.tiles.iloc[1:]):
        damaged.to_parquet(gallery.folder / TILES, index=False)
        rewrite(gallery, files=file_facts(gallery.folder))
        with pytest.raises(DamagedGallery, match="rows or columns"):
            Gallery.open(gallery.folder).tile(0)


def test_an_image_outside_its_folder_is_not_read(gallery, make_photos, tmp_path):
    from dataclasses import replace

    make_photos(1)
    tile = replace(gallery.tile(0), window=None, source="../photos", image="../region.tif")
    with pytest.raises(GalleryError, match="outside its folder"):
        gallery.image(tile)


@pytest.mark.process
def test_a_gallery_beside_its_raster_survives_git_and_moves(tmp_path, embedder):
    """A clone has neither the mtimes nor the place of the original; nothing of a gallery may rest on them."""
    import os
    import subprocess

    sample = tmp_path / "origin" / "gallery" / "sample"
    write_raster(sample / "region.tif")
    built = build_gallery(
        sample / "region.tif", sample / "gallery", embedder, options=BuildOptions(model_source="starter")
    )
    assert sorted(file.name for file in sample.rglob("*")) == sorted(
        ["gallery", "region.tif", MANIFEST, INDEX, TILES, VECTORS]
    )
    assert set(built.tiles["source"]) == {"../region.tif"}
    for file in sample.rglob("*"):
        assert file.is_dir() or str(tmp_path).encode() not in file.read_bytes()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    shutil.copy(ROOT / ".gitignore", tmp_path / "origin")
    subprocess.run([*git, "init", "-q"], cwd=tmp_path / "origin", check=True)
    subprocess.run([*git, "add", "-A"], cwd=tmp_path / "origin", check=True)
    subprocess.run([*git, "commit", "-qm", "sample"], cwd=tmp_path / "origin", check=True)
    subprocess.run([*git, "clone", "-q", "origin", "elsewhere"], cwd=tmp_path, check=True)
    expected = np.asarray(built.image(built.tile(3)))
    shutil.rmtree(tmp_path / "origin")
    for file in (tmp_path / "elsewhere").rglob("*.*"):
        os.utime(file, (1, 1))
    for home in ("elsewhere", "moved again"):
        cloned = Gallery.open(tmp_path / home / "gallery" / "sample" / "gallery")
        assert check_gallery(cloned, embedder.fingerprint) == []
        assert np.array_equal(np.asarray(cloned.image(cloned.tile(3))), expected)
        if home == "elsewhere":
            (tmp_path / home).rename(tmp_path / "moved again")


@pytest.mark.parametrize(
    ("written", "stays"),
    [
        ("a.jpg", True),
        ("b/../a.jpg", True),
        (".", True),
        ("../area/a.jpg", True),
        ("../a.jpg", False),
        ("/a.jpg", False),
    ],
)
def test_a_path_stays_in_its_folder_as_it_is_written(written, stays, tmp_path):
    assert is_within(tmp_path / "area" / written, tmp_path / "area") == stays


@pytest.mark.parametrize("origin", [(1_000_000.0, 6_000_000.0), (20_037_308.0, 6_000_000.0)])  # over 180 degrees
def test_the_tiles_that_cover_a_point(tmp_path, embedder, origin):
    raster = write_raster(tmp_path / "r.tif", origin=origin)
    gallery = build_gallery(raster, tmp_path / "g", embedder, tile_size_m=60)
    points = [gallery.tile(row).centre for row in range(0, len(gallery), 7)]
    for row, point, rows in zip(range(0, len(gallery), 7), points, gallery.covering(points), strict=True):
        assert rows[0] == row and gallery.tile_at(point) == gallery.tile(row)
        assert set(rows) == {row for row in range(len(gallery)) if gallery.tile(row).contains(point)}
        away_m = distances_m(point, *gallery.centres[rows].T)
        assert (np.diff(away_m) >= 0).all() and len(rows) > 1
    assert gallery.tile_at(LonLat(0, 0)) is None and gallery.covering([]) == []


@pytest.mark.parametrize("shape", ["(", "()}", f"({2**61}, 96)}}", f"({2**61}, {2**61})}}"])
def test_a_header_of_vectors_that_makes_no_sense_is_a_sentence(gallery, shape):
    """Numpy lets a TokenError pass for a header that ends early, and an OverflowError for a size beyond all memory."""
    text = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}".encode().ljust(117) + b"\n"
    file = gallery.folder / VECTORS
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(500))
    with pytest.raises(DamagedGallery, match="damaged"):
        print(Gallery(gallery.folder, gallery.manifest).vectors)


def test_a_tile_id_that_is_no_text_is_a_sentence(gallery):
    table = gallery.folder / TILES
    name = gallery.tile(0).id.encode()
    plain = pq.read_table(table)
    pq.write_table(plain, table, compression="none", use_dictionary=False)
    content = table.read_bytes()
    assert content.count(name)
    table.write_bytes(content.replace(name, b"\xff" * len(name)))
    for ask in (lambda tiles: tiles.tile(0), lambda tiles: tiles.prefixes(), lambda tiles: tiles.frame()):
        with pytest.raises(DamagedGallery, match="damaged"):
            ask(TileTable(table, plain.num_rows))
