"""The probabilities of places add up with the rest and with elsewhere, and lie where the map has them."""

import numpy as np
import pytest
from PIL import Image

from gallery.geo import LonLat, distance_m, distances_m
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground, open_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.registration.places import place_probabilities
from gallery.registration.registrar import Registrar, Stated
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.ground_views import terrain, view

HEIGHT_M = 0.5 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM


@pytest.fixture(scope="module")
def registrar(tmp_path_factory: pytest.TempPathFactory) -> Registrar:
    gallery = build_region(tmp_path_factory.mktemp("places"), FakeEmbedder(), np.stack([terrain(500, 7)] * 3))
    make_ground(gallery)
    ground = open_ground(gallery)
    assert ground is not None
    return Registrar(ground, lambda point: gallery.tile(0))


@pytest.mark.parametrize(("seed", "here"), [(7, True), (11, False)])
def test_the_chances_add_up_and_lie_where_the_map_has_them(registrar, seed, here):
    grey = terrain(500, seed)
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    picture = Image.fromarray(view(ground, (230.0, -260.0), 40, 0.5, (340, 260))).convert("RGB")
    found = registrar.register(picture, Stated(40, -90, HEIGHT_M, 24))
    told = place_probabilities(found)
    assert told.chances.sum() + told.rest + told.absent == pytest.approx(1) and told.rest >= 0
    [box] = told.searched
    assert all(box.contains(LonLat(lon, lat)) for lon, lat in zip(told.lons, told.lats, strict=True))
    near = distances_m(found.point, told.lons, told.lats) <= 25
    assert told.chances[near].sum() == pytest.approx(found.probability, abs=0.02) and found.located == here
    best = int(told.chances.argmax())
    if found.fit is not None:
        assert distance_m(found.point, LonLat(told.lons[best], told.lats[best])) < 0.1
        assert told.spreads_m[best] == found.fit.radius_m / 2
    else:
        east, north = found.placement.posterior.best()
        assert distance_m(found.canvas.lonlat(east, north), LonLat(told.lons[best], told.lats[best])) < 0.1
