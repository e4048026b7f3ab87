"""A gallery told where its imagery lies now: the same pixels are taken, and no others."""

import shutil

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, build_gallery
from gallery.build.repoint import repoint
from gallery.errors import BuildError, WrongModel
from gallery.store.check import check_gallery
from tests.helpers.builders import FakeEmbedder, textured

WEST, EAST = (1_000_000.0, 6_000_000.0), (1_010_000.0, 6_000_000.0)


@pytest.fixture
def gallery(make_raster, tmp_path, embedder) -> Gallery:
    """Of two rasters that do not touch."""
    rasters = [
        make_raster(f"{name}.tif", origin=at, pixels=textured(300, 300, 3 + number))
        for number, (name, at) in enumerate(PLACES.items())
    ]
    return build_gallery(rasters, tmp_path / "g", embedder)


PLACES = {"west": WEST, "east": EAST}


def test_only_the_source_that_moved_changes(gallery, tmp_path, embedder):
    (tmp_path / "maps").mkdir()
    (tmp_path / "west.tif").rename(tmp_path / "maps" / "other-name.tif")
    moved = repoint(tmp_path / "g", tmp_path / "maps" / "other-name.tif", embedder)
    assert moved.sources == ["../east.tif", "../maps/other-name.tif"] and check_gallery(moved) == []
    assert moved.manifest["build"]["sources"] == ["../maps/other-name.tif", "../east.tif"]
    assert np.array_equal(moved.vectors, gallery.vectors)
    assert [moved.tile(row).id for row in range(len(moved))] == [gallery.tile(row).id for row in range(len(gallery))]
    assert [moved.tile(row).window for row in range(len(moved))] == [
        gallery.tile(row).window for row in range(len(gallery))
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"origin": WEST, "pixels": textured(300, 300, 4)}, "shows other pixels than tile"),
        ({"origin": (1_000_050.0, 6_000_000.0), "pixels": textured(300, 300, 3)}, "lies elsewhere"),
        ({"origin": WEST, "pixels": textured(300, 300, 3)[:, :200, :200]}, "fewer pixels"),
    ],
)
def test_other_imagery_is_refused(gallery, make_raster, tmp_path, embedder, change, words):
    (tmp_path / "west.tif").unlink()
    other = make_raster("other.tif", **change)
    before = (tmp_path / "g" / "tiles.parquet").read_bytes()
    with pytest.raises(BuildError, match=words):
        repoint(tmp_path / "g", other, embedder)
    assert (tmp_path / "g" / "tiles.parquet").read_bytes() == before


def test_which_source_and_which_model(gallery, tmp_path, embedder):
    third = shutil.copy(tmp_path / "west.tif", tmp_path / "third.tif")
    with pytest.raises(BuildError, match=r"Which source moved\? Say so by --source NAME"):
        repoint(tmp_path / "g", third, embedder)
    assert "../third.tif" in repoint(tmp_path / "g", third, embedder, "west").sources
    with pytest.raises(BuildError, match="no source north"):
        repoint(tmp_path / "g", third, embedder, "north")
    with pytest.raises(BuildError, match="no raster or folder absent"):
        repoint(tmp_path / "g", tmp_path / "absent.tif", embedder)
    other = FakeEmbedder()
    other.fingerprint = "another"
    with pytest.raises(WrongModel):
        repoint(tmp_path / "g", third, other, "third")


def test_a_folder_of_images(make_photos, tmp_path, embedder):
    photos = make_photos(3)
    lines = [f"{number}.jpg,{8 + number / 100},47" for number in range(3)]
    (tmp_path / "places.csv").write_text("\n".join(["file,lon,lat", *lines]))
    build_gallery(photos, tmp_path / "g", embedder, positions=tmp_path / "places.csv")
    photos.rename(tmp_path / "archive")
    assert check_gallery(repoint(tmp_path / "g", tmp_path / "archive", embedder)) == []
    Image.new("RGB", (96, 96), (20, 90, 30)).save(tmp_path / "archive" / "1.jpg")
    with pytest.raises(BuildError, match=r"other pixels than tile 1.jpg"):
        repoint(tmp_path / "g", tmp_path / "archive", embedder)
