"""Imagery that lies in the gallery's own folder: it can be moved, and what it was built of may go."""

import shutil
from pathlib import Path

import pytest

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import SourceError
from gallery.store.check import check_gallery
from tests.helpers.builders import FakeEmbedder, textured

PACKED = BuildOptions(pack=True)


def travelled(folder: Path, *sources: Path) -> Gallery:
    """The gallery at another place, without what it was built of."""
    for source in sources:
        shutil.rmtree(source) if source.is_dir() else source.unlink()
    (folder.parent / "far").mkdir(exist_ok=True)
    return Gallery.open(folder.rename(folder.parent / "far" / f"moved-{folder.name}"))


def test_rasters_and_mosaics_travel(make_raster, tmp_path, embedder):
    beside = [
        make_raster(f"{name}.tif", origin=(east, 6_000_000.0), pixels=textured(300, 300, seed))
        for seed, (name, east) in enumerate((("a", 1_000_000.0), ("b", 1_000_300.0), ("alone", 1_100_000.0)))
    ]
    plain = build_gallery(beside, tmp_path / "plain", FakeEmbedder())
    pixels = [plain.image(plain.tile(row)).tobytes() for row in range(len(plain))]
    build_gallery(beside, tmp_path / "g", embedder, options=PACKED)
    moved = travelled(tmp_path / "g", *beside)
    assert check_gallery(moved) == []
    assert [moved.image(moved.tile(row)).tobytes() for row in range(len(moved))] == pixels


def test_two_of_one_name_and_one_that_is_added(make_raster, tmp_path, embedder):
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    at = {"x/map.tif": 1_000_000.0, "y/map.tif": 1_010_000.0, "map.tif": 1_020_000.0}
    maps = [
        make_raster(name, origin=(east, 6_000_000.0), pixels=textured(300, 300, seed))
        for seed, (name, east) in enumerate(at.items())
    ]
    first = build_gallery(maps[:2], tmp_path / "g", embedder, options=PACKED)
    assert first.sources == ["imagery/map-2.tif", "imagery/map.tif"]
    both = build_gallery(maps[2], tmp_path / "g", embedder, options=BuildOptions(pack=True, add=True))
    assert both.sources == ["imagery/map-2.tif", "imagery/map-3.tif", "imagery/map.tif"]
    again = build_gallery(maps[2], tmp_path / "g", embedder, options=BuildOptions(pack=True, add=True))
    assert len(again) == len(both), "what is there is known by its name and its time"
    assert check_gallery(travelled(tmp_path / "g", *maps)) == []


def test_a_folder_of_images_travels(make_photos, tmp_path, embedder):
    photos = make_photos(3)
    lines = [f"{number}.jpg,{8 + number / 100},47" for number in range(3)]
    (tmp_path / "places.csv").write_text("\n".join(["file,lon,lat", *lines]))
    build_gallery(photos, tmp_path / "g", embedder, positions=tmp_path / "places.csv", options=PACKED)
    moved = travelled(tmp_path / "g", photos)
    assert moved.sources == ["imagery/photos"] and check_gallery(moved) == []
    assert moved.image(moved.tile(2)).size == (96, 96)


def test_a_vrt_is_refused(make_raster, tmp_path, embedder):
    from rasterio.shutil import copy

    copy(make_raster(), tmp_path / "index.vrt", driver="VRT")
    with pytest.raises(SourceError, match="names other files and cannot be packed"):
        build_gallery(tmp_path / "index.vrt", tmp_path / "g", embedder, options=PACKED)
