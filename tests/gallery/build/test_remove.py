"""Areas added to a gallery and taken out of it: only what is new is embedded, and the rest stays as it was."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gallery import Gallery, Near, build_gallery
from gallery.build.options import BuildOptions
from gallery.build.remove import remove_tiles
from gallery.build.swap import locked
from gallery.constants import SAMPLE
from gallery.errors import BuildError, DamagedGallery, NotAGallery, WrongModel
from gallery.geo import Bounds
from gallery.store.check import check_gallery
from gallery.store.manifest import FORMAT, VECTORS, aside
from tests.helpers import ROOT
from tests.helpers.builders import FakeEmbedder, FakePosition, textured
from tests.helpers.old_gallery import as_format_1

WEST, EAST = (1_000_000.0, 6_000_000.0), (1_002_000.0, 6_000_000.0)


@pytest.fixture
def rasters(make_raster):
    return [
        make_raster(f"{name}.tif", origin=origin, pixels=textured(300, 300, seed))
        for seed, (name, origin) in enumerate((("west", WEST), ("east", EAST)))
    ]


def rows(gallery: Gallery) -> dict[str, tuple]:
    """Rows named by their ground, so that galleries of the same tiles under other names compare."""
    places = [gallery.tile(row) for row in range(len(gallery))]
    return {
        (tile.source, tile.window, tile.image): (tile.footprint, gallery.vectors[row].tobytes())
        for row, tile in enumerate(places)
    }


def test_an_area_is_added_without_embedding_the_rest(rasters, tmp_path, embedder):
    west, east = rasters
    first = build_gallery(west, tmp_path / "g", embedder)
    (tmp_path / "g" / "licence.txt").write_text("mine")
    before = embedder.embedded
    both = build_gallery(east, tmp_path / "g", embedder, options=BuildOptions(add=True))
    assert embedder.embedded - before == len(both) - len(first) > 0
    assert rows(both) == rows(build_gallery(rasters, tmp_path / "whole", FakeEmbedder()))
    assert check_gallery(both) == [] and (tmp_path / "g" / "licence.txt").read_text() == "mine"
    build = both.manifest["build"]
    assert build["sources"] == ["../west.tif", "../east.tif"] and build["tile_size_m"] == 100
    assert [(area["action"], area["tiles"]) for area in build["areas"]] == [
        ("build", len(first)),
        ("add", len(both) - len(first)),
    ]
    assert sorted(os.listdir(tmp_path)) == ["east.tif", "g", "west.tif", "whole"]


def test_what_is_there_is_not_added_again(rasters, tmp_path, embedder):
    gallery = build_gallery(rasters, tmp_path / "g", embedder)
    before = embedder.embedded
    again = build_gallery(rasters[0], tmp_path / "g", embedder, options=BuildOptions(add=True))
    assert embedder.embedded == before and again.manifest == gallery.manifest
    finer = build_gallery(rasters[0], tmp_path / "g", embedder, 60, options=BuildOptions(add=True))
    assert finer.manifest["build"]["tile_size_m"] == [100, 60] and len(set(finer.tiles["id"])) == len(finer)
    assert set(finer.scales_m) == {60, 100}


def test_an_addition_that_is_stopped_goes_on(rasters, tmp_path, embedder):
    def stop(progress):
        if progress.done >= 8:
            raise KeyboardInterrupt

    build_gallery(rasters[0], tmp_path / "g", embedder)
    whole = build_gallery(
        rasters[1], shutil.copytree(tmp_path / "g", tmp_path / "h"), embedder, options=BuildOptions(add=True)
    )
    with pytest.raises(KeyboardInterrupt):
        build_gallery(
            rasters[1], tmp_path / "g", FakeEmbedder(), options=BuildOptions(add=True, batch_size=4), progress=stop
        )
    other = FakeEmbedder()
    added = build_gallery(rasters[1], tmp_path / "g", other, options=BuildOptions(add=True, batch_size=4))
    assert rows(added) == rows(whole) and added.manifest["files"] == whole.manifest["files"]
    assert other.embedded == whole.manifest["build"]["areas"][-1]["tiles"] - 8


def test_images_are_added_to_rasters(rasters, make_photos, tmp_path):
    photos = make_photos(3)
    embedder = FakeEmbedder(positions={f"{number}.jpg": FakePosition(8, 46 + number) for number in range(3)})
    build_gallery(rasters[0], tmp_path / "g", embedder)
    gallery = build_gallery(photos, tmp_path / "g", embedder, options=BuildOptions(add=True))
    assert list(gallery.tiles["id"])[-3:] == [f"photos/{number}.jpg" for number in range(3)]
    assert len(remove_tiles(tmp_path / "g", source="photos")) == len(gallery) - 3


def test_additions_that_cannot_be(rasters, tmp_path, embedder):
    with pytest.raises(NotAGallery):
        build_gallery(rasters[0], tmp_path / "g", embedder, options=BuildOptions(add=True))
    build_gallery(rasters[0], tmp_path / "g", embedder)
    with pytest.raises(WrongModel, match="fake-8x8"):
        build_gallery(rasters[1], tmp_path / "g", FakeEmbedder(fingerprint="another"), options=BuildOptions(add=True))
    file = tmp_path / "g" / VECTORS
    file.write_bytes(file.read_bytes()[:-1] + b"\x11")
    with pytest.raises(DamagedGallery, match=VECTORS):
        build_gallery(rasters[1], tmp_path / "g", embedder, options=BuildOptions(add=True))
    assert not aside(tmp_path / "g", "building").exists()


def test_a_gallery_of_format_1_takes_more(rasters, tmp_path):
    old = Gallery.open(as_format_1(SAMPLE, tmp_path / "sample"))
    assert old.manifest["format"] == 1
    embedder = FakeEmbedder(fingerprint=old.fingerprint)
    embedder.embed = lambda images: np.eye(len(images), old.dimension, dtype=np.float32)
    embedder.dimension = old.dimension
    new = build_gallery(rasters[0], tmp_path / "sample", embedder, options=BuildOptions(add=True))
    assert new.manifest["format"] == FORMAT and check_gallery(new) == []
    assert np.array_equal(new.vectors[: len(old)], Gallery.open(SAMPLE).vectors)
    assert set(new.scales_m) == {old.manifest["build"]["tile_size_m"], 100.0}


@pytest.mark.parametrize("area", [Near(8.9845, 47.3527, 0.3), Bounds(8.9, 47, 8.99, 48)])
def test_an_area_is_removed_and_the_rest_stays(rasters, tmp_path, embedder, area):
    both = build_gallery(rasters, tmp_path / "g", embedder)
    east = build_gallery(rasters[1], tmp_path / "east", embedder)
    left = remove_tiles(tmp_path / "g", area=area)
    assert rows(left) == rows(east) and check_gallery(left) == []
    assert left.manifest["build"]["areas"][-1]["tiles"] == len(both) - len(left)
    restored = build_gallery(rasters[0], tmp_path / "g", FakeEmbedder(), options=BuildOptions(add=True))
    assert rows(restored) == rows(both)


def test_a_source_is_removed_by_its_name(rasters, tmp_path, embedder):
    build_gallery(rasters, tmp_path / "g", embedder)
    with pytest.raises(BuildError, match=r"no source north\.tif\. It has east\.tif, west\.tif"):
        remove_tiles(tmp_path / "g", source="north.tif")
    left = remove_tiles(tmp_path / "g", source="west")
    assert left.sources == left.manifest["build"]["sources"] == ["../east.tif"]
    with pytest.raises(BuildError, match="every tile"):
        remove_tiles(tmp_path / "g", source="../east.tif")
    with pytest.raises(BuildError, match="touches"):
        remove_tiles(tmp_path / "g", area=Near(0, 0, 1))
    with pytest.raises(BuildError, match="Name what"):
        remove_tiles(tmp_path / "g")
    assert Gallery.open(tmp_path / "g").manifest == left.manifest


@pytest.mark.parametrize("step", ["build.write.write_index", "build.write.file_facts", "build.remove.swap_in"])
def test_a_removal_that_dies_leaves_the_gallery_as_it_was(rasters, tmp_path, embedder, monkeypatch, step):
    def die(*arguments, **options):
        raise KeyboardInterrupt

    gallery = build_gallery(rasters, tmp_path / "g", embedder)
    with monkeypatch.context() as patch:
        patch.setattr(f"gallery.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            remove_tiles(tmp_path / "g", source="west")
    assert Gallery.open(tmp_path / "g").manifest == gallery.manifest
    assert remove_tiles(tmp_path / "g", source="west").sources == ["../east.tif"]
    assert sorted(os.listdir(tmp_path)) == ["east.tif", "g", "west.tif"]


def test_a_removal_leaves_a_stopped_build_alone(rasters, tmp_path, embedder):
    def stop(progress):
        if progress.done:
            raise KeyboardInterrupt

    build_gallery(rasters, tmp_path / "g", embedder)
    with pytest.raises(KeyboardInterrupt):
        build_gallery(rasters, tmp_path / "g", embedder, 50, progress=stop)
    remove_tiles(tmp_path / "g", source="west")
    other = FakeEmbedder()
    gallery = build_gallery(rasters, tmp_path / "g", other, 50)
    assert other.embedded == len(gallery) - 32, "the first batch is known"


def test_a_source_is_removed_by_the_path_that_the_build_took(rasters, tmp_path, embedder, monkeypatch):
    build_gallery(rasters, tmp_path / "g", embedder, 100)
    monkeypatch.chdir(tmp_path)
    assert remove_tiles("g", source="./west.tif").sources == ["../east.tif"]


def test_a_folder_that_cannot_be_written_is_no_other_build():
    with pytest.raises(BuildError, match="rights") as told, locked(Path("/proc/gallery")):
        pass
    assert "Another build" not in str(told.value)


def test_a_build_that_is_asked_to_end_takes_its_lock_away(tmp_path):
    """SIGTERM, as systemd and containers send it."""
    program = """
import runpy, sys, time
import gallery.cli.check as check
from gallery.build.swap import locked
from pathlib import Path
def run(options):
    with locked(Path(sys.argv[-1])):
        print("locked", flush=True)
        time.sleep(60)
check.run = run
sys.argv = ["gallery", "check", sys.argv[1]]
runpy.run_module("gallery", run_name="__main__")
"""
    line = [sys.executable, "-c", program, str(tmp_path / "g")]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n" and aside(tmp_path / "g", "lock").exists()
        process.terminate()
        assert process.wait(20) == 143
    assert not aside(tmp_path / "g", "lock").exists()


def test_vectors_of_another_precision_are_neither_added_nor_taken_over(rasters, tmp_path, embedder):
    gallery = build_gallery(rasters[0], tmp_path / "g", embedder)
    assert gallery.precision == gallery.info()["model"]["precision"] == "float32"
    half = FakeEmbedder()
    half.precision = "bfloat16"
    with pytest.raises(WrongModel, match="computed in float32, and the model at hand computes in bfloat16"):
        build_gallery(rasters[1], tmp_path / "g", half, options=BuildOptions(add=True))
    again = build_gallery(rasters[0], tmp_path / "g", half)
    assert half.embedded >= len(again) and again.precision == "bfloat16"
