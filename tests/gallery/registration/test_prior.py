"""A hint is a weak prior: it falls with distance, has heavy tails, and off the map it speaks for elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gallery import Gallery
from gallery.geo import distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground, open_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.registration.canvas import around, whole
from gallery.registration.combine import Grid, posterior
from gallery.registration.locate import GroundMap
from gallery.registration.placement import CELL_M, grid_of
from gallery.registration.prior import MOST_GAIN, WRONG_HINT, Hint, log_prior
from gallery.registration.registrar import Registrar, Stated
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.ground_views import terrain, view

SIDE, AT = 500, (230.0, -260.0)
HEIGHT_M = 0.5 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    gallery = build_region(tmp_path_factory.mktemp("prior"), FakeEmbedder(), np.stack([terrain(SIDE, 7)] * 3))
    make_ground(gallery)
    return gallery


@pytest.fixture(scope="module")
def registrar(gallery: Gallery) -> Registrar:
    ground = open_ground(gallery)
    assert ground is not None
    return Registrar(ground, lambda point: gallery.tile(0))


def photo_of(seed: int) -> Image.Image:
    grey = terrain(SIDE, seed)
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    return Image.fromarray(view(ground, AT, 40, 0.5, (340, 260))).convert("RGB")


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_hint_falls_with_distance_within_its_bounds(one_m, other_m):
    near, far = Hint(None).log_gain(np.sort([one_m, other_m]))
    assert math.log(WRONG_HINT) <= far <= near <= math.log(WRONG_HINT + (1 - WRONG_HINT) * MOST_GAIN)


def test_a_hint_lies_where_it_points_on_every_part_of_a_canvas(gallery):
    ground = open_ground(gallery)
    centres = [gallery.tile(row).centre for row in (0, len(gallery) - 1)]
    for canvas in (whole(ground), around(ground, centres, near_m=80)):
        grid = grid_of(GroundMap(canvas.picture, canvas.keypoints))
        for point in centres:
            prior = log_prior(Hint(point, 20), canvas, grid)
            row, column = np.unravel_index(int(prior.argmax()), prior.shape)
            found = canvas.lonlat(grid.west_m + column * CELL_M, grid.north_m - row * CELL_M)
            assert prior.shape == grid.shape and distance_m(found, point) < CELL_M


def test_a_hint_off_the_map_speaks_for_elsewhere():
    grid = Grid(0, 0, 4, (10, 10))
    likelihood = np.full(grid.shape, -8.0)
    likelihood[4, 4] = 4.0
    far = np.full(grid.shape, float(Hint(None).log_gain(np.array(5000.0))))
    assert posterior(grid, likelihood, 4.0, far).absent > posterior(grid, likelihood, 4.0).absent + 0.2


@pytest.mark.parametrize("off_m", [0.0, 200.0, 5000.0])
def test_a_photo_is_found_whatever_the_hint(registrar, off_m):
    stated = Stated(40, -90, HEIGHT_M, 24)
    plain = registrar.register(photo_of(7), stated)
    found = registrar.register(photo_of(7), stated, hint=Hint(moved(plain.point, off_m, 0)))
    assert plain.placement.unhinted is None and found.placement.unhinted == pytest.approx(plain.probability)
    assert found.located and distance_m(found.point, plain.point) < 1
    assert (found.probability < plain.probability) == (off_m == 5000)


def test_a_hint_makes_no_place_of_a_foreign_photo(registrar, gallery):
    stated = Stated(40, -90, HEIGHT_M, 24)
    for seed in (11, 12, 13):
        plain = registrar.register(photo_of(seed), stated)
        for point in (plain.point, gallery.tile(0).centre):
            found = registrar.register(photo_of(seed), stated, hint=Hint(point))
            assert not plain.located and not found.located


def test_where_places_are_given_the_hint_is_looked_around_too(registrar, gallery):
    stated, plain = Stated(40, -90, HEIGHT_M, 24), registrar.register(photo_of(7), Stated(40, -90, HEIGHT_M, 24))
    found = registrar.register(photo_of(7), stated, [moved(plain.point, 90_000, 0)], hint=Hint(plain.point))
    assert found.located and distance_m(found.point, plain.point) < 3
    assert found.placement.candidates[0] == found.placement.candidate
