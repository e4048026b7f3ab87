"""Tiles embedded again: the rows and vectors of a fresh build, into another folder, stopped and gone on with."""

import shutil

import numpy as np
import pytest

from gallery import Gallery, Localizer, build_gallery
from gallery.build.reembed import embed_again
from gallery.errors import BuildError, GalleryError
from gallery.search.options import SearchOptions
from gallery.store.check import check_gallery
from tests.helpers.builders import FakeEmbedder, FakePosition, digests


def other(**options) -> FakeEmbedder:
    return FakeEmbedder(grid=4, fingerprint="fake-4x4", **options)


@pytest.fixture
def gallery(make_raster, tmp_path, embedder) -> Gallery:
    return build_gallery(make_raster("home/region.tif"), tmp_path / "home" / "g", embedder, tile_size_m=80)


def test_it_is_what_the_other_model_would_have_built(gallery, tmp_path):
    before = digests(tmp_path / "home")
    again = embed_again(gallery, tmp_path / "again", other(), model_source="theirs")
    built = build_gallery(tmp_path / "home" / "region.tif", tmp_path / "built", other(), tile_size_m=80)
    assert np.array_equal(again.vectors, built.vectors)
    assert list(again.tiles["id"]) == list(gallery.tiles["id"])
    assert again.tiles.geometry.geom_equals(gallery.tiles.geometry).all() and check_gallery(again) == []
    assert (again.fingerprint, again.model_source) == ("fake-4x4", "theirs")
    assert again.image(again.tile(3)).tobytes() == gallery.image(gallery.tile(3)).tobytes()
    assert (
        Localizer(again, other())
        .localize(gallery.image(gallery.tile(5)), k=1, options=SearchOptions(verify=False))
        .matches[0]
        .score
        > 0.99
    )
    assert digests(tmp_path / "home") == before, "the gallery's own folder is left alone"


def test_images_of_a_folder_keep_their_places_without_their_list(make_photos, tmp_path):
    photos = make_photos(5)
    at = {f"{number}.jpg": FakePosition(10 + number / 1000, 50.0) for number in range(5)}
    gallery = build_gallery(photos, tmp_path / "g", FakeEmbedder(positions=at))
    again = embed_again(gallery, tmp_path / "again", other())  # reads no positions
    assert np.array_equal(again.centres, gallery.centres) and len(again) == 5
    (photos / "2.jpg").write_bytes(b"damaged")
    with pytest.raises(GalleryError, match=r"2\.jpg is no picture"):
        embed_again(gallery, tmp_path / "third", FakeEmbedder(grid=2, fingerprint="fake-2x2"))


def test_what_is_there_is_opened_and_what_is_out_of_date_is_not(gallery, make_raster, tmp_path, embedder):
    embed_again(gallery, tmp_path / "again", other())
    idle = other()
    embed_again(gallery, tmp_path / "again", idle)
    assert idle.embedded == 0
    newer = build_gallery(tmp_path / "home" / "region.tif", tmp_path / "home" / "g", embedder, tile_size_m=120)
    assert len(embed_again(newer, tmp_path / "again", idle)) == len(newer) == idle.embedded


def test_a_stopped_run_goes_on(gallery, tmp_path):
    class Stops(FakeEmbedder):
        def embed(self, images):
            if self.embedded:
                raise KeyboardInterrupt
            return super().embed(images)

    with pytest.raises(KeyboardInterrupt):
        embed_again(gallery, tmp_path / "again", Stops(grid=4, fingerprint="fake-4x4"))
    rest, seen = other(), []
    again = embed_again(gallery, tmp_path / "again", rest, seen.append)
    assert rest.embedded == len(gallery) - 32 and seen[0].resumed == 32 and seen[-1].done == len(gallery)
    whole = embed_again(gallery, tmp_path / "whole", other())
    assert np.array_equal(again.vectors, whole.vectors)


def test_what_cannot_be_is_one_sentence(gallery, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BuildError, match="file is a file"):
        embed_again(gallery, tmp_path / "file", other())
    shutil.move(tmp_path / "home" / "region.tif", tmp_path / "gone.tif")
    with pytest.raises(GalleryError, match=r"There is no file region\.tif"):
        embed_again(gallery, tmp_path / "again", other())
