"""What a check finds: damage of every kind, repeated tiles, lost sources."""

import numpy as np
import pytest

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import DamagedGallery, GalleryError
from gallery.store.check import check_gallery
from gallery.store.manifest import DATA_FILES, INDEX, TILES, file_facts
from tests.helpers.builders import textured
from tests.helpers.damage import kinds, rewrite


@pytest.mark.parametrize("name", DATA_FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "other content", "noise"])
def test_damaged_files_are_found(gallery, name, damage):
    file = gallery.folder / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "noise":  # same size, so that opening can only notice what it reads
        file.write_bytes(bytes(len(content)))
    else:
        file.write_bytes({"cut": content[:-1], "empty": b"", "other content": content + b"x"}[damage])
    if damage != "noise":
        with pytest.raises(DamagedGallery, match=name):
            Gallery.open(gallery.folder)
    assert ("missing" if damage == "missing" else "checksum") in kinds(gallery)


def test_one_flipped_bit_is_found(gallery):
    for name in DATA_FILES:
        content = bytearray((gallery.folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (gallery.folder / name).write_bytes(content)
    messages = [problem.message for problem in check_gallery(gallery) if problem.kind == "checksum"]
    assert len(messages) == 3 and all(
        problem.damage for problem in check_gallery(gallery) if problem.kind == "checksum"
    )


def test_files_of_different_galleries_do_not_open(gallery, make_raster, tmp_path, embedder):
    other = build_gallery(make_raster("b.tif", pixels=textured(300, 300)), tmp_path / "b", embedder)
    (gallery.folder / INDEX).write_bytes((other.folder / INDEX).read_bytes())
    rewrite(gallery, files=file_facts(gallery.folder))
    with pytest.raises(DamagedGallery, match="different counts"):
        Gallery.open(gallery.folder)
    assert "counts" in kinds(gallery)


def test_duplicates_are_remarks(make_raster, tmp_path, embedder):
    plain = make_raster(pixels=np.full((3, 400, 400), 90, np.uint8))
    gallery = build_gallery(plain, tmp_path / "g", embedder, options=BuildOptions(keep_featureless=True))
    problems = check_gallery(gallery)
    assert {problem.kind for problem in problems} == {"duplicate"} and not any(problem.damage for problem in problems)
    assert len([problem for problem in problems if "pixels" in problem.message]) >= len(gallery) // 2


def test_tiles_without_position_and_lost_sources(gallery):
    tiles = gallery.tiles.copy()
    tiles.loc[2, "lon"] = np.nan
    tiles.to_parquet(gallery.folder / TILES, index=False)
    rewrite(gallery, files=file_facts(gallery.folder))
    (gallery.folder.parent / "region.tif").unlink()
    broken = Gallery.open(gallery.folder)
    problems = check_gallery(broken)
    assert sorted(problem.kind for problem in problems) == ["position", "source"]
    assert tiles["id"][2] in problems[0].message
    with pytest.raises(GalleryError, match=r"no file region\.tif"):
        broken.image(broken.tile(0))
