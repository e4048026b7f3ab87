"""A photo on the ground of a gallery: its point, heading, camera and footprint; all of the ground, and some of it."""

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery
from gallery.errors import RegistrationError
from gallery.geo import LonLat, distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import Ground, make_ground, open_ground
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.registration.registrar import Registrar, Stated
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.ground_views import terrain, view

SIDE = 500
FOCAL = 24.0
AT = (230.0, -260.0)
HEIGHT_M = 0.5 * np.hypot(340, 260) * FOCAL / FILM_DIAGONAL_MM


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    grey = terrain(SIDE, 7)
    gallery = build_region(tmp_path_factory.mktemp("registrar"), FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    return gallery


@pytest.fixture(scope="module")
def registrar(gallery: Gallery) -> Registrar:
    ground = open_ground(gallery)
    assert ground is not None
    tiles = [gallery.tile(row) for row in range(len(gallery))]
    return Registrar(ground, lambda point: min(tiles, key=lambda tile: distance_m(tile.centre, point)))


def photo_of(heading_deg: float, m_per_px: float = 0.5) -> Image.Image:
    grey = terrain(SIDE, 7)
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    return Image.fromarray(view(ground, AT, heading_deg, m_per_px, (340, 260))).convert("RGB")


def truth(gallery: Gallery) -> LonLat:
    """Where the raster has that place: its upper left corner is that of the first tile."""
    corner = max((gallery.tile(row) for row in range(len(gallery))), key=lambda tile: tile.centre.lat - tile.centre.lon)
    return moved(corner.corners[0], *AT)


@pytest.mark.parametrize("stated", [Stated(40, -90, HEIGHT_M, FOCAL), Stated(None, None, HEIGHT_M, FOCAL), Stated()])
def test_a_photo_is_laid_where_it_was_taken(gallery, registrar, stated):
    found = registrar.register(photo_of(40), stated)
    assert found.located and distance_m(found.point, truth(gallery)) < 3 and not found.turned_round
    assert abs(found.heading_deg - 40) < 1.5 and found.radius_m < 10 and found.searched_km2 > 0.2
    assert found.pose.heading_deg == found.heading_deg
    assert found.pose.height_m == pytest.approx(HEIGHT_M, rel=0.12)
    assert found.fit is not None and found.fit.footprint.area > 0 and distance_m(found.fit.point, found.point) == 0
    assert found.fit.camera is not None and distance_m(found.fit.camera[0], found.point) < 40


def test_a_heading_that_is_180_degrees_off_is_found_and_said(registrar):
    found = registrar.register(photo_of(40), Stated(220, -90, HEIGHT_M, FOCAL))
    assert found.located and found.turned_round and abs(found.heading_deg - 40) < 1.5


@pytest.mark.parametrize(
    ("km2", "stated", "everywhere"),
    [
        (7, Stated(40, -90, 80, 24), True),
        (14, Stated(40, -90, 80, 24), False),
        (30, Stated(), True),
        (40, Stated(), False),
    ],
)
def test_how_much_ground_is_searched_without_a_place_that_tiles_propose(registrar, km2, stated, everywhere):
    """Over 7 km² the best eight tiles lacked the place of six among sixty photos of another date."""
    ground = registrar.ground
    larger = Ground(ground.folder, ground.sheets * round(km2 / ground.area_km2))
    assert Registrar(larger, lambda point: None).searches_all(stated) == everywhere


def test_places_are_searched_around(gallery, registrar):
    here, elsewhere = truth(gallery), moved(truth(gallery), 150, 150)
    stated = Stated(40, -90, HEIGHT_M, FOCAL)
    found = registrar.register(photo_of(40), stated, [elsewhere, here])
    assert found.located and distance_m(found.point, here) < 3
    assert registrar.register(photo_of(40), stated, [moved(here, 90_000, 0)]) is None


def test_a_place_that_is_not_allowed_is_not_found(registrar):
    assert registrar.register(photo_of(40), Stated(40, -90, HEIGHT_M, FOCAL), allowed=lambda point: False) is None


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        (Stated(0, -90, 0, 24), "height of 0 m"),
        (Stated(0, -90, -50, 24), "height of -50 m"),
        (Stated(0, -90, 10_000, 24), "height of 10000 m"),
        (Stated(0, -90, 80, 1), "focal length of 1 mm"),
        (Stated(0, 0, 80, 24), "pitch of 0 degrees"),
    ],
)
def test_a_pose_that_cannot_be_is_said(registrar, stated, named):
    with pytest.raises(RegistrationError, match=named):
        registrar.register(photo_of(0), stated)


def test_another_place_is_not_located(registrar):
    grey = terrain(300, 99)
    other = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    photo = Image.fromarray(view(other, (150, -150), 0, 0.5, (340, 260))).convert("RGB")
    found = registrar.register(photo, Stated(0, -90, HEIGHT_M, FOCAL))
    assert not found.located and found.probability < 0.5


def test_the_next_photo_of_a_flight_is_found_near_the_last_one_by_its_pose(gallery, registrar):
    last = registrar.register(photo_of(40), Stated(40, -90, HEIGHT_M, FOCAL))
    found = registrar.follow(photo_of(48), Stated(), last, 40.0)
    assert found.located and distance_m(found.point, truth(gallery)) < 3 and abs(found.heading_deg - 48) < 1.5
    assert found.pose.height_m == pytest.approx(HEIGHT_M, rel=0.12)


def test_what_a_photo_states_is_not_taken_from_the_one_before():
    pose = Pose(30, -80, 100, 24)
    assert Stated().completed(pose) == Stated(30, -80, 100, 24)
    assert Stated(50, -60, 70, 35).completed(pose) == Stated(50, -60, 70, 35)
    assert Stated(focal_35mm=48).completed(pose) == Stated(30, -80, 200, 48), "the same ground by a longer lens"
    assert Stated(height_m=70).completed(pose) == Stated(30, -80, 100, 24), "a height without a lens tells no scale"


def test_most_photos_of_a_flight_need_no_votes_and_the_others_have_them(registrar, monkeypatch):
    last = registrar.register(photo_of(40), Stated(40, -90, HEIGHT_M, FOCAL))
    asked = []
    plain = registrar.register
    monkeypatch.setattr(registrar, "register", lambda *given, **more: asked.append(more) or plain(*given, **more))
    assert registrar.follow(photo_of(48), Stated(), last, 40.0).placement.candidate.votes == 0
    foreign = Image.fromarray(terrain(SIDE, 12)[:260, :340]).convert("RGB")
    assert not registrar.follow(foreign, Stated(), last, 40.0).located
    assert asked == [{"voting": False}, {"voting": False}, {}]
