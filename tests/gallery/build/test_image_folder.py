"""A gallery of drone photos: they lie north up, so that photos of any heading find them; the files stay as they are."""

import math

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer, build_gallery
from gallery.build.reembed import embed_again
from gallery.geo import LonLat, distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground, open_ground
from gallery.imagery.images import content_of
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.store.check import check_gallery
from gallery.tiles import Tile
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePose, FakePosition
from tests.helpers.ground_views import terrain, view

SIZE, M_PER_PX = (340, 260), 0.4
HEIGHT_M = M_PER_PX * math.hypot(*SIZE) * 24 / FILM_DIAGONAL_MM
CORNER = LonLat(8.0, 46.0)
GROUND = GroundImage(terrain(520, 11), np.ones((520, 520), bool), 1.0, 0.0, 0.0)
PLACES = [(160.0 + 100 * (number % 3), -160.0 - 100 * (number // 3)) for number in range(9)]


def picture_of(at: tuple[float, float], heading_deg: float) -> Image.Image:
    return Image.fromarray(view(GROUND, at, heading_deg, M_PER_PX, SIZE)).convert("RGB")


def lonlat(at: tuple[float, float]) -> LonLat:
    return moved(CORNER, *at)


@pytest.fixture(scope="module")
def embedder() -> FakeEmbedder:
    names = [f"{number}.png" for number in range(9)]
    fixes = [FakePosition(lonlat(at).lon, lonlat(at).lat) for at in PLACES]
    poses = dict.fromkeys(names, FakePose(60, -90, HEIGHT_M, 24))
    return FakeEmbedder(positions=dict(zip(names, fixes, strict=True)), poses=poses)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, embedder) -> Gallery:
    home = tmp_path_factory.mktemp("flight")
    (home / "photos").mkdir()
    for number, at in enumerate(PLACES):
        picture_of(at, 60).save(home / "photos" / f"{number}.png")
    return build_gallery(home / "photos", home / "g", embedder)


@pytest.mark.parametrize("heading_deg", [60, 240, 330])
def test_photos_of_any_heading_find_their_place(gallery, embedder, heading_deg):
    localizer = Localizer(gallery, embedder)
    for at in PLACES[::2]:
        there = at[0] + 8, at[1] - 8
        pose = FakePose(heading_deg, -90, HEIGHT_M, 24)
        answer = localizer.localize(FakePhoto(picture_of(there, heading_deg), "query.png", pose=pose))
        assert answer.verdict == "located" and answer.error_m(lonlat(there)) < 3
        assert answer.matches[0].tile.contains(lonlat(there))


def test_a_tile_shows_its_footprint_and_its_file_stays(gallery, embedder):
    assert check_gallery(gallery) == [] and len(gallery) == 9
    for row, at in enumerate(PLACES):
        tile = gallery.tile(row)
        assert distance_m(tile.centre, lonlat(at)) < 0.5 and tile.cutout is not None
        north_up = view(GROUND, at, 0, tile.sides_m[0] / 120, (120, 120))
        shown = np.asarray(gallery.image(tile, 120).convert("L"))
        assert np.corrcoef(shown[30:90, 30:90].ravel(), north_up[30:90, 30:90].ravel())[0, 1] > 0.97
        kept = Image.open(gallery.folder.parent / "photos" / f"{row}.png")
        assert content_of(kept.convert("RGB")) == content_of(picture_of(at, 60))
    wide, place = gallery.around(gallery.tile(4), 1.5, 200)
    assert place.sides_m == pytest.approx([1.5 * side for side in gallery.tile(4).sides_m], rel=0.01)
    assert wide.size == (200, 200)


def test_its_ground_is_what_the_photos_show(gallery, embedder):
    make_ground(gallery)
    ground = open_ground(gallery)
    assert ground is not None
    for sheet, at in zip(ground.sheets, PLACES, strict=True):
        picture = ground.picture(sheet)
        photo_m2 = math.prod(SIZE) * M_PER_PX**2
        assert picture.held.sum() * sheet.m_per_px**2 == pytest.approx(photo_m2, rel=0.03)
        there = view(GROUND, at, 0, sheet.m_per_px, (60, 60))
        column, row = (round(value) for value in picture.pixel(0, 0))
        seen = picture.grey[row - 30 : row + 30, column - 30 : column + 30]
        assert np.corrcoef(seen.ravel(), there.ravel())[0, 1] > 0.95


def test_it_is_embedded_again_as_it_was(gallery, embedder, tmp_path):
    other = FakeEmbedder(positions=embedder.positions, poses=embedder.poses, fingerprint="other")
    again = embed_again(gallery, tmp_path / "again", other)
    assert np.allclose(again.vectors, gallery.vectors) and again.tile(3).cutout == gallery.tile(3).cutout


def test_a_tile_without_a_cutout_is_the_image_as_it_is(gallery):
    tile = gallery.tile(2)
    plain = Tile(tile.id, tile.centre, tile.footprint, tile.metres_per_px, tile.source, image=tile.image)
    assert content_of(gallery.image(plain, 340)) == content_of(picture_of(PLACES[2], 60))
